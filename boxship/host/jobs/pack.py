"""Tar a tree. Runs in a child process of its own that has made the root its root directory, so links, also those
swapped in meanwhile, lead nowhere else."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, NamedTuple, TypeVar

from boxship.host.jobs import header
from boxship.host.jobs.header import Member
from boxship.host.jobs.sinks import Seal, Sealed, Sink, Stream
from boxship.host.jobs.unpack import OPAQUE, Map

T = TypeVar("T")
_KINDS = {
    stat.S_IFREG: header.FILE,
    stat.S_IFLNK: header.LINK,
    stat.S_IFCHR: header.CHARACTER,
    stat.S_IFBLK: header.DEVICE,
    stat.S_IFDIR: header.DIRECTORY,
    stat.S_IFIFO: header.FIFO,
}


_PORTABLE = ("security.capability", "system.posix_acl_", "user.")
OVERFLOW = 65534  # what the kernel shows for an id that has none in a user namespace


class Rules(NamedTuple):
    """api.files.Packing, in what marshal can carry; the maps are (in the archive, on the host, how many)."""

    name: str | None
    whiteouts: bool
    latest: int | None
    time: int | None
    uid_map: Map
    gid_map: Map


def pack(sink: int, path: bytes, rules: Rules) -> None:
    """Write `path` as a tar to `sink`. A reader that went away ends it silently. Raises FileNotFoundError."""
    stream = Stream(sink)
    with suppress(BrokenPipeError):
        _pack(stream, path, rules)
        stream.flush()


def seal(split: BinaryIO, path: bytes, rules: Rules) -> Sealed:
    """Tell of the tar that `pack` would write, and write its split form: the files stay, and nothing passes but what
    they do not hold. Raises FileNotFoundError."""
    made = Seal(split)
    _pack(made, path, rules)
    return made.close()


def _pack(sink: Sink, path: bytes, rules: Rules) -> None:
    path = path.rstrip(b"/") or b"/"
    name = path.rpartition(b"/")[2] if rules.name is None else _first_name(os.fsencode(rules.name))
    seen = os.lstat(path)
    _Pack(sink, rules).tree(path, name, seen)
    sink.literal(header.END)


def _inverted(number: int, id_map: Map) -> int:
    """Return an id of the host as the container sees it. No map changes nothing."""
    if not id_map:
        return number
    return next((inner + number - outer for outer, inner, size in id_map if outer <= number < outer + size), OVERFLOW)


def _first_name(asked: bytes) -> bytes:
    """Names are relative, but for a tree that is asked for as the root itself."""
    return asked.strip(b"/") or asked[:1]


class _Pack:
    def __init__(self, sink: Sink, rules: Rules) -> None:
        self._sink = sink
        self._keep = sink.literal
        self._rules = rules
        self._names: dict[tuple[int, int], bytes] = {}
        self._inverse = [
            tuple((outer, inner, size) for inner, outer, size in m) for m in (rules.uid_map, rules.gid_map)
        ]

    def tree(self, path: bytes, name: bytes, seen: os.stat_result) -> None:
        """Pack one name and, of a directory, all that is in it; deep trees need no deep stack."""
        waiting = [(path, name, seen)]
        while waiting:
            path, name, seen = waiting.pop()
            if not self._one(path, name, seen):
                continue
            for entry in reversed(_entries(path)):
                with suppress(FileNotFoundError, NotADirectoryError):
                    below = name.rstrip(b"/") + b"/" + entry.name if name else entry.name
                    waiting.append((entry.path, below, entry.stat(follow_symlinks=False)))

    def _one(self, path: bytes, name: bytes, seen: os.stat_result) -> bool:
        """Tell whether it is a directory to go into."""
        kind = _KINDS.get(stat.S_IFMT(seen.st_mode))
        if kind is None:  # a socket: nobody could use it
            return False
        if kind == header.CHARACTER and self._rules.whiteouts and seen.st_rdev == 0:
            above, slash, last = name.rpartition(b"/")
            self._keep(header.header(Member(above + slash + b".wh." + last, header.FILE, 0o600)))
            return False
        if kind == header.FILE:
            self._file(path, name, seen)
        elif kind == header.DIRECTORY:
            self._directory(path, name, seen)
            return True
        else:
            self._special(kind, path, name, seen)
        return False

    def _member(self, name: bytes, kind: bytes, seen: os.stat_result) -> Member:
        uids, gids = self._inverse
        time = int(seen.st_mtime) if self._rules.time is None else self._rules.time
        time = time if self._rules.latest is None else min(time, self._rules.latest)
        return Member(
            name, kind, seen.st_mode, _inverted(seen.st_uid, uids), _inverted(seen.st_gid, gids), 0,
            time,
        )  # fmt: skip

    def _directory(self, path: bytes, name: bytes, seen: os.stat_result) -> None:
        attributes = _attributes(path)
        opaque = attributes.pop("trusted.overlay.opaque", b"") == b"y"
        if name:
            member = self._member(name.rstrip(b"/") + b"/", header.DIRECTORY, seen)
            self._keep(header.header(member._replace(attributes=_portable(attributes))))
        if opaque and self._rules.whiteouts:
            marker = name + b"/" + OPAQUE if name else OPAQUE
            self._keep(header.header(Member(marker, header.FILE, 0o600)))

    def _special(self, kind: bytes, path: bytes, name: bytes, seen: os.stat_result) -> None:
        member = self._member(name, kind, seen)
        if kind == header.LINK:
            if (target := _unless_changed(os.readlink, path)) is None:
                return
            member = member._replace(target=target)
        elif kind != header.FIFO:
            member = member._replace(device=(os.major(seen.st_rdev), os.minor(seen.st_rdev)))
        self._keep(header.header(member))

    def _file(self, path: bytes, name: bytes, seen: os.stat_result) -> None:
        if seen.st_nlink > 1:
            first = self._names.setdefault((seen.st_dev, seen.st_ino), name)
            if first != name:
                member = self._member(name, header.HARD_LINK, seen)
                self._keep(header.header(member._replace(target=first)))
                return
        # Without waiting, and looked at again: by now it may be a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        if (fd := _unless_changed(lambda path: os.open(path, flags), path)) is None:
            return
        try:
            now = os.fstat(fd)
            if stat.S_ISREG(now.st_mode):
                member = self._member(name, header.FILE, now)
                attributes = _portable(_attributes(fd))
                self._keep(header.header(member._replace(size=now.st_size, attributes=attributes)))
                self._sink.contents(name, fd, now.st_size)
                self._keep(header.padding(now.st_size))
        finally:
            os.close(fd)


def _unless_changed(look: Callable[[bytes], T], path: bytes) -> T | None:
    """Return what `look` finds; None for what has gone, or become another kind of thing, since it was listed."""
    try:
        return look(path)
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO):
            return None
        raise


def _entries(directory: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _attributes(file: bytes | int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as e:
        if e.errno in (errno.ENOTSUP, errno.ENODATA, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EPERM):
            return {}
        raise


def _portable(attributes: dict[str, bytes]) -> dict[str, bytes]:
    """Those that mean something elsewhere: file capabilities, access control lists, and the users' own."""
    return {n: v for n, v in attributes.items() if n.startswith(_PORTABLE)}
