"""Docker Engine API: processes added to running containers, /containers/{ref}/exec and /exec/{id}."""

from aiohttp import web

from boxship.engine.execs import Session
from boxship.front.docker.attach import content_type
from boxship.front.docker.keys import EXECS
from boxship.front.docker.relay import Relay
from boxship.front.docker.wire import detach
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
    asked, exec_id, execs = await body.read(request), request.match_info["id"], request.app[EXECS]
    spec = execs.inspect(exec_id).spec
    tty, away = wire.flag(asked, "Tty"), wire.flag(asked, "Detach")
    size = wire.size(asked) if tty and versions.of(request) >= wire.SIZE_SINCE else None
    session = await execs.start(exec_id, detach=away, size=size)
    if session is None:
        return web.Response()
    try:
        stream = await hijack.take_over(request, content_type(request, tty))
    except BaseException:
        session.close()
        raise
    cancel_when_gone(request)
    try:
        if await _relay(session, stream, spec, tty).run():
            execs.detached(exec_id)
    finally:
        await stream.close()
    return stream.response


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
