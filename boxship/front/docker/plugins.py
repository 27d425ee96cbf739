"""Docker Engine API, /plugins: there are none, and none can be installed."""

from aiohttp import web

from boxship.base.errors import NotFound, Unsupported
from boxship.front.rest import body

routes = web.RouteTableDef()


@routes.get("/plugins")
async def listing(request: web.Request) -> web.Response:
    return body.reply([])


@routes.get("/plugins/privileges")
@routes.post("/plugins/{verb:pull|create}")
async def install(request: web.Request) -> web.Response:
    raise Unsupported("Docker plugins are not supported: volumes, networks and logs have built-in drivers only")


@routes.get("/plugins/{name:.+}/json")
@routes.delete("/plugins/{name:.+}")
@routes.post("/plugins/{name:.+}/{verb:enable|disable|upgrade|push|set}")
async def absent(request: web.Request) -> web.Response:
    raise NotFound(f'plugin "{request.match_info["name"]}" not found')
