"""One inotify for all who follow logs: an event per reader, set when something in its directory changes."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from boxship.host import inotify
from boxship.host.inotify import Inotify

MASK = inotify.MODIFY | inotify.CREATE | inotify.MOVED_TO


class Directories:
    """`watch` may be called by many for one directory. Made on first use; whoever makes one closes it."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._listeners: dict[int, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, directory: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at each change, until the context is left. Raises KernelError."""
        source = self._source()
        number, stirred = source.add(directory, MASK), asyncio.Event()
        self._listeners.setdefault(number, set()).add(stirred)
        try:
            yield stirred
        finally:
            self._leave(number, stirred)

    def _source(self) -> Inotify:
        if self._inotify is None:
            self._inotify = Inotify()
            asyncio.get_running_loop().add_reader(self._inotify.fd, self._read, self._inotify)
        return self._inotify

    def _leave(self, number: int, stirred: asyncio.Event) -> None:
        listeners = self._listeners.get(number, set())
        listeners.discard(stirred)
        if not listeners and self._listeners.pop(number, None) is not None and self._inotify is not None:
            self._inotify.remove(number)

    def _read(self, source: Inotify) -> None:
        changes = source.read()
        lost = any(change.mask & inotify.OVERFLOW for change in changes)
        for number in tuple(self._listeners) if lost else {change.watch for change in changes}:
            for stirred in self._listeners.get(number, ()):
                stirred.set()

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
            self._inotify.close()
            self._inotify = None
