"""Read a log back: from its end, from a time, or as it grows; across rotations, no line lost, none twice."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from msgspec import structs

from boxship.engine.logs import cri, files
from boxship.engine.logs.cri import Line
from boxship.engine.logs.files import LogFile
from boxship.engine.logs.query import LogQuery

Watch = Callable[[str], AbstractContextManager[asyncio.Event]]
"""Open a watch on a directory: the event is set whenever something in it is written, made or renamed.
host.watch.Watch.stirred is one."""

QUICK = 2000  # lines that may be counted on the event loop


class Cursor(NamedTuple):
    """A place between two lines of a log. time: of the last line before it; finds the place when the file is gone."""

    inode: int
    offset: int
    time: int


class Reading:
    """One pass over one log. Holds files open: must be closed. `cursor` stands behind the last line that was yielded,
    and before a line of which only a part was read."""

    def __init__(self, path: str, query: LogQuery, start: Cursor | None = None) -> None:
        self._path = path
        self._query = query
        self._files = deque(files.open_all(path))
        self._newest = self._files[-1].inode if self._files else 0
        self._splitter = cri.Splitter()
        self._joiner = cri.Joiner()
        self._offset = 0
        self._over = False
        self.cursor = start or Cursor(0, 0, 0)
        if start is not None:
            self._go_to(start)

    def _go_to(self, start: Cursor) -> None:
        found = next((n for n, file in enumerate(self._files) if _holds(file, start)), None)
        if found is None:
            self._query = structs.replace(self._query, since=start.time + 1)
            return
        for _ in range(found):
            self._files.popleft().close()
        self._offset = start.offset

    def close(self) -> None:
        while self._files:
            self._files.popleft().close()

    async def lines(self) -> AsyncIterator[list[Line]]:
        """Yield what is there now, in batches of at most one block."""
        await self._skip()
        while self._files and not self._over:
            async for batch in self._rest_of_file():
                yield batch
            if len(self._files) == 1:
                return
            self._next_file()

    async def follow(self, watch: Watch, ended: asyncio.Event) -> AsyncIterator[list[Line]]:
        """Yield what is there and what comes, until `ended` is set and all was read."""
        with watch(self._path.rpartition("/")[0]) as stirred:
            self.notice()
            grown = asyncio.Event()
            collector = asyncio.create_task(self._collect(stirred, grown), name="log rotations")
            try:
                while not self._over:
                    final = ended.is_set()
                    grown.clear()
                    self.notice()
                    async for batch in self.lines():
                        yield batch
                    if final:
                        return
                    await _either(grown, ended)
            finally:
                collector.cancel()

    async def _collect(self, stirred: asyncio.Event, grown: asyncio.Event) -> None:
        """Open each new file as soon as it is there, however slow our reader is."""
        while True:
            await stirred.wait()
            stirred.clear()
            self.notice()
            grown.set()

    def notice(self) -> None:
        """Take up a file that has come since."""
        if files.inode(self._path) in (self._newest, 0):
            return
        opened = files.open_all(self._path)
        fresh = next((n + 1 for n, file in enumerate(opened) if file.inode == self._newest), None)
        if fresh is None:  # the one we know was packed or removed: its neighbours are not to be told apart
            fresh = len(opened) - 1 if self._newest else 0
        for file in opened[:fresh]:
            file.close()
        self._files.extend(opened[fresh:])
        self._newest = opened[-1].inode if opened else self._newest

    def flush(self) -> list[Line]:
        """Return lines that were begun and will get no end."""
        return [line for line in self._joiner.flush() if self._wanted(line)] if not self._over else []

    @property
    def end(self) -> Cursor:
        """Where we are after `flush`."""
        return Cursor(self._newest, self._offset - self._splitter.rest, self.cursor.time)

    async def _skip(self) -> None:
        """Go to where the query begins; once."""
        tail, self._query = self._query.tail, structs.replace(self._query, tail=None)
        if tail is not None:
            await self._skip_to_tail(tail)

    async def _skip_to_tail(self, count: int) -> None:
        kept: deque[LogFile] = deque()
        offset = 0
        while self._files and (count > 0 or not kept):
            file = self._files.pop()
            kept.appendleft(file)
            await _unpack(file)
            offset, found = await _tail_offset(file, count)
            count -= found
        self.close()
        self._files, self._offset = kept, offset

    async def _rest_of_file(self) -> AsyncIterator[list[Line]]:
        file = self._files[0]
        await _unpack(file)
        if self._offset == 0 and self._query.since:
            self._offset = files.since_offset(file, self._query.since)
        while not self._over and (block := file.read(self._offset)):
            self._offset += len(block)
            batch = self._take(block)
            self._mark(file, batch)
            if batch:
                yield batch
            else:
                await asyncio.sleep(0)

    def _next_file(self) -> None:
        """The first file is complete and read. A record cut off in it has no other half."""
        self._files.popleft().close()
        self._offset, self._splitter = 0, cri.Splitter()

    def _take(self, block: bytes) -> list[Line]:
        joined = map(self._joiner.feed, self._splitter.feed(block))
        return [line for line in joined if line is not None and self._wanted(line)]

    def _mark(self, file: LogFile, batch: list[Line]) -> None:
        if not self._joiner.begun:
            time = batch[-1].time if batch else self.cursor.time
            self.cursor = Cursor(file.inode, self._offset - self._splitter.rest, time)

    def _wanted(self, line: Line) -> bool:
        query = self._query
        if query.until and line.time > query.until:
            self._over = True
        return not self._over and line.time >= query.since and (query.stdout if line.stream == 1 else query.stderr)


def _holds(file: LogFile, place: Cursor) -> bool:
    """Tell whether `file` is the one that `place` is in, and not a later one with the same inode."""
    if file.packed or file.inode != place.inode or file.size() < place.offset:
        return False
    first = cri.parse(file.read(0).partition(b"\n")[0])
    return first is None or cri.nanoseconds(first.time) <= place.time


async def _unpack(file: LogFile) -> None:
    if file.packed:
        await asyncio.to_thread(file.unpack)


async def _tail_offset(file: LogFile, count: int) -> tuple[int, int]:
    if count <= QUICK:
        return files.tail_offset(file, count)
    return await asyncio.to_thread(files.tail_offset, file, count)


async def _either(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
