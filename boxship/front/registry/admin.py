"""What is not in the specification: collect, and tell how we are. Needs the right `admin` where one can log in."""

import dataclasses

from aiohttp import web

from boxship.front.registry.keys import DOOR, METRICS, REGISTRY
from boxship.front.registry.listing import reply

routes = web.RouteTableDef()


@routes.post("/boxship/collect")
async def collect(request: web.Request) -> web.Response:
    """Collect now; `dry=1` only tells what retention would remove."""
    await request.app[DOOR].admit(request, "", "admin")
    report = await request.app[REGISTRY].collector.collect(dry=request.query.get("dry") == "1")
    return reply(dataclasses.asdict(report))


@routes.get("/boxship/metrics")
@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    await request.app[DOOR].admit(request, "", "admin")
    return request.app[METRICS].response(request.app[REGISTRY].collector.freed)


@routes.get("/")
@routes.get("/healthz")
async def health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
