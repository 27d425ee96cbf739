"""Docker Engine API: GET /containers/{ref}/stats and /top."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from boxship.base import codec
from boxship.engine.sample import Sample
from boxship.front.docker.keys import CONTAINERS, STATS, TOP
from boxship.front.docker.wire import stats as wire
from boxship.front.rest import body, query, versions
from boxship.front.rest.connection import cancel_when_gone
from boxship.model.status import Container

ONE_SHOT_SINCE = (1, 41)
routes = web.RouteTableDef()


@routes.get("/containers/{ref}/stats")
async def stats(request: web.Request) -> web.StreamResponse:
    """A message a second; with stream=0 one, from two readings a second apart unless one-shot."""
    container, service = request.app[CONTAINERS].get(request.match_info["ref"]), request.app[STATS]
    if query.boolean(request, "stream", True):
        return await _stream(request, container, service.follow(container))
    one_shot = versions.of(request) >= ONE_SHOT_SINCE and query.boolean(request, "one-shot")
    before, now = (None, service.once(container)) if one_shot else await _two(service.follow(container))
    return body.reply(wire.render(container.name, container.id, now, before))


async def _two(samples: AsyncGenerator[Sample | None, None]) -> tuple[Sample | None, Sample | None]:
    """Return the first and the second sample; only one, and at once, of a container that does not run."""
    async with aclosing(samples) as source:
        before = await anext(source)
        return before, (await anext(source, None) if before else None)


async def _stream(
    request: web.Request, container: Container, samples: AsyncGenerator[Sample | None, None]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    cancel_when_gone(request)
    before: Sample | None = None
    async with aclosing(samples) as source:
        async for now in source:
            await response.write(codec.encode(wire.render(container.name, container.id, now, before)) + b"\n")
            before = now
    await response.write_eof()
    return response


@routes.get("/containers/{ref}/top")
async def top(request: web.Request) -> web.Response:
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    table = await request.app[TOP].top(container, query.text(request, "ps_args"))
    return body.reply({"Titles": table.titles, "Processes": table.processes})
