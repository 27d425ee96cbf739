# What `import boxship` offers, for type checkers: the module itself imports nothing before it is asked for, and this
# file, unlike imports under TYPE_CHECKING, is no import between the floors of the house.
from boxship.base.errors import Invalid as Invalid
from boxship.base.errors import NotFound as NotFound
from boxship.base.errors import PlatformError as PlatformError
from boxship.base.errors import Unavailable as Unavailable
from boxship.front.client.api import ApiError as ApiError
from boxship.front.client.asynchronous import Session as Session
from boxship.front.client.wire import Tls as Tls
from boxship.front.python.compose import Project as Project
from boxship.front.python.containers import CommandFailed as CommandFailed
from boxship.front.python.containers import Container as Container
from boxship.front.python.engine import Engine as Engine
from boxship.front.python.engine import connect as connect
from boxship.front.python.ground import Network as Network
from boxship.front.python.ground import Volume as Volume
from boxship.front.python.shapes import Event as Event
from boxship.front.python.shapes import Output as Output

__version__: str
