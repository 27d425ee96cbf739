"""Pipes on the running loop, with back-pressure and no copies kept."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

CHUNK = 1 << 18
WIDE = 1 << 20  # bytes


def wide_pipe() -> tuple[int, int]:
    """Return (read end, write end) of a pipe that holds much, so that both sides may work at once."""
    source, sink = os.pipe2(os.O_CLOEXEC)
    with suppress(OSError):  # more than a user may have: then less
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, WIDE)
    return source, sink


async def drain(source: int) -> AsyncIterator[bytes]:
    """Yield what comes out of a pipe up to its end, in pieces of at most 256 KiB. The descriptor stays the caller's."""
    loop = asyncio.get_running_loop()
    os.set_blocking(source, False)
    while True:
        try:
            piece = os.read(source, CHUNK)
        except BlockingIOError:
            await _ready(loop.add_reader, loop.remove_reader, source)
            continue
        if not piece:
            return
        yield piece


async def pour(pieces: AsyncIterator[bytes], sink: int) -> None:
    """Write all pieces to a pipe. Raises BrokenPipeError when nobody reads it any more."""
    os.set_blocking(sink, False)
    async for piece in pieces:
        await write(sink, piece)


async def write(sink: int, piece: bytes) -> None:
    """Write all of `piece` to a pipe that does not block. Raises BrokenPipeError."""
    loop = asyncio.get_running_loop()
    rest = memoryview(piece)
    while rest:
        try:
            rest = rest[os.write(sink, rest[:CHUNK]) :]
        except BlockingIOError:
            await _ready(loop.add_writer, loop.remove_writer, sink)


async def _ready(
    add: Callable[[int, Callable[[asyncio.Future[None]], None], asyncio.Future[None]], object],
    remove: Callable[[int], object],
    fd: int,
) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(fd, _settle, ready)
    try:
        await ready
    finally:
        remove(fd)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
