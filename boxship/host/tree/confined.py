"""Names inside a root: opened, described, resolved, with the kernel keeping every link inside (openat2, Linux 5.6).

All calls are short and synchronous. Roots may be `/proc/PID/root`.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from boxship.base.errors import Invalid, KernelError, NotFound
from boxship.host import syscalls
from boxship.host.api.files import Entry

_INSIDE = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS


def open_at(root: Path, path: str, flags: int) -> int:
    """Return a descriptor of `path` inside `root`. Raises NotFound, or KernelError for all else."""
    try:
        directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        raise NotFound(f"open {root}: {(e.strerror or str(e)).lower()}") from e
    try:
        return syscalls.openat2(directory, path or "/", flags, resolve=_INSIDE)
    except KernelError as e:
        if e.code in (errno.ENOENT, errno.ENOTDIR):
            raise NotFound(str(e)) from e
        raise
    finally:
        os.close(directory)


def open_in(root: Path, path: str) -> BinaryIO:
    """Never waits, even if the name turns out to be a pipe or a device."""
    fd = open_at(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Invalid(f"{path} is not a regular file")
    return os.fdopen(fd, "rb")


def entry(root: Path, path: str, *, follow: bool = False) -> Entry:
    fd = open_at(root, path, os.O_PATH | (0 if follow else os.O_NOFOLLOW))
    try:
        seen = os.stat(fd)
        link = os.readlink("", dir_fd=fd) if stat.S_ISLNK(seen.st_mode) else ""
    finally:
        os.close(fd)
    name = path.rstrip("/").rpartition("/")[2] or "/"
    return Entry(name=name, size=seen.st_size, mode=seen.st_mode, mtime=seen.st_mtime_ns, link=link)


def resolve(root: Path, path: str, *, follow: bool = True) -> str:
    """With `follow` False a link at the end is named, not followed; it may then be missing too."""
    if not follow:
        above, _, name = path.rstrip("/").rpartition("/")
        if name not in ("", ".", ".."):
            return resolve(root, above).rstrip("/") + "/" + name
    fd = open_at(root, path, os.O_PATH)
    try:
        found = os.readlink(f"/proc/self/fd/{fd}")
        base = _real(root)
    finally:
        os.close(fd)
    return found.removeprefix(base.rstrip("/")) or "/"


def _real(root: Path) -> str:
    fd = os.open(root, os.O_PATH | os.O_CLOEXEC)
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def remove_stub(root: Path, path: str) -> None:
    """Remove an empty directory or an empty file; nothing happens to anything else."""
    above, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        return
    with suppress(NotFound, KernelError, OSError):
        way = open_at(root, above, os.O_PATH | os.O_DIRECTORY)
        try:
            seen = os.stat(name, dir_fd=way, follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode):
                os.rmdir(name, dir_fd=way)
            elif stat.S_ISREG(seen.st_mode) and not seen.st_size:
                os.unlink(name, dir_fd=way)
        finally:
            os.close(way)


def remove(root: Path, path: str) -> None:
    """Remove one name: a file of any kind, or an empty directory. Nothing happens where there is none.
    Raises KernelError."""
    above, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        return
    with suppress(NotFound):
        way = open_at(root, above, os.O_PATH | os.O_DIRECTORY)
        try:
            seen = os.stat(name, dir_fd=way, follow_symlinks=False)
            (os.rmdir if stat.S_ISDIR(seen.st_mode) else os.unlink)(name, dir_fd=way)
        except FileNotFoundError:
            pass
        except OSError as e:
            raise KernelError(f"remove {path}: {e.strerror}", e.errno or 0) from e
        finally:
            os.close(way)
