"""The way into a container's standard input, beside its monitor.

conmon would forward what comes through its socket, but turns in circles, a processor each, once the container has
closed its input with something still on the way. So we open the pipe that conmon holds and write to it ourselves.
"""

import asyncio
import os
from contextlib import suppress

from boxship.host.oci.record import Record, lives


def pipe_of(pid: int) -> str:
    """Return how /proc names the standard input of a process that has just been created, "pipe:[7]"; "" for none."""
    with suppress(OSError):
        target = os.readlink(f"/proc/{pid}/fd/0")
        return target if target.startswith("pipe:") else ""
    return ""


class Input:
    """Opened by the first write. While it is open, the container's input cannot end."""

    def __init__(self, known: Record) -> None:
        self._known = known
        self._fd: int | None = None
        self._closed = False
        self._turn: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        """Write all of `data`, waiting while the container does not read; silent when it never will."""
        view = memoryview(data)
        while view and (fd := self._open()) is not None:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                await self._writable(fd)
            except OSError:
                self.close()

    def close(self) -> None:
        """Safe to repeat. A write that waits returns."""
        self._closed = True
        if self._fd is not None:
            fd, self._fd = self._fd, None
            asyncio.get_running_loop().remove_writer(fd)
            os.close(fd)
        if self._turn is not None:
            _resolve(self._turn)

    def _open(self) -> int | None:
        if self._fd is None and not self._closed:
            path = _held(self._known)
            with suppress(OSError):
                self._fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC) if path else None
        return self._fd

    async def _writable(self, fd: int) -> None:
        """Wait until the pipe has room, or until our own close."""
        loop = asyncio.get_running_loop()
        turn = self._turn = loop.create_future()
        loop.add_writer(fd, _resolve, turn)
        try:
            await turn
        finally:
            if self._fd == fd:
                loop.remove_writer(fd)


def _held(known: Record) -> str:
    """Path of the end that the monitor writes to; "" when it has closed it, or there is none."""
    if not lives(known.monitor):
        return ""
    directory = f"/proc/{known.monitor.pid}/fd"
    with suppress(OSError):
        for name in os.listdir(directory):
            with suppress(OSError):
                if os.readlink(f"{directory}/{name}") == known.stdin:
                    return f"{directory}/{name}"
    return ""


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
