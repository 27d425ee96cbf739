"""Put files of one tree into another, as COPY does. Runs in a child process that has made the source its root; the
target is reached by its descriptor alone, links in it are followed inside it only."""

import os
import posixpath
import stat
from contextlib import suppress
from typing import NamedTuple

from boxship.base.errors import Invalid
from boxship.host.jobs.copy import contents
from boxship.host.jobs.mode import changed
from boxship.host.jobs.select import Found, Item, Selector, Wish
from boxship.host.jobs.ways import Upper, Way, Ways

SMALL = 1 << 17  # files up to this size are copied through memory, holes and all
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_US = (0, 0)  # whose all is that we make


class Rules(NamedTuple):
    """host.api.files.Placing, in what marshal can carry."""

    target: str
    owner: tuple[int, int] | None
    mode: str
    directory: bool


def place(wish: Wish, rules: Rules, root: int, upper: Upper | None = None) -> None:
    """Copy the files of `wish` below the directory behind `root`; see Ways for `upper`. Raises NotFound, Invalid."""
    os.umask(0)
    selector = Selector(wish)
    sources = selector.sources()
    into = rules.directory or rules.target.endswith("/") or len(sources) > 1
    if len(sources) > 1 and not (rules.directory or rules.target.endswith("/")):
        raise Invalid("the destination must be a directory and end with a / when there are several source files")
    job = _Place(rules, Ways(root, rules.owner or _US, upper))
    for found in sources:
        job.source(selector, found, into)


class _Place:
    def __init__(self, rules: Rules, ways: Ways) -> None:
        self._rules = rules
        self._ways = ways
        self._links: dict[tuple[int, int], str] = {}

    def source(self, selector: Selector, found: Found, into: bool) -> None:
        target = posixpath.normpath("/" + self._rules.target.lstrip("/"))
        if found.under:
            target = posixpath.join(target, found.under)
        if stat.S_ISDIR(found.seen.st_mode):
            self._tree(selector, found, target)
            return
        if into or found.under or self._ways.is_directory(target):
            target = posixpath.join(target, found.name)
        for item in selector.items(found):
            self._one(item, target)

    def _tree(self, selector: Selector, found: Found, target: str) -> None:
        """What is in a directory goes into the target; directories get their times last."""
        self._ways.ensure(target)
        made: list[tuple[str, Item]] = []
        for item in selector.items(found):
            if not item.below:
                continue
            where = f"{target}/{item.below}" if target != "/" else f"/{item.below}"
            if stat.S_ISDIR(item.seen.st_mode):
                self._make_directory(where, item)
                made.append((where, item))
            else:
                self._one(item, where)
        for where, item in reversed(made):
            fd = self._ways.open(where, os.O_RDONLY | os.O_DIRECTORY)
            os.utime(fd, ns=(item.seen.st_mtime_ns, item.seen.st_mtime_ns))
            os.close(fd)

    def _make_directory(self, path: str, item: Item) -> None:
        made = self._ways.make(path)
        if made is None:
            return
        try:
            self._dress(made, item)
            _attributes(item.path, made)
        finally:
            os.close(made)

    def _one(self, item: Item, path: str) -> None:
        above, _, name = path.rpartition("/")
        way = self._ways.to(above)
        if self._link(item, path, name, above):
            return
        try:
            self._make(item, name, way)
        except FileExistsError:
            _make_way(name, way.fd, path)
            self._make(item, name, way)

    def _link(self, item: Item, path: str, name: str, above: str) -> bool:
        """Names of one file stay names of one file."""
        if item.seen.st_nlink < 2 or not stat.S_ISREG(item.seen.st_mode):
            return False
        first = self._links.setdefault((item.seen.st_dev, item.seen.st_ino), path)
        if first == path:
            return False
        there, _, old = first.rpartition("/")
        ends = [self._ways.through(directory, os.O_PATH | os.O_DIRECTORY) for directory in (there, above)]
        try:
            _make_way(name, ends[1], path)
            os.link(old, name, src_dir_fd=ends[0], dst_dir_fd=ends[1], follow_symlinks=False)
        finally:
            for fd in ends:
                os.close(fd)
        return True

    def _make(self, item: Item, name: str, way: Way) -> None:
        """Raises FileExistsError where there is something."""
        seen = item.seen
        if stat.S_ISREG(seen.st_mode):
            self._file(item, name, way)
            return
        if stat.S_ISLNK(seen.st_mode):
            os.symlink(os.readlink(item.path), name, dir_fd=way.fd)
        elif stat.S_ISSOCK(seen.st_mode):
            return
        else:
            os.mknod(name, seen.st_mode, seen.st_rdev, dir_fd=way.fd)
        os.chown(name, *self._owner(seen), dir_fd=way.fd, follow_symlinks=False)
        os.utime(name, ns=(seen.st_mtime_ns, seen.st_mtime_ns), dir_fd=way.fd, follow_symlinks=False)

    def _file(self, item: Item, name: str, way: Way) -> None:
        seen = item.seen
        source = os.open(item.path, _OLD)
        try:
            mode = changed(seen.st_mode, self._rules.mode)
            made = os.open(name, _NEW, mode & 0o777 if way.plain else 0o600, dir_fd=way.fd)
            try:
                _contents(source, made, seen.st_size)
                if not way.plain or mode & _SPECIAL or self._owner(seen) != _US:
                    self._dress(made, item)
                _attributes(source, made)
                os.utime(made, ns=(seen.st_mtime_ns, seen.st_mtime_ns))
            finally:
                os.close(made)
        finally:
            os.close(source)

    def _owner(self, seen: os.stat_result) -> tuple[int, int]:
        return self._rules.owner or (seen.st_uid, seen.st_gid)

    def _dress(self, made: int, item: Item) -> None:
        os.fchown(made, *self._owner(item.seen))
        os.fchmod(made, changed(item.seen.st_mode, self._rules.mode))  # after the owner, whose change drops setuid


def _contents(source: int, made: int, size: int) -> None:
    if size > SMALL:
        contents(source, made, size)
        return
    rest = memoryview(os.read(source, size)) if size else memoryview(b"")
    while rest:
        rest = rest[os.write(made, rest) :]


def _attributes(source: int | str, made: int) -> None:
    for name in os.listxattr(source):
        if not name.startswith("trusted.overlay."):
            with suppress(OSError):  # a file system without such attributes
                os.setxattr(made, name, os.getxattr(source, name))


def _make_way(name: str, way: int, path: str) -> None:
    try:
        there = os.stat(name, dir_fd=way, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(there.st_mode):
        raise Invalid(f"cannot replace the directory {path} with a file")
    os.unlink(name, dir_fd=way)
