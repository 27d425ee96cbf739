"""Bytes from the event loop to a thread, and back: bounded, so that a slow end makes the other one wait."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
LIMIT = 4 << 20  # bytes under way; each layer of a pull has so many
STEP = 1 << 19  # bytes that are worth a change of thread


class Feed:
    """The loop puts, one thread reads. Make it on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._waited_for = False
        self._ended = False
        self._abandoned = False
        self._error: BaseException | None = None

    async def put(self, piece: bytes) -> bool:
        """Hand over; wait while too much is under way. False once the reader has gone: the rest is not wanted."""
        with self._changed:
            if self._abandoned:
                return False
            self._pieces.append(piece)
            self._held += len(piece)
            self._changed.notify()
            full = self._waited_for = self._held > LIMIT
            if full:
                self._room.clear()
        if full:
            await self._room.wait()
        return not self._abandoned

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes; with an error, the reader gets that error."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end. For the thread."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            self._held -= len(piece)
            if self._waited_for and self._held <= LIMIT // 2:
                self._waited_for = False  # one word is enough
                self._loop.call_soon_threadsafe(self._room.set)
        return piece

    def abandon(self) -> None:
        """The reader wants no more. For the thread."""
        with self._changed:
            self._abandoned = True
            self._pieces.clear()
            self._loop.call_soon_threadsafe(self._room.set)


async def through_thread(pieces: AsyncIterator[bytes], work: Callable[[Callable[[int], bytes]], T]) -> T:
    """Run `work(read)` in a thread of its own, where `read(size)` gives what `pieces` yields; return its result.
    When `pieces` fails or we are cancelled, `read` raises; when `work` is done, the rest of `pieces` is not read.
    The thread has ended when this returns or raises."""
    feed = Feed()
    done = asyncio.wrap_future(_start(feed, work))
    try:
        async for piece in pieces:
            if not await feed.put(piece):
                break
        feed.end()
        return await asyncio.shield(done)
    except BaseException as error:
        feed.end(error if isinstance(error, Exception) else ConnectionError("the source of the data has gone"))
        await asyncio.wait([done])  # the thread is never left alone with what we hold
        done.exception()
        raise


def _start(feed: Feed, work: Callable[[Callable[[int], bytes]], T]) -> "Future[T]":
    future: Future[T] = Future()

    def run() -> None:
        try:
            done = work(feed.read)
        except BaseException as error:
            feed.abandon()  # before anybody is told: the loop may end right after
            future.set_exception(error)
        else:
            feed.abandon()
            future.set_result(done)

    threading.Thread(target=run, name="intake", daemon=True).start()
    return future


async def from_thread(produce: Callable[[], Iterator[bytes]]) -> AsyncIterator[bytes]:
    """Yield what the iterator of `produce` yields, small pieces joined; it runs in threads, one step ahead of the
    reader."""
    iterator = await asyncio.to_thread(produce)
    ahead = asyncio.ensure_future(asyncio.to_thread(_some, iterator))
    try:
        while piece := await asyncio.shield(ahead):
            ahead = asyncio.ensure_future(asyncio.to_thread(_some, iterator))
            yield piece
    finally:
        if not ahead.done():
            await asyncio.wait([ahead])
        if not ahead.cancelled():
            ahead.exception()


def _some(iterator: Iterator[bytes]) -> bytes:
    """Return the next pieces, STEP bytes or a little more; b"" at the end."""
    pieces, size = [], 0
    for piece in iterator:
        pieces.append(piece)
        size += len(piece)
        if size >= STEP:
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
