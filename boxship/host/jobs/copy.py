"""Copy a tree as it is. Runs in a child process of its own that has made the source's root its root directory; the
target is outside, and reached by nothing but its descriptor, never through a link."""

import errno
import os
import shutil
import stat
from contextlib import suppress
from typing import NamedTuple

CHUNK = 1 << 24


class _Level(NamedTuple):
    """A directory being copied; `target` is held open until all in it is done."""

    source: bytes
    target: int
    seen: os.stat_result
    left: list[os.DirEntry[bytes]]


def copy(source: bytes, target: int) -> None:
    """Copy what is in the directory `source`, and its own owner, mode, times and attributes, to the directory behind
    the descriptor `target`. Raises OSError."""
    os.umask(0)
    seen = os.stat(source)
    if not stat.S_ISDIR(seen.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), source)
    linked: dict[tuple[int, int], tuple[bytes, ...]] = {}
    levels = [_Level(source, target, seen, _entries(source))]
    names: list[bytes] = []
    while levels:
        level = levels[-1]
        if not level.left:
            _settle(level)
            levels.pop()
            if levels:
                os.close(level.target)
                names.pop()
            continue
        entry = level.left.pop()
        with suppress(FileNotFoundError):
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                levels.append(_Level(entry.path, _directory(entry.name, level.target), info, _entries(entry.path)))
                names.append(entry.name)
            elif info.st_nlink > 1 and (first := linked.get((info.st_dev, info.st_ino))) is not None:
                _link(first, target, entry.name, level.target)
            else:
                _one(entry, info, level.target)
                if info.st_nlink > 1:
                    linked[info.st_dev, info.st_ino] = (*names, entry.name)


def _entries(directory: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(directory) as found:
        return list(found)


def _settle(level: _Level) -> None:
    """A directory gets what is its own last, since filling it changed its times."""
    source = os.open(level.source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _dress(source, level.target, level.seen)
    finally:
        os.close(source)


def _directory(name: bytes, above: int) -> int:
    _make_way(name, above, keep_directory=True)
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=above)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)


def _make_way(name: bytes, above: int, *, keep_directory: bool = False) -> None:
    """Remove what an earlier try, or somebody else, has left there."""
    try:
        there = os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(there.st_mode):
        os.unlink(name, dir_fd=above)
    elif not keep_directory:
        shutil.rmtree(name, dir_fd=above)


def _link(first: tuple[bytes, ...], root: int, name: bytes, above: int) -> None:
    """Give a file copied before another name. Its first name is walked to, so no link is followed."""
    *way, last = first
    held = [root]
    try:
        for part in way:
            held.append(os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held[-1]))
        _make_way(name, above)
        os.link(last, name, src_dir_fd=held[-1], dst_dir_fd=above, follow_symlinks=False)
    finally:
        for fd in held[1:]:
            os.close(fd)


def _one(entry: os.DirEntry[bytes], info: os.stat_result, above: int) -> None:
    kind = stat.S_IFMT(info.st_mode)
    if kind == stat.S_IFSOCK:
        return
    _make_way(entry.name, above)
    if kind == stat.S_IFREG:
        _file(entry, above)
        return
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(entry.path), entry.name, dir_fd=above)
    else:
        os.mknod(entry.name, info.st_mode, info.st_rdev, dir_fd=above)
    os.chown(entry.name, info.st_uid, info.st_gid, dir_fd=above, follow_symlinks=False)
    if kind != stat.S_IFLNK:
        os.chmod(entry.name, stat.S_IMODE(info.st_mode), dir_fd=above)
    os.utime(entry.name, ns=(info.st_atime_ns, info.st_mtime_ns), dir_fd=above, follow_symlinks=False)


def _file(entry: os.DirEntry[bytes], above: int) -> None:
    source = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        now = os.fstat(source)
        if not stat.S_ISREG(now.st_mode):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(entry.name, flags, 0o600, dir_fd=above)
        try:
            contents(source, target, now.st_size)
            _dress(source, target, now)
        finally:
            os.close(target)
    finally:
        os.close(source)


def contents(source: int, target: int, size: int) -> None:
    """Copy data where there is some and leave holes where there are holes; blocks are shared where the file system
    can."""
    position = 0
    while position < size:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError as e:
            if e.errno == errno.ENXIO:  # nothing but a hole up to the end
                break
            raise
        end = os.lseek(source, position, os.SEEK_HOLE)
        os.lseek(source, position, os.SEEK_SET)
        os.lseek(target, position, os.SEEK_SET)
        while position < end:
            done = _piece(source, target, min(end - position, CHUNK))
            if not done:
                return
            position += done
    os.ftruncate(target, size)


def _piece(source: int, target: int, size: int) -> int:
    try:
        return os.copy_file_range(source, target, size)
    except OSError as e:
        if e.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        return os.sendfile(target, source, None, size)


def _dress(source: int, target: int, seen: os.stat_result) -> None:
    os.fchown(target, seen.st_uid, seen.st_gid)
    os.fchmod(target, stat.S_IMODE(seen.st_mode))  # after the owner, whose change takes setuid away
    try:
        names = os.listxattr(source)
    except OSError:
        names = []
    for name in names:
        if not name.startswith("trusted.overlay."):
            with suppress(OSError):  # a file system without such attributes
                os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
