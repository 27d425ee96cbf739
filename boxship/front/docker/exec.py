"""Docker Engine API: processes added to running containers, /containers/{ref}/exec and /exec/{id}."""

from aiohttp import web

from boxship.base.errors import PlatformError
from boxship.engine.execs import Session
from boxship.front.docker.attach import content_type
from boxship.front.docker.keys import EXECS
from boxship.front.docker.relay import Relay
from boxship.front.docker.wire import detach, stdcopy
from boxship.front.docker.wire import execs as wire
from boxship.front.rest import body, hijack, query, versions
from boxship.front.rest.connection import cancel_when_gone
from boxship.model.exec import ExecSpec

routes = web.RouteTableDef()


@routes.post("/containers/{ref}/exec")
async def create(request: web.Request) -> web.Response:
    spec = wire.parse_create(await body.read(request), versions.of(request))
    return body.reply({"Id": request.app[EXECS].create(request.match_info["ref"], spec)}, status=201)


@routes.post("/exec/{id}/start")
async def start(request: web.Request) -> web.StreamResponse:
    """200 at once when detached; else the connection becomes the process's streams."""
    exec_id, execs = request.match_info["id"], request.app[EXECS]
    asked = wire.parse_start(await body.read(request), versions.of(request))
    execs.require_startable(exec_id)
    if asked.detach:
        await execs.start(exec_id, detach=True, size=asked.size)
        return web.Response()
    # The answer goes out first: some clients lose output that comes right behind it.
    stream = await hijack.take_over(request, content_type(request, asked.tty))
    try:
        await _run(request, exec_id, stream, asked)
    finally:
        await stream.close()
    return stream.response


async def _run(request: web.Request, exec_id: str, stream: hijack.Stream, asked: wire.ExecStart) -> None:
    """Once the connection is taken over, a failure can only be told in the stream, as dockerd does."""
    execs = request.app[EXECS]
    spec = execs.inspect(exec_id).spec
    try:
        session = await execs.start(exec_id, detach=False, size=asked.size)
    except PlatformError as error:
        text = f"{error}\r\n".encode()
        await stream.write(text if asked.tty else stdcopy.frame(stdcopy.STDOUT, text))
        return
    assert session is not None
    cancel_when_gone(request)
    if await _relay(session, stream, spec, asked.tty).run():
        execs.detached(exec_id)


def _relay(session: Session, stream: hijack.Stream, spec: ExecSpec, tty: bool) -> Relay:
    return Relay(
        client=stream,
        console=session,
        stdin=spec.attach_stdin,
        ends_input=not spec.tty,
        keys=detach.parse(spec.detach_keys) if spec.tty else b"",
        framed=not tty,
    )


@routes.post("/exec/{id}/resize")
async def resize(request: web.Request) -> web.Response:
    height, width = query.required_number(request, "h"), query.required_number(request, "w")
    request.app[EXECS].resize(request.match_info["id"], height, width)
    return web.Response()


@routes.get("/exec/{id}/json")
async def inspect(request: web.Request) -> web.Response:
    return body.reply(wire.inspect(request.app[EXECS].inspect(request.match_info["id"])))
