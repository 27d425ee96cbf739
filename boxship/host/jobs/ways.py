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


class Names:
    """What descriptors are called; made before the process changes its root."""

    def __init__(self) -> None:
        self._fds = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def of(self, fd: int) -> str:
        return os.readlink(str(fd), dir_fd=self._fds)


class Upper(NamedTuple):
    """The upper directory of the overlay that files go into, and how it is found there."""

    fd: int
    names: Names


class Ways:
    """Those below the directory behind `root`; the one used last stays open, since files come directory by directory.

    owner: (uid, gid) of directories that are made because something has to go there.
    upper: what is put into a directory that was not there before goes to its place in the overlay's upper directory,
    past the overlay, which is much slower. The overlay must not be asked for it until it is mounted anew, but for names
    that it was not asked for before."""

    def __init__(self, root: int, owner: tuple[int, int], upper: Upper | None = None) -> None:
        self._root = root
        self._owner = owner
        self._upper = upper
        self._fresh: dict[str, str] = {}  # directories that are in the upper directory alone, and where there
        self._path: str | None = None
        self._way = Way(-1, False)

    def to(self, path: str) -> Way:
        """Return a directory, made with those above it where there is none; valid until the next call.
        Raises Invalid where something else is in the way."""
        if path != self._path:
            self.ensure(path)
            self._forget()
            fd = self.open(path, _DIRECTORY)
            self._path, self._way = path, Way(fd, _is_plain(fd))
        return self._way

    def _forget(self) -> None:
        if self._path is not None:
            os.close(self._way.fd)
            self._path = None

    def open(self, path: str, flags: int) -> int:
        """Open a directory."""
        where = self._fresh.get(path)
        if where is None or self._upper is None:
            return self.through(path, flags)
        return syscalls.openat2(self._upper.fd, where, flags, resolve=_INSIDE)

    def through(self, path: str, flags: int) -> int:
        """Open it through the overlay in any case."""
        return syscalls.openat2(self._root, path or "/", flags, resolve=_INSIDE)

    def is_directory(self, path: str) -> bool:
        if path in self._fresh:
            return True
        try:
            os.close(self.through(path, os.O_PATH | os.O_DIRECTORY))
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
            self._new(path.rstrip("/"), name, way, 0o755)
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
            self._new(path, name, way, 0o700)
        try:
            return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=way.fd)
        except OSError as e:
            if e.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
        if self.is_directory(path):
            return None
        raise Invalid(f"cannot replace {path}, which is no directory, with a directory")

    def _new(self, path: str, name: str, way: Way, mode: int) -> None:
        os.mkdir(name, mode, dir_fd=way.fd)
        if self._upper is not None:
            above = path.rpartition("/")[0]
            place = self._fresh.get(above)
            self._fresh[path] = f"{self._real(self._upper, way.fd) if place is None else place}/{name}"

    def _real(self, upper: Upper, fd: int) -> str:
        """Return the path of a directory without links: the same leads to it in the upper directory."""
        return upper.names.of(fd).removeprefix(upper.names.of(self._root).rstrip("/"))


def _is_plain(directory: int) -> bool:
    if os.fstat(directory).st_mode & stat.S_ISGID:
        return False
    try:
        return "system.posix_acl_default" not in os.listxattr(directory)
    except OSError:  # a file system without attributes
        return True
