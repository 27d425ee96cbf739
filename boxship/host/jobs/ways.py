"""Directories of a tree, opened and made inside it only: what files are put into."""

import errno
import os
import stat
from contextlib import suppress
from typing import NamedTuple

from boxship.base.errors import Invalid, KernelError
from boxship.host import syscalls

_INSIDE = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Way(NamedTuple):
    """A directory held open. plain: what is made in it inherits nothing, neither a group nor access control lists."""

    fd: int
    plain: bool


class Ways:
    """Those below the directory behind `root`; the one used last stays open, since files come directory by directory.
    owner: (uid, gid) of directories that are made because something has to go there."""

    def __init__(self, root: int, owner: tuple[int, int]) -> None:
        self._root = root
        self._owner = owner
        self._path: str | None = None
        self._way = Way(-1, False)

    def to(self, path: str) -> Way:
        """Return a directory, made with those above it where there is none; valid until the next call.
        Raises Invalid where something else is in the way."""
        if path != self._path:
            self.ensure(path)
            self.forget()
            fd = self.open(path, _DIRECTORY)
            self._path, self._way = path, Way(fd, _is_plain(fd))
        return self._way

    def forget(self) -> None:
        """Close what is open: who changes directories themselves has to."""
        if self._path is not None:
            os.close(self._way.fd)
            self._path = None

    def open(self, path: str, flags: int) -> int:
        return syscalls.openat2(self._root, path or "/", flags, resolve=_INSIDE)

    def is_directory(self, path: str) -> bool:
        try:
            os.close(self.open(path, os.O_PATH | os.O_DIRECTORY))
        except KernelError:
            return False
        return True

    def ensure(self, path: str) -> None:
        """Make the directories of a path; those there stay as they are."""
        if path in ("", "/") or self.is_directory(path):
            return
        above, _, name = path.rstrip("/").rpartition("/")
        way = self.to(above)
        try:
            os.mkdir(name, 0o755, dir_fd=way.fd)
        except FileExistsError:
            raise Invalid(f"cannot create {path}: there is something that is no directory") from None
        made = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=way.fd)
        try:
            os.fchown(made, *self._owner)
        finally:
            os.close(made)

    def make(self, path: str) -> int | None:
        """Open a directory, made where there is none. None for a link to one, whose own owner and mode stay.
        Raises Invalid where something else is in the way."""
        above, _, name = path.rpartition("/")
        way = self.to(above)
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=way.fd)
        try:
            return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=way.fd)
        except OSError as e:
            if e.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
        if self.is_directory(path):
            return None
        raise Invalid(f"cannot replace {path}, which is no directory, with a directory")


def _is_plain(directory: int) -> bool:
    if os.fstat(directory).st_mode & stat.S_ISGID:
        return False
    try:
        return "system.posix_acl_default" not in os.listxattr(directory)
    except OSError:  # a file system without attributes
        return True
