"""Docker Engine API, /networks."""

from aiohttp import web

from boxship.front.docker.keys import CLOCK, CONTAINERS, NETWORKS
from boxship.front.docker.wire import networks as wire
from boxship.front.rest import body, filters, query, versions
from boxship.model.network import Network

routes = web.RouteTableDef()


@routes.get("/networks")
@routes.get("/networks/")
async def listing(request: web.Request) -> web.Response:
    """Without the containers in them, as Docker has it."""
    networks = request.app[NETWORKS]
    asked = filters.of(request, wire.LIST_KEYS)
    return body.reply([wire.render(network) for network in wire.select(networks.all(), asked, networks.in_use())])


@routes.post("/networks/create")
async def create(request: web.Request) -> web.Response:
    asked, version = await body.read(request), versions.of(request)
    unique = wire.wants_unique(asked, version)
    network, warning = await request.app[NETWORKS].create(wire.parse(asked, version), unique)
    return body.reply({"Id": network.id, "Warning": warning}, status=201)


@routes.post("/networks/prune")
async def prune(request: web.Request) -> web.Response:
    asked = filters.of(request, wire.PRUNE_KEYS)
    gone = await request.app[NETWORKS].prune(wire.prunable(asked, request.app[CLOCK].now()))
    return body.reply({"NetworksDeleted": gone or None})


@routes.get("/networks/{ref}")
async def show(request: web.Request) -> web.Response:
    wire.check_verbose(request.query.get("verbose", ""))
    network = _found(request)
    members = request.app[NETWORKS].members(network)
    containers = request.app[CONTAINERS]
    names = {container_id: containers.get(container_id).name for container_id in members}
    return body.reply(wire.render_full(network, members, names))


@routes.delete("/networks/{ref}")
async def remove(request: web.Request) -> web.Response:
    await request.app[NETWORKS].remove(request.match_info["ref"])
    return body.empty()


@routes.post("/networks/{ref}/connect")
async def connect(request: web.Request) -> web.Response:
    container, endpoint = wire.parse_connect(await body.read(request))
    await request.app[NETWORKS].connect(request.match_info["ref"], container, endpoint)
    return body.empty(200)


@routes.post("/networks/{ref}/disconnect")
async def disconnect(request: web.Request) -> web.Response:
    container, force = wire.parse_disconnect(await body.read(request))
    await request.app[NETWORKS].disconnect(request.match_info["ref"], container, force)
    return body.empty(200)


def _found(request: web.Request) -> Network:
    scope = query.text(request, "scope")
    return wire.in_scope(request.app[NETWORKS].get(request.match_info["ref"]), scope)
