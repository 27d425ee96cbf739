"""Docker Engine API, building images: refused in plain words until there is a builder."""

from aiohttp import web

from boxship.base.errors import Unsupported
from boxship.front.rest import body

routes = web.RouteTableDef()

NO_BUILDER = "building images is not supported by this release of Boxship: import or load an image instead"


@routes.post("/build")
@routes.post("/build/cancel")
@routes.post("/session")
@routes.post("/grpc")
async def refuse(request: web.Request) -> web.Response:
    raise Unsupported(NO_BUILDER)


@routes.post("/build/prune")
async def prune(request: web.Request) -> web.Response:
    """Nothing is cached, so `docker system prune` goes on."""
    return body.reply({"CachesDeleted": None, "SpaceReclaimed": 0})
