"""The awaitable engine for code that awaits nothing: an event loop in a thread, and objects whose calls block."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from boxship.base.errors import PlatformError
from boxship.front.client.api import ApiError
from boxship.front.python import compose, containers, engine, ground
from boxship.front.python.shapes import ContainerDetails, Output

T = TypeVar("T")
GONE = (404, 409)  # removed already, or about to be


class Portal:
    """A connected engine. `close` when done. Raises Unavailable, Invalid when there is no daemon to talk to."""

    def __init__(self, host: str = "") -> None:
        self.engine = engine.connect(host)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="boxship", daemon=True)
        self._thread.start()
        try:
            self.run(self.engine.__aenter__())
            self.run(self.engine.ping())
        except BaseException:
            self.close()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, or raise what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self.run(self.engine.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def container(self, image: str, command: Sequence[str] | None = None, **options: Any) -> "Running":
        return Running(self, self.run(self.engine.containers.run(image, command, **options)))

    def network(self, name: str, labels: Mapping[str, str]) -> "Network":
        return Network(self, self.run(self.engine.networks.create(name, labels=labels)))

    def project(
        self, path: str | os.PathLike[str], name: str, environment: Mapping[str, str] | None = None
    ) -> "Project":
        return Project(self, self.engine.compose(path, name=name, environment=environment))


class Running:
    """A container; calls block."""

    def __init__(self, portal: Portal, container: containers.Container) -> None:
        self._portal = portal
        self._container = container
        self.id = container.id

    @property
    def name(self) -> str:
        return self._portal.run(self._container.name())

    @property
    def address(self) -> str:
        """Its IPv4 address. Raises NotFound."""
        return self._portal.run(self._container.address())

    def port(self, port: str) -> tuple[str, int]:
        """Return (address, port) where "80" or "80/tcp" is published. Raises NotFound."""
        return self._portal.run(self._container.port(port))

    def inspect(self) -> ContainerDetails:
        return self._portal.run(self._container.inspect())

    def exec(self, *command: str, check: bool = True, **options: Any) -> Output:
        """Run a command in it. Raises CommandFailed for any code but 0, unless `check` is False."""
        return self._portal.run(self._container.exec(command, check=check, **options))

    def logs(self) -> Output:
        return self._portal.run(self._container.logs())

    def wait(self) -> int:
        return self._portal.run(self._container.wait())

    def start(self) -> None:
        self._portal.run(self._container.start())

    def stop(self, grace: int | None = None) -> None:
        self._portal.run(self._container.stop(grace))

    def remove(self) -> None:
        """Remove it, running or not, with its anonymous volumes; having gone already is no error."""
        try:
            self._portal.run(self._container.remove(force=True, volumes=True))
        except ApiError as error:
            if error.code not in GONE:
                raise


class Network:
    """A network; calls block."""

    def __init__(self, portal: Portal, network: ground.Network) -> None:
        self._portal = portal
        self._network = network
        self.name = network.name

    def connect(self, container: Running, *aliases: str) -> None:
        self._portal.run(self._network.connect(container.id, aliases=aliases))

    def disconnect(self, container: Running) -> None:
        self._portal.run(self._network.disconnect(container.id))

    def remove(self) -> None:
        """Remove it, whoever is still connected; having gone already is no error."""
        try:
            for id in self._portal.run(self._network.members()):
                self._portal.run(self._network.disconnect(id, force=True))
            self._portal.run(self._network.remove())
        except ApiError as error:
            if error.code != 404:
                raise


class Project:
    """A compose project; calls block."""

    def __init__(self, portal: Portal, project: compose.Project) -> None:
        self._portal = portal
        self._project = project

    @property
    def name(self) -> str:
        return self._project.name

    def up(self, *services: str) -> None:
        """Bring it up and wait until it is healthy. Raises PlatformError; nothing is left of it then."""
        try:
            self._portal.run(self._project.up(*services))
        except PlatformError:
            self.down()
            raise

    def down(self) -> None:
        """Take it down with its volumes, at once."""
        self._portal.run(self._project.down(volumes=True, grace=0))

    def container(self, service: str) -> Running:
        """Return the first container of a service. Raises NotFound."""
        return Running(self._portal, self._portal.run(self._project.container(service)))

    def port(self, service: str, port: str) -> tuple[str, int]:
        """Return (address, port) where a service's port is published. Raises NotFound."""
        return self.container(service).port(port)
