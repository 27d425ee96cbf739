"""Our end of the helper process that works on trees of files (jobs/worker.py): started when first needed, ended after
a while without work, started anew if somebody killed it."""

import asyncio
import logging
import marshal
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import isal
import zstandard

import boxship
from boxship.base import errors
from boxship.base.errors import KernelError, PlatformError
from boxship.host import process

IDLE = 60.0  # seconds
BIGGEST = 1 << 18
BEGUN = b"+"  # first byte of every reply
TRIES = 3
CHUNK = 1 << 16
_MODULES = (boxship, isal, zstandard)  # all that the helper needs
_HOMES = list(dict.fromkeys(os.path.dirname(os.path.dirname(os.path.abspath(str(m.__file__)))) for m in _MODULES))
log = logging.getLogger(__name__)


class Workshop:
    """For one event loop. Must be closed."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._worker: process.Process | None = None
        self._leaving: set[process.Process] = set()
        self._working = 0
        self._leisure: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()

    async def call(self, job: str, arguments: Sequence[Any], fds: Sequence[int] = ()) -> Any:
        """Have a job done by a child of its own and return its result. `fds` stay the caller's.

        Raises the PlatformError that the job raised, KernelError when its process died. Cancelling ends the job.
        """
        request = marshal.dumps((job, list(arguments)))
        self._working += 1
        self._rest(False)
        try:
            for _ in range(TRIES):
                reply = await self._ask(request, fds)
                if reply:  # else the helper died before it took the job up
                    return _result(job, reply.removeprefix(BEGUN))
            raise KernelError("the helper process for files ends as soon as it is started")
        finally:
            self._working -= 1
            self._rest(not self._working)

    async def _ask(self, request: bytes, fds: Sequence[int]) -> bytes:
        """Return the reply, b"" if nobody has begun to work on it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                control = await self._send(request, [theirs.fileno(), *fds])
            reply = await _everything(ours)
            if not reply and self._control is control:
                self._dismiss()
            return reply
        finally:
            ours.close()

    async def _send(self, request: bytes, fds: list[int]) -> socket.socket:
        """Return the socket it went through, or could not go through because the worker has died."""
        async with self._sending:
            control = self._hire()
            await _writable(control)
            with suppress(BrokenPipeError, ConnectionResetError):
                socket.send_fds(control, [request], fds)
            return control

    def _hire(self) -> socket.socket:
        if self._control is not None and self._worker is not None and not self._worker.ended:
            return self._control
        self._dismiss()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * BIGGEST)
        ours.setblocking(False)
        code = f"import sys; sys.path[:0] = {_HOMES!r}; from boxship.host.jobs.worker import main; main()"
        try:
            with theirs:
                # UTF-8 names in archives need a locale that has them; nothing else of our environment is needed.
                self._worker = process.spawn(
                    [sys.executable, "-I", "-S", "-c", code],
                    env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)},
                    files={2: 2, 3: theirs.fileno()},
                    session=True,
                )
        except BaseException:
            ours.close()
            raise
        self._control = ours
        return ours

    def _dismiss(self) -> None:
        """The worker ends when we hang up, and what it still does with it."""
        if self._control is not None:
            self._control.close()
        if self._worker is not None:
            self._leaving = {worker for worker in self._leaving | {self._worker} if not worker.ended}
        self._control = self._worker = None

    def _rest(self, idle: bool) -> None:
        if self._leisure is not None:
            self._leisure.cancel()
        self._leisure = asyncio.get_running_loop().call_later(IDLE, self._dismiss) if idle else None

    async def aclose(self) -> None:
        """Safe to repeat. Jobs that still run are ended."""
        if self._leisure is not None:
            self._leisure.cancel()
        self._dismiss()
        for worker in self._leaving:  # else the loop may be gone before it has collected them
            await worker.wait()


async def _writable(control: socket.socket) -> None:
    """Wait until a request fits into the socket."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(control, _set, ready)
    try:
        await ready
    finally:
        loop.remove_writer(control)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _everything(reply: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    pieces = []
    with suppress(ConnectionResetError):
        while piece := await loop.sock_recv(reply, CHUNK):
            pieces.append(piece)
    return b"".join(pieces)


def _result(job: str, text: bytes) -> Any:
    if not text:
        raise KernelError(f"{job}: the process that did it died")
    kind, result, code = marshal.loads(text)
    if not kind:
        return result
    if kind == KernelError.__name__:
        raise KernelError(result, code)
    error = getattr(errors, kind, PlatformError)
    raise error(result)
