"""Put files of one tree into another, as COPY does. Runs in a child process that has made the source its root; the
target is reached by its descriptor alone, links in it are followed inside it only."""

import errno
import os
import posixpath
import stat
from contextlib import suppress
from typing import NamedTuple

from boxship.base.errors import Invalid, KernelError
from boxship.host import syscalls
from boxship.host.jobs.copy import contents
from boxship.host.jobs.mode import changed
from boxship.host.jobs.select import Found, Item, Selector, Wish

_INSIDE = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
_WAY = os.O_PATH | os.O_DIRECTORY


class Rules(NamedTuple):
    """host.api.files.Placing, in what marshal can carry."""

    target: str
    owner: tuple[int, int] | None
    mode: str
    directory: bool


def place(wish: Wish, rules: Rules, root: int) -> None:
    """Copy the files of `wish` below the directory behind `root`. Raises NotFound, Invalid."""
    os.umask(0)
    selector = Selector(wish)
    sources = selector.sources()
    into = rules.directory or rules.target.endswith("/") or len(sources) > 1
    if len(sources) > 1 and not (rules.directory or rules.target.endswith("/")):
        raise Invalid("the destination must be a directory and end with a / when there are several source files")
    job = _Place(rules, root)
    for found in sources:
        job.source(selector, found, into)


class _Place:
    def __init__(self, rules: Rules, root: int) -> None:
        self._rules = rules
        self._root = root
        self._links: dict[tuple[int, int], str] = {}

    def source(self, selector: Selector, found: Found, into: bool) -> None:
        target = posixpath.normpath("/" + self._rules.target)
        if found.under:
            target = posixpath.join(target, found.under)
        if stat.S_ISDIR(found.seen.st_mode):
            self._tree(selector, found, target)
            return
        if into or found.under or self._is_directory(target):
            target = posixpath.join(target, found.name)
        for item in selector.items(found):
            self._ensure(posixpath.dirname(target))
            self._one(item, target)

    def _tree(self, selector: Selector, found: Found, target: str) -> None:
        """What is in a directory goes into the target; directories get their times last."""
        self._ensure(target)
        made: list[tuple[str, Item]] = []
        for item in selector.items(found):
            if not item.below:
                continue
            where = posixpath.join(target, item.below)
            if stat.S_ISDIR(item.seen.st_mode):
                self._make_directory(where, item)
                made.append((where, item))
            else:
                if "/" in item.below:
                    self._ensure(posixpath.dirname(where))
                self._one(item, where)
        for where, item in reversed(made):
            fd = self._open(where, os.O_RDONLY | os.O_DIRECTORY)
            os.utime(fd, ns=(item.seen.st_mtime_ns, item.seen.st_mtime_ns))
            os.close(fd)

    def _open(self, path: str, flags: int) -> int:
        return syscalls.openat2(self._root, path, flags, resolve=_INSIDE)

    def _is_directory(self, path: str) -> bool:
        try:
            os.close(self._open(path, _WAY))
        except KernelError:
            return False
        return True

    def _ensure(self, path: str) -> None:
        """Make the directories of a path; those there stay as they are."""
        if path in ("", "/") or self._is_directory(path):
            return
        above, _, name = path.rstrip("/").rpartition("/")
        self._ensure(above)
        way = self._open(above or "/", _WAY)
        try:
            os.mkdir(name, 0o755, dir_fd=way)
            made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=way)
            try:
                os.fchown(made, *(self._rules.owner or (0, 0)))
            finally:
                os.close(made)
        except FileExistsError:
            raise Invalid(f"cannot create {path}: there is something that is no directory") from None
        finally:
            os.close(way)

    def _make_directory(self, path: str, item: Item) -> None:
        above, _, name = path.rpartition("/")
        self._ensure(above)
        way = self._open(above or "/", _WAY)
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=way)
            try:
                made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=way)
            except OSError as e:
                if e.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                if self._is_directory(path):  # a link to one: its own owner and mode stay
                    return
                raise Invalid(f"cannot replace {path}, which is no directory, with a directory") from None
            try:
                self._dress(made, item)
            finally:
                os.close(made)
        finally:
            os.close(way)

    def _one(self, item: Item, path: str) -> None:
        above, _, name = path.rpartition("/")
        way = self._open(above or "/", _WAY)
        try:
            _make_way(name, way, path)
            if not self._link(item, path, name, way):
                self._make(item, name, way)
        finally:
            os.close(way)

    def _link(self, item: Item, path: str, name: str, way: int) -> bool:
        """Names of one file stay names of one file."""
        if item.seen.st_nlink < 2 or not stat.S_ISREG(item.seen.st_mode):
            return False
        key = (item.seen.st_dev, item.seen.st_ino)
        first = self._links.setdefault(key, path)
        if first == path:
            return False
        above, _, old = first.rpartition("/")
        beside = self._open(above or "/", _WAY)
        try:
            os.link(old, name, src_dir_fd=beside, dst_dir_fd=way, follow_symlinks=False)
        finally:
            os.close(beside)
        return True

    def _make(self, item: Item, name: str, way: int) -> None:
        seen = item.seen
        if stat.S_ISREG(seen.st_mode):
            self._file(item, name, way)
        elif stat.S_ISLNK(seen.st_mode):
            os.symlink(os.readlink(item.path), name, dir_fd=way)
            os.chown(name, *self._owner(seen), dir_fd=way, follow_symlinks=False)
            os.utime(name, ns=(seen.st_mtime_ns, seen.st_mtime_ns), dir_fd=way, follow_symlinks=False)
        elif not stat.S_ISSOCK(seen.st_mode):
            os.mknod(name, seen.st_mode, seen.st_rdev, dir_fd=way)
            os.chown(name, *self._owner(seen), dir_fd=way, follow_symlinks=False)
            os.utime(name, ns=(seen.st_mtime_ns, seen.st_mtime_ns), dir_fd=way, follow_symlinks=False)

    def _file(self, item: Item, name: str, way: int) -> None:
        source = os.open(item.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            made = os.open(name, flags, 0o600, dir_fd=way)
            try:
                contents(source, made, item.seen.st_size)
                self._dress(made, item, source)
                os.utime(made, ns=(item.seen.st_mtime_ns, item.seen.st_mtime_ns))
            finally:
                os.close(made)
        finally:
            os.close(source)

    def _owner(self, seen: os.stat_result) -> tuple[int, int]:
        return self._rules.owner or (seen.st_uid, seen.st_gid)

    def _dress(self, made: int, item: Item, source: int | None = None) -> None:
        seen = item.seen
        os.fchown(made, *self._owner(seen))
        os.fchmod(made, changed(seen.st_mode, self._rules.mode))
        for name in os.listxattr(item.path if source is None else source):
            if not name.startswith("trusted.overlay."):
                with suppress(OSError):  # a file system without such attributes
                    os.setxattr(made, name, os.getxattr(item.path if source is None else source, name))


def _make_way(name: str, way: int, path: str) -> None:
    try:
        there = os.stat(name, dir_fd=way, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(there.st_mode):
        raise Invalid(f"cannot replace the directory {path} with a file")
    os.unlink(name, dir_fd=way)
