"""inotify(7): be told of changes in directories, through one file descriptor that an event loop can watch."""

import os
from contextlib import suppress
from dataclasses import dataclass

from boxship.base.errors import KernelError
from boxship.host import syscalls

CLOSE_WRITE = syscalls.IN_CLOSE_WRITE
MODIFY = syscalls.IN_MODIFY
MOVED_FROM = syscalls.IN_MOVED_FROM
MOVED_TO = syscalls.IN_MOVED_TO
CREATE = syscalls.IN_CREATE
DELETE = syscalls.IN_DELETE
OVERFLOW = syscalls.IN_Q_OVERFLOW
IGNORED = syscalls.IN_IGNORED


@dataclass(frozen=True, slots=True)
class Change:
    """watch: as `add` returned it, -1 with OVERFLOW.  name: of the entry in a watched directory, "" for itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """Whoever makes one must `close` it. `fd` is readable when `read` has something."""

    def __init__(self) -> None:
        self.fd = syscalls.inotify_init()

    def add(self, path: str, mask: int) -> int:
        """Watch `path`; return the watch's number, the same one again for the same inode. Raises KernelError."""
        return syscalls.inotify_add_watch(self.fd, path, mask)

    def remove(self, watch: int) -> None:
        """Stop a watch; one that is gone already does no harm."""
        with suppress(KernelError):
            syscalls.inotify_rm_watch(self.fd, watch)

    def read(self) -> list[Change]:
        """Return what has happened since the last read, in order; never waits."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        head, changes, at = syscalls.INOTIFY_EVENT, [], 0
        while at < len(data):
            watch, mask, _, length = head.unpack_from(data, at)
            name = data[at + head.size : at + head.size + length].rstrip(b"\0")
            changes.append(Change(watch, mask, os.fsdecode(name)))
            at += head.size + length
        return changes

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
