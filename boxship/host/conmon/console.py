"""A client's end of conmon's attach socket: output of the container comes out, input goes in."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

from boxship.base.errors import NotFound
from boxship.host.conmon.input import Input

STREAMS = {2: 1, 3: 2}  # conmon's first byte of a packet -> STDOUT, STDERR
PACKET = 8193  # one byte for the stream, then what conmon reads at once
INPUT = 16384  # conmon cuts longer packets
BURST = 64  # packets taken in one go before others get their turn


class AttachedConsole:
    """See host.api.runtime.Console."""

    def __init__(self, end: socket.socket, input: Input | None = None) -> None:
        """input: the way into the process when there is a better one than through the socket."""
        self._socket = end
        self._input = input
        self._closed = False
        self._waiting: asyncio.Future[None] | None = None

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        burst = 0
        while not self._closed:
            try:
                packet = self._socket.recv(PACKET)
            except BlockingIOError:
                burst = 0
                await self._readable()
                continue
            except OSError:
                return
            if not packet:
                return
            if stream := STREAMS.get(packet[0]):
                yield stream, packet[1:]
            burst += 1
            if burst % BURST == 0:
                await asyncio.sleep(0)

    async def write(self, data: bytes) -> None:
        if self._input is not None:
            await self._input.write(data)
            return
        for start in range(0, len(data), INPUT):
            if not await self._send(data[start : start + INPUT]):
                return

    def close_input(self) -> None:
        if self._input is not None:
            self._input.close()
        if not self._closed:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._input is not None:
            self._input.close()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._socket.close()

    async def _readable(self) -> None:
        """Wait for a packet, the end, or our own close."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting = loop.create_future()
        loop.add_reader(self._socket, _wake, waiting)
        try:
            await waiting
        finally:
            if not self._closed:
                loop.remove_reader(self._socket)

    async def _send(self, packet: bytes) -> bool:
        """Send one packet whole; False when nobody will read it."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                self._socket.send(packet)
            except BlockingIOError:
                writable: asyncio.Future[None] = loop.create_future()
                loop.add_writer(self._socket, _wake, writable)
                try:
                    await asyncio.wait((writable,), timeout=1)  # a close of ours is noticed by and by
                finally:
                    if not self._closed:
                        loop.remove_writer(self._socket)
                continue
            except OSError:
                return False
            return True
        return False


def connect(path: str, input: Input | None = None) -> AttachedConsole:
    """Return a console at the socket `path`, of any length. Raises NotFound when nobody listens."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    directory, name = os.path.split(path)
    try:
        # A socket's address has room for 108 bytes; through the directory's descriptor it is always short.
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            end.connect(f"/proc/self/fd/{fd}/{name}")
        finally:
            os.close(fd)
    except OSError as e:
        end.close()
        raise NotFound(f"no monitor listens at {path}: {e.strerror}") from e
    return AttachedConsole(end, input)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
