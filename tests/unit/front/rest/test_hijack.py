"""Connections taken over, over real sockets: unix, TCP and TLS, with asyncio's loop and with uvloop.

The client is a blocking socket in a thread, so that nothing but the kernel is between it and the server.
"""

import asyncio
import contextlib
import functools
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from boxship.base.errors import NotFound
from boxship.front.rest import hijack
from boxship.front.rest.app import Server, rest_app
from boxship.front.rest.tls import server_context
from tests.unit.front.rest import certificates

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
KINDS = ("unix", "tcp", "tls")
UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"
BIG = os.urandom(1 << 16) * 32  # 2 MiB, more than all buffers on the way

routes = web.RouteTableDef()


@routes.get("/_ping")
async def ping(request: web.Request) -> web.Response:
    return web.Response(text="OK")


@routes.post("/upload")
async def upload(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


@routes.post("/containers/{ref}/attach")
async def echo(request: web.Request) -> web.StreamResponse:
    """Send back all input once it has ended, then a last word."""
    if request.match_info["ref"] == "none":
        raise NotFound("No such container: none")
    stream = await hijack.take_over(request, hijack.RAW)
    heard = b""
    while data := await stream.read():
        heard += data
    await stream.write(heard)
    await stream.write(b"<end>")
    await stream.close()
    return stream.response


@routes.post("/exec/{ref}/start")
async def talk(request: web.Request) -> web.StreamResponse:
    """Write first and end first; say what the body was."""
    body = await request.read()
    if b"Detach" in body:
        return web.Response(text="detached")
    stream = await hijack.take_over(request, hijack.MULTIPLEXED)
    await stream.write(b"[" + body + b"]")
    await stream.write(BIG)
    await stream.close()
    return stream.response


@routes.post("/session")
async def break_stream(request: web.Request) -> web.StreamResponse:
    stream = await hijack.take_over(request, hijack.RAW, upgrade="h2c")
    await stream.write(b"so far")
    raise NotFound("gone meanwhile")


@routes.get("/half")
async def break_answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"so far")
    raise ValueError("a bug")


class Place:
    """A listening server. `connect` gives a blocking client socket."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.server: Server
        self._folder = folder
        self._address: Any = str(folder / "s")

    async def open(self) -> None:
        self.server = await Server.start(rest_app([routes], headers={"Api-Version": "1.51"}))
        family = socket.AF_UNIX if self.kind == "unix" else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.bind(self._address if self.kind == "unix" else ("127.0.0.1", 0))
        self._address = sock.getsockname()
        files = [str(self._folder / name) for name in ("cert.pem", "key.pem", "ca.pem")]
        await self.server.listen(sock, server_context(*files) if self.kind == "tls" else None)

    def connect(self) -> "Wire":
        sock = socket.socket(socket.AF_UNIX if self.kind == "unix" else socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(10)
        sock.connect(self._address)
        if self.kind != "tls":
            return Wire(sock)
        context = ssl.create_default_context(cafile=str(self._folder / "ca.pem"))
        context.load_cert_chain(str(self._folder / "cert.pem"), str(self._folder / "key.pem"))
        return TlsWire(sock, context)


class Wire:
    """A blocking client whose two halves end apart."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def receive(self) -> bytes:
        return self.sock.recv(65536)

    def read_all(self) -> bytes:
        """Return everything up to the server's end; a reset shows at the end."""
        found = bytearray()
        try:
            while data := self.receive():
                found += data
        except ConnectionResetError:
            found += b"<reset>"
        return bytes(found)

    def read_until(self, mark: bytes) -> bytes:
        found = b""
        while mark not in found:
            data = self.receive()
            assert data, f"the server ended after {found!r}"
            found += data
        return found


class TlsWire(Wire):
    """As Go's crypto/tls: `end` sends close_notify at once and goes on reading."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="127.0.0.1")
        self._step(self._tls.do_handshake)

    def _step(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                result = act()
            except ssl.SSLWantReadError:
                self.sock.sendall(self._out.read())
                data = self.sock.recv(65536)
                if not data:
                    self._in.write_eof()
                self._in.write(data)
            else:
                self.sock.sendall(self._out.read())
                return result

    def send(self, data: bytes) -> None:
        self._step(lambda: self._tls.write(data))

    def end(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.sock.sendall(self._out.read())

    def receive(self) -> bytes:
        try:
            found: bytes = self._step(lambda: self._tls.read(65536))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    certificates.write(path)
    return path


Client = Callable[[Place], Any]


def run(loop_name: str, kind: str, folder: Path, client: Client) -> Any:
    """Serve on a loop of the given kind while `client` runs in a thread; return its result."""

    async def main() -> Any:
        place = Place(kind, folder)
        (folder / "s").unlink(missing_ok=True)
        await place.open()
        try:
            return await asyncio.get_running_loop().run_in_executor(None, functools.partial(client, place))
        finally:
            await place.server.stop(grace=0)

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        return runner.run(main())


def request(path: str, headers: bytes = UPGRADE, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n".encode() if body else b""
    return b"POST " + path.encode() + b" HTTP/1.1\r\nHost: docker\r\n" + headers + length + b"\r\n" + body


each_way = pytest.mark.parametrize(("loop", "kind"), [(loop, kind) for loop in LOOPS for kind in KINDS])


@each_way
def test_bytes_right_behind_the_headers_are_input(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(request("/v1.41/containers/x/attach?stream=1") + b"GET / HTTP/1.1\r\n\r\nhello")
            wire.end()
            return wire.read_all()

    head, _, rest = run(loop, kind, folder, client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n")
    assert head.endswith(b"Connection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.51")
    assert rest == b"GET / HTTP/1.1\r\n\r\nhello<end>"


@each_way
def test_megabytes_right_behind_the_headers_all_come_back(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            found: list[bytes] = []
            reader = threading.Thread(target=lambda: found.append(wire.read_all()))
            if kind != "tls":  # one TLS object serves one thread
                reader.start()
            wire.send(request("/containers/x/attach") + BIG)
            wire.end()
            if kind == "tls":
                return wire.read_all()
            reader.join()
            return found[0]

    found = run(loop, kind, folder, client).partition(b"\r\n\r\n")[2]
    assert len(found) == len(BIG) + 5
    assert found == BIG + b"<end>"


@each_way
def test_input_after_the_answer_and_then_the_end_of_it(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(request("/containers/x/attach"))
            head = wire.read_until(b"\r\n\r\n")
            for word in (b"one ", b"two ", b"three"):
                wire.send(word)
            wire.end()
            return head + wire.read_all()

    assert run(loop, kind, folder, client).endswith(b"\r\n\r\none two three<end>")


@each_way
def test_our_output_outlives_a_client_that_still_sends(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(request("/exec/e/start", body=b'{"Tty":false}') + b"never read" * 1000)
            return wire.read_all()

    head, _, rest = run(loop, kind, folder, client).partition(b"\r\n\r\n")
    assert b"multiplexed-stream" in head
    assert len(rest) == len(BIG) + 15
    assert rest == b'[{"Tty":false}]' + BIG


@each_way
def test_without_upgrade_the_answer_is_200(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(request("/containers/x/attach", headers=b"") + b"in")
            wire.end()
            return wire.read_all()

    found = run(loop, kind, folder, client)
    assert found.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n")
    assert found.endswith(b"\r\n\r\nin<end>")


@each_way
def test_a_refused_take_over_leaves_the_connection_to_http(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(request("/containers/none/attach"))
            first = wire.read_until(b'none"}\n')
            wire.send(request("/exec/e/start", body=b'{"Detach":true}') + b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
            rest = wire.read_until(b"OK")
            wire.send(b"GET /v1.24/_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            return first + rest + wire.read_all()

    found = run(loop, kind, folder, client)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"404", b"200", b"200", b"200"]
    assert b"detached" in found


@each_way
def test_a_failure_after_the_take_over_only_ends_the_stream(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(request("/session", headers=b"Connection: Upgrade\r\nUpgrade: h2c\r\n"))
            return wire.read_all()

    found = run(loop, kind, folder, client)
    assert b"Upgrade: h2c\r\n" in found
    assert found.endswith(b"\r\n\r\nso far")


@each_way
def test_a_failure_in_the_middle_of_an_answer_breaks_off(loop: str, kind: str, folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(b"GET /half HTTP/1.1\r\nHost: d\r\n\r\n")
            return wire.read_all()

    assert run(loop, kind, folder, client).endswith(b"\r\n\r\n6\r\nso far\r\n")


PIECES = {
    "byte by byte": 1,
    "in sevens": 7,
    "in one piece": 1 << 20,
}


@pytest.mark.parametrize("size", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
@pytest.mark.parametrize("loop", LOOPS)
def test_however_the_bytes_arrive(loop: str, chunked: bool, size: int, folder: Path) -> None:
    whole = request("/exec/e/start", body=b'{"a":1}')
    if chunked:
        headers = UPGRADE + b"Transfer-Encoding: chunked\r\n"
        whole = request("/exec/e/start", headers) + b'3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n'

    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            text = whole + b"behind"
            for at in range(0, len(text), size):
                wire.send(text[at : at + size])
            return wire.read_all()

    assert run(loop, "tcp", folder, client).partition(b"\r\n\r\n")[2] == b'[{"a":1}]' + BIG


def test_a_body_that_looks_like_an_attach_is_a_body(folder: Path) -> None:
    def client(place: Place) -> bytes:
        with place.connect() as wire:
            wire.send(b"POST /upload HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 60\r\n\r\n")
            wire.send(b"POST /containers/x/attach HTTP/1.1\r\n\r\n".ljust(60))
            return wire.read_all()

    assert run("asyncio", "tcp", folder, client).endswith(b"60")


def test_stop_ends_streams_that_are_open(folder: Path) -> None:
    async def main() -> None:
        place = Place("unix", folder)
        (folder / "s").unlink(missing_ok=True)
        await place.open()
        reader, writer = await asyncio.open_unix_connection(str(folder / "s"))
        writer.write(request("/containers/x/attach"))
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(3):
            await place.server.stop(grace=0)
            assert await reader.read() == b""
        writer.close()

    asyncio.run(main())
