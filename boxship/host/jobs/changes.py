"""What an overlay's upper directory changes. Runs in a child process of its own.

The upper directory may be that of a running container, so no link in it is ever followed. The
lower ones change for nobody.
"""

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from boxship.base.errors import KernelError
from boxship.host import syscalls

MODIFIED, ADDED, DELETED = 0, 1, 2
_STRAIGHT = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS
Changes = list[tuple[str, int]]


class _Place(NamedTuple):
    """A directory of the upper tree, "" for its root. lowers: directories that show through it, highest first."""

    path: str
    lowers: list[str]


def changes(upper: str, lowers: Sequence[str]) -> Changes:
    """Return (path, kind) sorted by path; `lowers` are lowest first. Whatever changes, so have the directories above.

    Source: overlayfs.rst, "whiteouts and opaque directories".
    """
    root = os.open(upper, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    found: dict[str, int] = {}
    waiting = [_Place("", list(reversed(lowers)))]
    while waiting:
        waiting += _directory(root, waiting.pop(), found)
    os.close(root)
    for path in list(found):
        while path := path.rpartition("/")[0]:
            found.setdefault(path, MODIFIED)
    return sorted(found.items())


def _directory(root: int, place: _Place, found: dict[str, int]) -> list[_Place]:
    """Note what became of each name in a directory; return the directories in it."""
    try:
        fd = syscalls.openat2(root, place.path.lstrip("/") or ".", os.O_RDONLY | os.O_DIRECTORY, resolve=_STRAIGHT)
    except KernelError:  # gone, or something else by now
        return []
    try:
        if place.lowers and place.path and is_opaque(fd):
            kept = set(os.listdir(fd))
            found.update((f"{place.path}/{hidden}", DELETED) for hidden in _names(place.lowers) - kept)
        return [below for name in os.listdir(fd) if (below := _one(fd, place, name, found)) is not None]
    finally:
        os.close(fd)


def _one(directory: int, place: _Place, name: str, found: dict[str, int]) -> _Place | None:
    """Return it if it is a directory."""
    path = f"{place.path}/{name}"
    try:
        now = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    before, lowers = below(place.lowers, name)
    if is_whiteout(now):
        if before is not None:
            found[path] = DELETED
        return None
    if before is None:
        found[path] = ADDED
    elif not _same_directory(before, now):
        found[path] = MODIFIED
    return _Place(path, lowers) if stat.S_ISDIR(now.st_mode) else None


def below(lowers: Sequence[str], name: str) -> tuple[os.stat_result | None, list[str]]:
    """Return what `name` is in the merged `lowers` (None for nothing) and, of a directory, those that make it up."""
    first: os.stat_result | None = None
    parts = []
    for lower in lowers:
        path = f"{lower}/{name}"
        try:
            info = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if is_whiteout(info):
            break
        first = first or info
        if not stat.S_ISDIR(info.st_mode):
            break
        parts.append(path)
        if is_opaque(path):
            break
    return first, parts if first is not None and stat.S_ISDIR(first.st_mode) else []


def _names(lowers: Sequence[str]) -> set[str]:
    """What the merged `lowers` have."""
    names = {name for lower in lowers for name in os.listdir(lower)}
    return {name for name in names if below(lowers, name)[0] is not None}


def is_whiteout(info: os.stat_result) -> bool:
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def is_opaque(directory: str | int) -> bool:
    try:
        return os.getxattr(directory, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def _same_directory(before: os.stat_result, now: os.stat_result) -> bool:
    """A directory copied up for what is in it did not change itself."""
    return stat.S_ISDIR(before.st_mode) and stat.S_ISDIR(now.st_mode) and _facts(before) == _facts(now)


def _facts(info: os.stat_result) -> tuple[int, ...]:
    return info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns
