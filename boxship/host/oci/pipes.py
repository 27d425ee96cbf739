"""Consoles over descriptors of our own: pipes or a terminal's master, for processes that we start directly."""

import asyncio
import errno
import fcntl
import os
import struct
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from boxship.host.api.runtime import STDOUT

CHUNK = 32768
# How long output may go on after the process has ended: something it started may hold the other end for ever.
GRACE = 2.0


class DescriptorConsole:
    """See host.api.runtime.Console. Owns the descriptors given to it and closes each once it is done."""

    def __init__(
        self, outputs: Mapping[int, int], input: int | None, ended: "asyncio.Future[int]", terminal: bool = False
    ) -> None:
        """outputs: descriptor -> STDOUT or STDERR.  ended: done when the process has ended.
        terminal: the only output is a terminal's master, where input goes too; `input` is a copy of it."""
        self._outputs = dict(outputs)
        self._input = input
        self._ended = ended
        self._terminal = terminal
        self._closed = False
        self._wake: asyncio.Future[None] | None = None
        for fd in (*outputs, *([] if input is None else [input])):
            os.set_blocking(fd, False)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        deadline: float | None = None
        loop = asyncio.get_running_loop()
        while self._outputs:
            found = [(stream, data) for fd, stream in tuple(self._outputs.items()) if (data := self._read(fd))]
            for chunk in found:
                yield chunk
            if found or not self._outputs:
                continue
            if self._ended.done() and deadline is None:
                deadline = loop.time() + GRACE
                continue  # what it wrote before it ended may have come since we looked
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                self._drop_outputs()
                return
            await self._readable(left)

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._input is not None:
            try:
                view = view[os.write(self._input, view[:CHUNK]) :]
            except BlockingIOError:
                await self._writable(self._input)
            except OSError:
                self._close_input()

    def close_input(self) -> None:
        """A terminal's input has no end: nothing happens there."""
        if not self._terminal:
            self._close_input()

    def resize(self, height: int, width: int) -> None:
        fd = next(iter(self._outputs), self._input)
        if self._terminal and fd is not None:
            with suppress(OSError):
                fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def close(self) -> None:
        self._drop_outputs()
        self._close_input()
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _read(self, fd: int) -> bytes:
        """Return what is there, b"" for nothing now; at the end the descriptor is closed and forgotten."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return b""
        except OSError as e:
            if e.errno != errno.EIO:  # a terminal whose other end nobody holds
                raise
            data = b""
        if not data:
            del self._outputs[fd]
            os.close(fd)
        return data

    async def _readable(self, timeout: float | None) -> None:
        """Wait for output, the process's end, our own close, or so many seconds."""
        loop = asyncio.get_running_loop()
        wake = self._wake = loop.create_future()
        watched = tuple(self._outputs)
        for fd in watched:
            loop.add_reader(fd, _resolve, wake)
        try:
            others = () if self._ended.done() else (self._ended,)
            await asyncio.wait((wake, *others), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for fd in watched:
                if fd in self._outputs:
                    loop.remove_reader(fd)

    async def _writable(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        wake: asyncio.Future[None] = loop.create_future()
        loop.add_writer(fd, _resolve, wake)
        try:
            others = () if self._ended.done() else (self._ended,)
            await asyncio.wait((wake, *others), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._input == fd:
                loop.remove_writer(fd)
        if self._ended.done():
            self._close_input()

    def _drop_outputs(self) -> None:
        loop = asyncio.get_running_loop()
        for fd in tuple(self._outputs):
            loop.remove_reader(fd)
            del self._outputs[fd]
            os.close(fd)

    def _close_input(self) -> None:
        if self._input is not None:
            fd, self._input = self._input, None
            asyncio.get_running_loop().remove_writer(fd)
            os.close(fd)


def terminal_console(master: int, ended: "asyncio.Future[int]") -> DescriptorConsole:
    """Return a console over a terminal's master, which it owns from now on."""
    return DescriptorConsole({master: STDOUT}, os.dup(master), ended, terminal=True)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
