"""An extension of ours, /boxship/chronicle: what happened to one container, also after it has gone."""

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.front.docker.keys import CHRONICLE
from boxship.front.docker.wire import events
from boxship.front.rest import body, versions

routes = web.RouteTableDef()


@routes.get("/boxship/chronicle")
async def chronicle(request: web.Request) -> web.Response:
    """200 {"Events": [as /events has them, …]}, oldest first; `container` is an id, its beginning, or a name.

    An empty list for a container that nobody remembers. Only events that tell of a state are kept: at most 32 of each.
    """
    ref = request.query.get("container", "")
    if not ref:
        raise Invalid("container: want the id or name of one, as in ?container=web")
    version = versions.of(request)
    return body.reply({"Events": [events.render(event, version) for event in request.app[CHRONICLE].of(ref)]})
