"""Directories as a build asks for them: a listing with marks of change, and archives of chosen files."""

import os
import stat
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from boxship.base.errors import NotFound
from boxship.base.patterns import Patterns, State

CHUNK = 256 * 1024
LATE = 50_000_000  # nanoseconds in which a file may change again without a new time stamp


def listing(root: str, ignore: Sequence[str]) -> bytes:
    """Return `marks path NUL` for every file below `root` but those that the patterns mean; sockets are none.
    Raises NotFound. The marks change whenever a file may have changed; "~" at their end means: they might not."""
    return "\0".join(_lines(root, Patterns(ignore))).encode(errors="surrogateescape")


def _lines(root: str, ignore: Patterns) -> list[str]:
    """One loop without calls of our own for each file: a context of 20,000 files is listed in 60 ms."""
    lines: list[str] = []
    late = time.time_ns() - LATE
    top = root.rstrip("/") + "/"
    waiting: list[tuple[str, State]] = [("", ignore.nothing)]
    checked, note = bool(ignore), lines.append
    while waiting:
        below, state = waiting.pop()
        with _opened(top + below) as entries:
            for entry in entries:
                path = below + entry.name
                inner, gone = ignore.step(state, path) if checked else (state, False)
                directory = entry.is_dir(follow_symlinks=False)
                if gone and not (directory and ignore.has_exceptions):
                    continue
                try:
                    seen = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # it has gone meanwhile
                    continue
                mode, changed = seen.st_mode, seen.st_ctime_ns
                if directory:
                    waiting.append((path + "/", inner))
                    if not gone:
                        note(f"{mode:o} {path}")
                elif not stat.S_ISSOCK(mode):
                    unsure = "~" if changed >= late else ""
                    note(f"{mode:o}:{seen.st_size}:{seen.st_mtime_ns}:{changed}:{seen.st_ino}{unsure} {path}")
    return lines


@contextmanager
def _opened(path: str) -> Iterator[Iterable["os.DirEntry[str]"]]:
    """Give what is in a directory. Held open, so that looking at a file is no walk through the names above it."""
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        raise NotFound(f"unable to prepare context: open {path}: {e.strerror}") from e
    try:
        with os.scandir(directory) as entries:
            yield entries
    finally:
        os.close(directory)


def chosen(root: str, only: Iterable[str]) -> list[str]:
    """Return those of `only` that are there. Nothing outside of `root` is."""
    inside = (path for path in only if not path.startswith("/") and ".." not in path.split("/"))
    return [path for path in inside if os.path.lexists(os.path.join(root, path))]


def archive(root: str, paths: Iterable[str]) -> Iterator[bytes]:
    """Yield a tar archive of these names below `root`; directories without what is in them. What has gone meanwhile
    is left out."""
    for path in paths:
        full = os.path.join(root, path)
        try:
            seen = os.lstat(full)
            if stat.S_ISREG(seen.st_mode):
                yield from _file(full, path)
            else:
                yield _head(path, seen, os.readlink(full) if stat.S_ISLNK(seen.st_mode) else "")
        except FileNotFoundError:
            continue
    yield bytes(2 * tarfile.BLOCKSIZE)


def _file(full: str, path: str) -> Iterator[bytes]:
    with open(full, "rb") as file:
        seen = os.fstat(file.fileno())
        left = seen.st_size
        yield _head(path, seen)
        while left:
            data = file.read(min(left, CHUNK)) or bytes(min(left, CHUNK))  # a file that shrank: zeros, as tar has it
            left -= len(data)
            yield data
        yield bytes(-seen.st_size % tarfile.BLOCKSIZE)


def _head(path: str, seen: os.stat_result, link: str = "") -> bytes:
    """Owners mean nothing in an image."""
    entry = tarfile.TarInfo(path)
    entry.mode, entry.mtime, entry.linkname = stat.S_IMODE(seen.st_mode), int(seen.st_mtime), link
    entry.type = _TYPES[stat.S_IFMT(seen.st_mode)]
    entry.size = seen.st_size if stat.S_ISREG(seen.st_mode) else 0
    if entry.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        entry.devmajor, entry.devminor = os.major(seen.st_rdev), os.minor(seen.st_rdev)
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


_TYPES: dict[int, Any] = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}
