"""Docker Engine API: attach to a container's streams, by hijacked connection or web socket, and resize its terminal."""

import asyncio
from contextlib import suppress

from aiohttp import WSMsgType, web

from boxship.engine.streams import Attachment
from boxship.front.docker.keys import CONTAINERS, STREAMS
from boxship.front.docker.relay import Client, Relay
from boxship.front.docker.wire import detach
from boxship.front.rest import hijack, query, versions
from boxship.front.rest.connection import cancel_when_gone
from boxship.model.status import Container

MULTIPLEXED_SINCE = (1, 42)
BINARY_SINCE = (1, 28)
CHOOSING_SINCE = (1, 42)
# Seconds for the client to read the answer's head: docker-py loses what comes in together with it.
HEAD_START = 0.01
routes = web.RouteTableDef()


def content_type(request: web.Request, tty: bool) -> str:
    """Return what a stream of a process is called: framed only without a terminal, and only to whom knows the name."""
    framed = not tty and versions.of(request) >= MULTIPLEXED_SINCE
    return hijack.MULTIPLEXED if framed else hijack.RAW


@routes.post("/containers/{ref}/attach")
async def attach(request: web.Request) -> web.StreamResponse:
    """Answered before the container starts; the stream ends with the container, or when the user detaches."""
    keys = detach.parse(query.text(request, "detachKeys"))
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    names = {name for name in ("stdin", "stdout", "stderr") if query.boolean(request, name)}
    console = await _console(request, container, names)
    tty = container.spec.tty
    kind = content_type(request, tty) if "Upgrade" in request.headers else hijack.RAW
    try:
        stream = await hijack.take_over(request, kind)
    except BaseException:
        console.close()
        raise
    cancel_when_gone(request)
    try:
        if query.boolean(request, "logs"):  # output is there already
            await asyncio.sleep(HEAD_START)
        await _relay(request, container, console, stream, keys, framed=not tty)
    finally:
        await stream.close()
    return stream.response


@routes.get("/containers/{ref}/attach/ws")
async def attach_by_websocket(request: web.Request) -> web.StreamResponse:
    """As attach, never framed: what the process writes goes out in binary messages, in text ones before 1.28."""
    keys = detach.parse(query.text(request, "detachKeys"))
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    names = {"stdin", "stdout", "stderr"}
    if versions.of(request) >= CHOOSING_SINCE:
        names = {name for name in names if query.boolean(request, name)}
    console = await _console(request, container, names)
    socket = web.WebSocketResponse(autoping=True, max_msg_size=1 << 20)
    try:
        await socket.prepare(request)
    except BaseException:
        console.close()
        raise
    cancel_when_gone(request)
    client = _WebSocket(socket, binary=versions.of(request) >= BINARY_SINCE)
    await _relay(request, container, console, client, keys, framed=False)
    with suppress(ConnectionError):
        await socket.close()
    return socket


@routes.post("/containers/{ref}/resize")
async def resize(request: web.Request) -> web.Response:
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    height, width = query.required_number(request, "h"), query.required_number(request, "w")
    request.app[STREAMS].resize(container, height, width)
    return web.Response()


async def _console(request: web.Request, container: Container, names: set[str]) -> Attachment:
    return await request.app[STREAMS].attach(
        container,
        stdin="stdin" in names,
        stdout="stdout" in names,
        stderr="stderr" in names,
        stream=query.boolean(request, "stream"),
        logs=query.boolean(request, "logs"),
    )


async def _relay(
    request: web.Request, container: Container, console: Attachment, client: Client, keys: bytes, *, framed: bool
) -> None:
    spec = container.spec
    relay = Relay(
        client=client,
        console=console,
        stdin=console.stdin,
        ends_input=spec.stdin_once and not spec.tty,
        keys=keys if spec.tty else b"",
        framed=framed,
    )
    if await relay.run():
        request.app[STREAMS].detached(container)


class _WebSocket:
    """A web socket as a stream of bytes."""

    def __init__(self, socket: web.WebSocketResponse, binary: bool) -> None:
        self.closed = asyncio.Event()
        self._socket = socket
        self._binary = binary

    async def read(self) -> bytes:
        while True:
            message = await self._socket.receive()
            if message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
                data = message.data.encode() if message.type is WSMsgType.TEXT else message.data
                if data:
                    return bytes(data)
            elif message.type is not WSMsgType.CONTINUATION:
                self.closed.set()
                return b""

    async def write(self, data: bytes) -> None:
        if self._binary:
            await self._socket.send_bytes(data)
        else:
            await self._socket.send_str(data.decode(errors="replace"))
