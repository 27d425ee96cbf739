"""Take a connection over from HTTP: attach, exec, session.

    stream = await hijack.take_over(request, hijack.RAW)
    while data := await stream.read(): ...   # b"" once the client has ended its half; ours stays open
    await stream.write(b"...")               # waits while the client does not read
    await stream.close()
    return stream.response

Not one byte is lost: neither what the client sent right behind its request, nor our last output when it still sends.
With `Upgrade` in the request the answer is 101, else 200, as dockerd does. Source: Docker Engine API, ContainerAttach.
"""

import asyncio
import select
from collections.abc import Mapping
from typing import cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from boxship.front.rest.connection import Connection

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
CHUNK = 32 * 1024
BUFFER = 256 * 1024
LOOK = 5.0  # seconds between two looks whether a client that has ended its half is still there
LINGER = 2.0  # seconds that a client may take to end its half after we ended ours
HEADERS: web.AppKey[Mapping[str, str]] = web.AppKey("hijack_headers")
STARTED: web.RequestKey[bool] = web.RequestKey("started")  # set once an answer's headers went out


class Hijacked(web.Response):
    """What a handler returns after a take-over: nothing more goes out."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._eof_sent = True
        self._keep_alive = False
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class _Protocol(asyncio.StreamReaderProtocol):
    """Keeps our half open when the client ends its own, also over TLS (see tls)."""

    def eof_received(self) -> bool:
        super().eof_received()
        return True


class Stream:
    """A connection that is ours alone. `closed` is set once it is gone for good."""

    def __init__(self, connection: Connection) -> None:
        self.closed = asyncio.Event()
        self.response = Hijacked()
        self._connection = connection
        loop = asyncio.get_running_loop()
        transport, behind, ended = connection.take_over()
        self._reader = asyncio.StreamReader(limit=BUFFER, loop=loop)
        self._protocol = _Noticing(self._reader, self.closed, loop)
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._transport = transport
        self._writer = asyncio.StreamWriter(transport, self._protocol, self._reader, loop)
        transport.resume_reading()
        if behind:
            self._reader.feed_data(behind)
        if ended:
            self._reader.feed_eof()

    async def read(self, size: int = CHUNK) -> bytes:
        """Return at most `size` bytes, b"" at the end of the client's half or when it has gone."""
        try:
            return await self._reader.read(size)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Raises ConnectionResetError when the client has gone."""
        if self.closed.is_set():
            raise ConnectionResetError("the client has gone")
        self._writer.write(data)
        await self._writer.drain()

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Give the connection to another protocol, with all bytes that came in and were not read. It must `close` the
        transport itself; `closed` is set then."""
        transport, unread = self._transport, bytes(self._reader._buffer)  # type: ignore[attr-defined]
        told = _Told(protocol, self.closed)
        transport.set_protocol(told)
        told.connection_made(transport)
        if unread:
            told.data_received(unread)
        if self.closed.is_set() or transport.is_closing() or self._reader.at_eof():
            told.connection_lost(None)
        elif not transport.is_reading():
            transport.resume_reading()

    async def close(self) -> None:
        """End the stream after all that was written. Safe to repeat."""
        transport = self._transport
        if self._connection.transport is not None:
            self._connection.leave()
        if transport.is_closing():
            return
        if not transport.can_write_eof() or self._reader.at_eof():
            transport.close()
            return
        transport.write_eof()  # closing with unread input would reset the connection and take our last bytes along
        self._protocol.discard(transport)
        if not self.closed.is_set():
            asyncio.get_running_loop().call_later(LINGER, transport.close)


STREAM: web.RequestKey[Stream] = web.RequestKey("stream")


class _Told(asyncio.Protocol):
    """Passes everything on, and tells of the end once."""

    def __init__(self, inner: asyncio.Protocol, gone: asyncio.Event) -> None:
        self._inner = inner
        self._gone = gone
        self._lost = False
        self.data_received = inner.data_received  # type: ignore[method-assign]
        self.pause_writing = inner.pause_writing  # type: ignore[method-assign]
        self.resume_writing = inner.resume_writing  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        if not self._lost:
            self._lost = True
            self._inner.connection_lost(exc)


class _Noticing(_Protocol):
    """Sets an event when the connection is gone; can throw away what still comes in."""

    def __init__(self, reader: asyncio.StreamReader, gone: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self._gone = gone
        self._discarding: asyncio.WriteTransport | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def discard(self, transport: asyncio.Transport) -> None:
        """Read on only to see the end, then close."""
        self._discarding = transport
        try:
            transport.resume_reading()
        except RuntimeError:
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._discarding is None:
            super().data_received(data)

    def eof_received(self) -> bool:
        if self._discarding is None:
            asyncio.get_running_loop().call_later(LOOK, self._look)
            return super().eof_received()
        return False

    def _look(self) -> None:
        """A client that has ended its half may have gone altogether, which asyncio no longer notices."""
        if self._gone.is_set() or self._transport is None or self._transport.is_closing():
            return
        if gone(self._transport):
            self._transport.abort()
        else:
            asyncio.get_running_loop().call_later(LOOK, self._look)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._gone.set()
        super().connection_lost(exc if isinstance(exc, Exception) else None)


def gone(transport: asyncio.Transport) -> bool:
    """Tell whether the other side has closed both halves. A TCP client is only found out by its kernel's answer to a
    later packet of ours, if only a keep-alive."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), 0)  # hang-up and error are told in any case
    return bool(poll.poll(0))


async def take_over(request: web.Request, content_type: str, *, upgrade: str = "tcp") -> Stream:
    """Read the rest of the request's body away, answer the headers and return the connection.

    Raises ConnectionResetError when the client has gone.
    """
    await request.read()
    connection = request.protocol
    assert isinstance(connection, Connection), "served by front.rest.app.Server"
    stream = request[STREAM] = Stream(connection)
    lines = [f"Content-Type: {content_type}"]
    if "Upgrade" in request.headers:
        lines = ["HTTP/1.1 101 UPGRADED", *lines, "Connection: Upgrade", f"Upgrade: {upgrade}"]
    else:
        lines = ["HTTP/1.1 200 OK", *lines]
    lines += [f"{name}: {value}" for name, value in request.app.get(HEADERS, {}).items()]
    await stream.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return stream
