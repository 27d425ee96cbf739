"""One call over a session whose messages come by the ten thousand: bytes in bulk, both ways (see sifting)."""

import asyncio
from types import TracebackType
from typing import Any

from grpclib.client import Stream
from grpclib.const import Cardinality
from multidict import MultiDict

from boxship.front.docker.buildkit.rpc import Held
from boxship.front.docker.buildkit.sifting import Sifting

_HEAD = 5  # bytes before each message


def framed(message: bytes) -> bytes:
    """Return a message as it goes over the wire."""
    return b"\0" + len(message).to_bytes(4, "big") + message


class Bulk:
    """async with Bulk(channel, "/package.Service/Method", metadata) as call: ...

    Leaving the block without an error waits for the other side's end, and raises GRPCError if that was a failure.
    """

    def __init__(self, channel: Held, path: str, metadata: "MultiDict[str]") -> None:
        self._stream: Stream[bytes, bytes] = channel.request(
            path, Cardinality.STREAM_STREAM, bytes, bytes, metadata=metadata
        )
        assert channel.sifting is not None
        self._sifting: Sifting = channel.sifting
        self._pieces: list[bytes] = []
        self._taken = 0  # of the window, not given back
        self._news = asyncio.Event()
        self._over: asyncio.Task[Any] | None = None
        self._id = 0

    async def __aenter__(self) -> "Bulk":
        await self._stream.__aenter__()
        await self._stream.send_request()
        assert self._stream._stream.id is not None
        self._id = self._stream._stream.id
        self._sifting.sift(self._id, self)
        self._over = asyncio.create_task(self._ended())
        self._over.add_done_callback(lambda _: self._news.set())
        return self

    async def _ended(self) -> None:
        """Nothing ever reaches the stream's own buffer but its end."""
        with self._stream._wrapper:
            await self._stream._stream.buffer.read(1)

    def feed(self, data: bytes, size: int) -> None:
        self._pieces.append(data)
        self._taken += size
        self._news.set()

    async def read(self) -> bytes:
        """Return all that has come since the last call, at least something; b"" at the end. What was returned before
        counts as used up."""
        while True:
            self._news.clear()
            if self._pieces:
                found, self._pieces = b"".join(self._pieces), []
                taken, self._taken = self._taken, 0
                self._sifting.credit(self._id, taken)
                return found
            if self._over is not None and self._over.done():
                self._over.result()
                return b""
            await self._news.wait()

    async def gather(self, seconds: float) -> None:
        """Let more come in before the next `read`: reading a client's many small writes one by one costs us most."""
        transport = self._sifting.connection._transport
        if transport.is_closing() or not transport.is_reading():
            return
        transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            if not transport.is_closing():
                transport.resume_reading()

    async def send(self, messages: bytes) -> None:
        """Send messages that are framed already."""
        if messages:
            with self._stream._wrapper:
                await self._stream._stream.send_data(messages)

    async def end(self) -> None:
        """Say that no more will be sent."""
        await self._stream.end()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and not self._stream._end_done:
                await self.end()
            await self._stream.__aexit__(kind, error, trace)
        finally:
            self._sifting.unsift(self._id)
            if self._over is not None:
                self._over.cancel()
                await asyncio.gather(self._over, return_exceptions=True)
