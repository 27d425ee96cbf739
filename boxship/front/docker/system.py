"""Docker Engine API, the daemon itself: ping, version, info, disk usage, login."""

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.front.docker.keys import BUILDER, CLOCK, SYSTEM
from boxship.front.docker.wire import info as wire_info
from boxship.front.docker.wire import usage as wire_usage
from boxship.front.rest import body, query, versions

routes = web.RouteTableDef()

_PING = {
    "Builder-Version": "2",
    "Swarm": "inactive",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
}


@routes.get("/_ping", allow_head=False)
async def ping(request: web.Request) -> web.Response:
    return web.Response(text="OK", headers=_PING)


@routes.head("/_ping")
async def ping_head(request: web.Request) -> web.Response:
    return web.Response(headers={**_PING, "Content-Length": "0"}, content_type="text/plain", charset="utf-8")


@routes.options("/{path:.*}")
async def options(request: web.Request) -> web.Response:
    return web.Response()


@routes.get("/version")
async def version(request: web.Request) -> web.Response:
    return body.reply(wire_info.render_version(request.app[SYSTEM].facts()))


@routes.get("/info")
async def info(request: web.Request) -> web.Response:
    system = request.app[SYSTEM]
    return body.reply(wire_info.render_info(system.facts(), system.counts(), request.app[CLOCK].now()))


@routes.get("/system/df")
async def disk_usage(request: web.Request) -> web.Response:
    """`type`, repeatable: container, image, volume, build-cache; all without it."""
    kinds = query.many(request, "type") if versions.of(request) >= (1, 42) else ()
    for kind in kinds:
        if kind not in wire_usage.KINDS:
            raise Invalid(f"unknown object type: {kind}")
    found = await request.app[SYSTEM].usage(kinds or wire_usage.KINDS)
    cache = await request.app[BUILDER].usage() if not kinds or "build-cache" in kinds else None
    return body.reply(wire_usage.render(found, request.app[CLOCK].now(), versions.of(request), cache))
