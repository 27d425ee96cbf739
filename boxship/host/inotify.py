"""inotify(7): be told of changes in directories, through one file descriptor that an event loop can watch."""

import ctypes
import os
import struct
from dataclasses import dataclass

from boxship.base.errors import KernelError

CLOSE_WRITE = 0x8
MODIFY = 0x2
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
OVERFLOW = 0x4000
IGNORED = 0x8000

_libc = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name


@dataclass(frozen=True, slots=True)
class Change:
    """watch: as `add` returned it, -1 with OVERFLOW.  name: of the entry in a watched directory, "" for itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """Whoever makes one must `close` it. `fd` is readable when `read` has something."""

    def __init__(self) -> None:
        self.fd: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise KernelError(f"inotify_init1: {os.strerror(ctypes.get_errno())}")

    def add(self, path: str, mask: int) -> int:
        """Watch `path`; return the watch's number, the same one again for the same inode. Raises KernelError."""
        watch: int = _libc.inotify_add_watch(self.fd, os.fsencode(path), mask)
        if watch < 0:
            raise KernelError(f"inotify_add_watch {path}: {os.strerror(ctypes.get_errno())}")
        return watch

    def remove(self, watch: int) -> None:
        """Stop a watch; one that is gone already does no harm."""
        _libc.inotify_rm_watch(self.fd, watch)

    def read(self) -> list[Change]:
        """Return what has happened since the last read, in order; never waits."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        changes, at = [], 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            name = data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0")
            changes.append(Change(watch, mask, os.fsdecode(name)))
            at += _HEAD.size + length
        return changes

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
