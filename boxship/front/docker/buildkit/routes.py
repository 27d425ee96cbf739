"""Docker Engine API, /grpc and /session: where BuildKit's API begins. All else of it comes with the first call."""

import asyncio
import weakref
from typing import TYPE_CHECKING

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.front.docker.keys import BUILDER, IMAGES, NETWORKS, SYSTEM
from boxship.front.rest import hijack

if TYPE_CHECKING:
    from boxship.front.docker.buildkit.door import Door
    from boxship.front.docker.buildkit.wire.workers import Worker

routes = web.RouteTableDef()
KIND = "application/grpc"
_doors: "weakref.WeakKeyDictionary[web.Application, Door]" = weakref.WeakKeyDictionary()


def door_of(app: web.Application) -> "Door":
    """Return what all connections of an application share."""
    from boxship.front.docker.buildkit.door import Door

    if app not in _doors:
        _doors[app] = Door(app[BUILDER], app[IMAGES])
    return _doors[app]


def _about(app: web.Application) -> "Worker":
    from boxship.front.docker.buildkit.wire.workers import Worker

    facts = app[SYSTEM].facts()
    return Worker(
        id=facts.id,
        version=facts.version,
        platform=app[BUILDER].platform,
        gateway=next(iter(app[NETWORKS].host_gateways()), ""),
    )


def _upgrade(request: web.Request) -> None:
    if request.headers.get("Upgrade", "").lower() != "h2c":
        raise Invalid(f"{request.path} wants the headers Connection: Upgrade and Upgrade: h2c")


def http2(app: web.Application) -> asyncio.Protocol:
    """Return what serves the builder on a connection that begins with HTTP/2 at once."""
    from boxship.front.docker.buildkit import rpc, services

    return rpc.server_protocol(services.all_of(door_of(app), _about(app)))


@routes.post("/grpc")
async def grpc(request: web.Request) -> web.StreamResponse:
    """The builder's services, until the client hangs up."""
    _upgrade(request)
    from boxship.front.docker.buildkit import rpc, services

    spoken = services.all_of(door_of(request.app), _about(request.app))
    stream = await hijack.take_over(request, KIND, upgrade="h2c")
    try:
        await rpc.serve(stream, spoken)
    finally:
        await stream.close()
    return stream.response


@routes.post("/session")
async def session(request: web.Request) -> web.StreamResponse:
    """A session: from here on the client is the server, and what it offers stands in the request's headers."""
    _upgrade(request)
    from boxship.front.docker.buildkit.rpc import Held
    from boxship.front.docker.buildkit.session import Session, announced

    headers = {name.lower(): request.headers.getall(name) for name in request.headers}
    id, name, key, methods = announced(headers)
    if not id:
        raise Invalid("the header X-Docker-Expose-Session-Uuid is missing")
    sessions = door_of(request.app).sessions
    stream = await hijack.take_over(request, KIND, upgrade="h2c")
    channel = Held(stream.hand_over)
    opened = Session(id, name, key, methods, channel)
    try:
        await channel.start()
        await sessions.add(opened)
        await stream.closed.wait()
    finally:
        sessions.remove(opened)
        channel.close()
        await stream.close()
    return stream.response
