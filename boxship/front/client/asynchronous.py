"""The Engine API as awaitable calls: what api.py offers, for programs that run an event loop.

Imports aiohttp, which takes a third of a second: nothing that the command line starts with may import this.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

import aiohttp
from yarl import URL

from boxship.base.errors import Unavailable
from boxship.front.client.api import ApiError, Query, sentence, target
from boxship.front.client.secure_stream import SecureStream
from boxship.front.client.wire import Address, tls_context

CHUNK = 64 * 1024
STDOUT, STDERR = 1, 2
_HEAD = struct.Struct(">BxxxL")
_NEVER = aiohttp.ClientTimeout(total=None, sock_connect=10)


class Incoming(Protocol):
    """What is read of a stream: that of asyncio, or what does the same over TLS."""

    async def read(self, size: int, /) -> bytes: ...
    async def readuntil(self, separator: bytes, /) -> bytes: ...
    async def readexactly(self, size: int, /) -> bytes: ...


class Outgoing(Protocol):
    """What is written of a stream."""

    def write(self, data: bytes, /) -> None: ...
    async def drain(self) -> None: ...
    def write_eof(self) -> None: ...
    def close(self) -> None: ...


class AsyncClient:
    """One daemon, for one event loop. Calls share connections; taken-over connections have their own."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        tls = tls_context(self.address.tls) if self.address.tls else True
        connector = (
            aiohttp.UnixConnector(self.address.path, limit=0)
            if self.address.path
            else aiohttp.TCPConnector(limit=0, ssl=tls)
        )
        self._session = aiohttp.ClientSession(connector=connector, timeout=_NEVER, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self, method: str, path: str, query: Query | None = None, body: Any = None, headers: Mapping[str, str] = {}
    ) -> bytes:
        """Return the answer's body. `body` is sent as JSON, bytes as they are. Raises ApiError, Unavailable."""
        async with self.stream(method, path, query, body, headers) as answer:
            return await answer.read()

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, query: Query | None = None, body: Any = None, headers: Mapping[str, str] = {}
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Hold an answer open whose body is read while it comes. Raises ApiError, Unavailable."""
        if self._session is None:
            raise Unavailable("this client is not open: use `async with boxship.connect() as engine:`")
        content, kind = _content(body)
        url = URL(self._base() + target(path, query), encoded=True)
        try:
            async with self._session.request(method, url, data=content, headers={**kind, **headers}) as answer:
                if answer.status >= 400:
                    raise ApiError(answer.status, sentence(await answer.read(), answer.status))
                yield answer
        except aiohttp.ClientConnectorError as e:
            raise Unavailable(
                f"Cannot connect to the daemon at {self.address.shown} ({e.strerror}). Is it running?"
            ) from e
        except aiohttp.ClientError as e:
            raise Unavailable(f"the daemon at {self.address.shown} broke off: {e}") from e

    def _base(self) -> str:
        if self.address.path:
            return "http://boxship"
        scheme = "https" if self.address.tls else "http"
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        return f"{scheme}://{host}:{self.address.port}"

    async def hijack(self, path: str, query: Query | None = None, body: Any = None) -> "Session":
        """Take a connection over: raw bytes both ways from here on. Raises ApiError, Unavailable."""
        try:
            reader, writer = await self._dial()
        except OSError as e:
            raise Unavailable(f"Cannot connect to the daemon at {self.address.shown} ({e.strerror or e})") from e
        try:
            await _ask(reader, writer, target(path, query), body)
        except BaseException:
            writer.close()
            raise
        return Session(reader, writer)

    async def _dial(self) -> tuple[Incoming, Outgoing]:
        if self.address.path:
            return await asyncio.open_unix_connection(self.address.path)
        reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
        if self.address.tls is None:
            return reader, writer
        secure = await SecureStream.over(reader, writer, tls_context(self.address.tls), self.address.host)
        return secure, secure


class Session:
    """A connection that has become the streams of a container or an exec. Close it, or use it with `async with`."""

    def __init__(self, reader: Incoming, writer: Outgoing) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Give `data` to standard input."""
        self._writer.write(data)
        await self._writer.drain()

    def end_input(self) -> None:
        """Let standard input end; output goes on."""
        self._writer.write_eof()

    async def raw(self) -> AsyncIterator[bytes]:
        """Yield output as it comes: that of a terminal, which has one stream only."""
        while chunk := await self._reader.read(CHUNK):
            yield chunk

    def frames(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (STDOUT or STDERR, bytes) until the process ends."""
        return frames(self.raw())

    async def close(self) -> None:
        self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def frames(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Take apart a stream of frames: a head of the stream's number and a length, then so many bytes."""
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        while len(rest) >= _HEAD.size:
            number, length = _HEAD.unpack_from(rest)
            end = _HEAD.size + length
            if len(rest) < end:
                break
            yield number, bytes(rest[_HEAD.size : end])
            del rest[:end]


async def lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the lines of a body that goes on, of any length."""
    rest = b""
    async for chunk in answer.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
    if rest.strip():
        yield rest


def _content(body: Any) -> tuple[Any, dict[str, str]]:
    if body is None or isinstance(body, (bytes, AsyncIterable)):
        return body, {}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


async def _ask(reader: Incoming, writer: Outgoing, line: str, body: Any) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"POST {line} HTTP/1.1\r\nHost: boxship\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    await writer.drain()
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = int(answer.split(" ", 2)[1])
    if status not in (101, 200):
        size = next((n.split(":")[1] for n in answer.split("\r\n") if n.lower().startswith("content-length:")), "0")
        raise ApiError(status, sentence(await reader.readexactly(int(size)), status))
