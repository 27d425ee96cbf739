"""Changes of directories, told on the running loop by one inotify descriptor."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from boxship.base.errors import KernelError
from boxship.host import syscalls

# One mask for all, since the kernel keeps one per directory.
MASK = (
    syscalls.IN_MODIFY | syscalls.IN_CREATE | syscalls.IN_MOVED_FROM | syscalls.IN_MOVED_TO | syscalls.IN_DELETE
    | syscalls.IN_CLOSE_WRITE | syscalls.IN_DELETE_SELF | syscalls.IN_MOVE_SELF | syscalls.IN_ONLYDIR
)  # fmt: skip
Heard = Callable[[str, int], None]
"""Gets the name of the directory's entry and an IN_* mask. Name "" tells of the directory itself, or (IN_Q_OVERFLOW)
that changes came faster than they were read: look yourself."""


class Watch:
    """All watches of one loop. Make it on that loop; must be closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = syscalls.inotify_init()
        self._heard: dict[int, list[Heard]] = {}
        self._loop.add_reader(self._fd, self._read)

    def close(self) -> None:
        """Safe to repeat."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._heard.clear()

    @contextmanager
    def directory(self, path: str, heard: Heard) -> Iterator[None]:
        """Call `heard` for each change in the directory while the context is open. Raises KernelError."""
        number = syscalls.inotify_add_watch(self._fd, path, MASK)
        self._heard.setdefault(number, []).append(heard)
        try:
            yield
        finally:
            self._drop(number, heard)

    def _drop(self, number: int, heard: Heard) -> None:
        listeners = self._heard.get(number, [])
        with suppress(ValueError):
            listeners.remove(heard)
        if not listeners and self._heard.pop(number, None) is not None:
            with suppress(KernelError):  # the directory went away
                syscalls.inotify_rm_watch(self._fd, number)

    @contextmanager
    def stirred(self, path: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something in the directory is written, made, renamed or removed."""
        event = asyncio.Event()
        with self.directory(path, lambda _name, _mask: event.set()):
            yield event

    def _read(self) -> None:
        try:
            content = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return
        for number, mask, name in parse(content):
            for heard in self._listeners(number, mask):
                heard(name, mask)
            if mask & syscalls.IN_IGNORED:
                self._heard.pop(number, None)

    def _listeners(self, number: int, mask: int) -> list[Heard]:
        if mask & syscalls.IN_Q_OVERFLOW:
            return [heard for several in self._heard.values() for heard in several]
        return list(self._heard.get(number, ()))


def parse(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield (watch, mask, name) of each event. Source: inotify(7)."""
    position, head = 0, syscalls.INOTIFY_EVENT
    while position < len(content):
        number, mask, _, length = head.unpack_from(content, position)
        position += head.size
        name = content[position : position + length].rstrip(b"\0")
        position += length
        yield number, mask, os.fsdecode(name)
