"""Docker Engine API, /volumes."""

from aiohttp import web

from boxship.base.errors import Unavailable
from boxship.front.docker.keys import CLOCK, VOLUMES
from boxship.front.docker.wire import volumes as wire
from boxship.front.rest import body, filters, query, versions

routes = web.RouteTableDef()
_NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)


@routes.get("/volumes")
async def listing(request: web.Request) -> web.Response:
    volumes = request.app[VOLUMES]
    asked = filters.of(request, wire.LIST_KEYS)
    used = volumes.in_use()
    found = wire.select(volumes.all(), asked, used)
    return body.reply({"Volumes": [wire.render(volume) for volume in found], "Warnings": None})


@routes.post("/volumes/create")
async def create(request: web.Request) -> web.Response:
    """201 also for a volume that is there already."""
    volume = await request.app[VOLUMES].create(wire.parse(await body.read(request)))
    return body.reply(wire.render(volume), status=201)


@routes.post("/volumes/prune")
async def prune(request: web.Request) -> web.Response:
    """Anonymous volumes only, from API 1.42 on, unless the filter `all` is true."""
    asked = filters.of(request, wire.PRUNE_KEYS)
    everything = asked.boolean("all") or versions.of(request) < (1, 42)
    wanted = wire.prunable(asked, request.app[CLOCK].now())
    gone, reclaimed = await request.app[VOLUMES].prune(wanted, unnamed_only=not everything)
    return body.reply({"VolumesDeleted": gone, "SpaceReclaimed": reclaimed})


@routes.get("/volumes/{name}")
async def show(request: web.Request) -> web.Response:
    return body.reply(wire.render(request.app[VOLUMES].get(request.match_info["name"])))


@routes.put("/volumes/{name}")
async def update(request: web.Request) -> web.Response:
    """Only cluster volumes can be updated."""
    raise Unavailable(_NO_SWARM)


@routes.delete("/volumes/{name}")
async def remove(request: web.Request) -> web.Response:
    await request.app[VOLUMES].remove(request.match_info["name"], force=query.boolean(request, "force"))
    return body.empty()
