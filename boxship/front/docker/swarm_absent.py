"""Docker Engine API, swarm calls on a node that is in no swarm: dockerd's own refusal, which clients know."""

from aiohttp import web

from boxship.base.errors import Unavailable, Unsupported

routes = web.RouteTableDef()

NOT_A_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
NOT_IN_A_SWARM = "This node is not part of a swarm"


@routes.get("/swarm")
@routes.post("/swarm/{verb:update|unlock}")
@routes.get("/swarm/unlockkey")
@routes.view("/{noun:services|tasks|nodes|secrets|configs}")
@routes.view("/{noun:services|tasks|nodes|secrets|configs}/{rest:.+}")
async def refuse(request: web.Request) -> web.Response:
    raise Unavailable(NOT_A_MANAGER)


@routes.post("/swarm/leave")
async def leave(request: web.Request) -> web.Response:
    raise Unavailable(NOT_IN_A_SWARM)


@routes.post("/swarm/{verb:init|join}")
async def begin(request: web.Request) -> web.Response:
    raise Unsupported(f"swarm {request.match_info['verb']}: this release runs containers on one node only")
