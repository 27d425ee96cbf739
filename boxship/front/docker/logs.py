"""Docker Engine API: GET /containers/{ref}/logs."""

import asyncio
from contextlib import suppress

from aiohttp import web

from boxship.base.errors import Invalid, PlatformError
from boxship.engine.logs import LogQuery
from boxship.front.docker.attach import content_type
from boxship.front.docker.keys import CLOCK, CONTAINERS, LOGS
from boxship.front.docker.wire import logs as wire
from boxship.front.rest import query
from boxship.front.rest.connection import cancel_when_gone
from boxship.model.status import Container, State

routes = web.RouteTableDef()
BRIEF = 200_000_000  # nanoseconds after its start in which a short command may still end


@routes.get("/containers/{ref}/logs")
async def logs(request: web.Request) -> web.StreamResponse:
    """Everything that can be refused is refused before the first byte; what fails later is told inside the stream."""
    asked = _query(request)
    container, service = request.app[CONTAINERS].get(request.match_info["ref"]), request.app[LOGS]
    service.check(container)
    if not asked.follow:
        await _settled(request, container)
    framed, timestamps = not container.spec.tty, query.boolean(request, "timestamps")
    prefix = wire.details(service.attributes(container)) if query.boolean(request, "details") else b""
    response = web.StreamResponse(headers={"Content-Type": content_type(request, container.spec.tty)})
    response.enable_chunked_encoding()
    await response.prepare(request)
    cancel_when_gone(request)
    try:
        async for lines in service.read(container, asked):
            await response.write(wire.render(lines, framed=framed, timestamps=timestamps, prefix=prefix))
    except (PlatformError, OSError) as error:
        if isinstance(error, ConnectionError):
            raise
        await response.write(wire.failure(str(error), framed=framed))
    await response.write_eof()
    return response


async def _settled(request: web.Request, container: Container) -> None:
    """Let a command that was started a moment ago end. Clients written for engines whose start takes as long ask for
    the log of a short command right after it, and expect all it wrote."""
    left = container.status.started_at + BRIEF - request.app[CLOCK].now()
    if container.status.state is not State.RUNNING or not 0 < left <= BRIEF:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(left / 1e9):
            await request.app[CONTAINERS].wait(container.id, "not-running").result()


def _query(request: web.Request) -> LogQuery:
    stdout, stderr = query.boolean(request, "stdout"), query.boolean(request, "stderr")
    if not stdout and not stderr:
        raise Invalid("Bad parameters: you must choose at least one stream")
    return LogQuery(
        stdout=stdout,
        stderr=stderr,
        since=wire.moment(query.text(request, "since")),
        until=wire.moment(query.text(request, "until")),
        tail=wire.tail(query.text(request, "tail")),
        follow=query.boolean(request, "follow"),
    )
