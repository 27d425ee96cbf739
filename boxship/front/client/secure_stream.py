"""TLS over asyncio's streams, such that our half can be closed while the other side still sends.

asyncio's own TLS cannot close one half. Docker's daemons take the farewell of TLS (close_notify) for the end of
standard input, and go on with the output.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Self, TypeVar

from boxship.front.client.secure_memory import CHUNK, SecureMemory

T = TypeVar("T")


class SecureStream(SecureMemory):
    """Reads and writes as a StreamReader and a StreamWriter do. Raises ssl.SSLError, an OSError."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, name: str
    ) -> None:
        super().__init__(context, name)
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(
        cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, name: str
    ) -> Self:
        """Greet the server of this name, as its certificate has it. A connection that fails is closed."""
        made = cls(reader, writer, context, name)
        try:
            await made._carry(made._tls.do_handshake)
        except BaseException:
            writer.close()
            raise
        return made

    async def read(self, size: int) -> bytes:
        """Return at least one byte, b"" at the end of the other side's half."""
        if self._held:
            return self._take(size)
        try:
            return await self._carry(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def readuntil(self, separator: bytes) -> bytes:
        """Return all up to `separator`, which is part of it. Raises IncompleteReadError at the end."""
        while (at := self._held.find(separator)) < 0:
            await self._more()
        return await self.readexactly(at + len(separator))

    async def readexactly(self, size: int) -> bytes:
        """Raises IncompleteReadError at the end."""
        while len(self._held) < size:
            await self._more()
        return await self.read(size)

    async def _more(self) -> None:
        held = bytes(self._held)
        self._held.clear()
        data = await self.read(CHUNK)
        self._held += held + data
        if not data:
            raise asyncio.IncompleteReadError(held, None)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._flush()

    async def drain(self) -> None:
        await self._writer.drain()

    def write_eof(self) -> None:
        """End our half; what the other side sends can still be read."""
        self._take_leave()
        self._flush()

    def close(self) -> None:
        self._writer.close()

    async def _carry(self, step: Callable[[], T]) -> T:
        """Do a step of TLS; give it what comes in, and send what it has to say."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                self._bring(await self._reader.read(CHUNK))
            finally:
                self._flush()

    def _flush(self) -> None:
        if data := self._goes.read():
            self._writer.write(data)
