"""What an archive is going to be once it is unpacked, without unpacking it: a build whose steps are all known needs
no file of its context. Whatever is not plain here is left to the files themselves: then the answer is None."""

import hashlib
import mmap
import posixpath
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.base.patterns import Patterns, State, is_wild, part_pattern
from boxship.engine.images.tarhead import BLOCK, HeadReader, padded

_PLAIN = {b"0": stat.S_IFREG, b"\0": stat.S_IFREG, b"5": stat.S_IFDIR, b"2": stat.S_IFLNK}
_CHUNK, _STEP = 1 << 20, 1 << 25  # bytes looked at and let go at once
_IMPLIED = stat.S_IFDIR | 0o755


class Unplain(Exception):
    """The archive has something that only unpacking can tell."""


class Known(NamedTuple):
    """One file. told: digest of its contents, or where a link points.  at, size: of its body in the archive."""

    mode: int
    told: bytes = b""
    at: int = 0
    size: int = 0


class Selection(NamedTuple):
    """As host.api.files has it."""

    sources: tuple[str, ...]
    ignore: tuple[str, ...]
    exclude: tuple[str, ...]
    parents: bool


def fingerprint(known: Mapping[str, Known], below: Mapping[str, Sequence[str]], what: Selection) -> str | None:
    """Return what host.api.files.Trees.fingerprint would, None when the files must be asked.
    below: names in each directory, sorted.  Raises NotFound naming a source that is not there."""
    if what.parents:
        return None
    whole = hashlib.sha256()
    look = _Look(known, below, Patterns(what.ignore), Patterns(what.exclude))
    try:
        for path in [path for source in what.sources for path in look.sources(source)]:
            name = posixpath.basename(path)
            whole.update(b"source\0%s\0\0" % name.encode(errors="surrogateescape"))
            for inside, each in look.items(path, name):
                raw = inside.encode(errors="surrogateescape")
                mode = b"%o" % each.mode
                if stat.S_ISDIR(each.mode):
                    whole.update(b"%d:%s%d:%s" % (len(raw), raw, len(mode), mode))
                else:
                    told = each.told
                    whole.update(b"%d:%s%d:%s%d:%s" % (len(raw), raw, len(mode), mode, len(told), told))
    except Unplain:
        return None
    return "sha256:" + whole.hexdigest()


class Index:
    """An archive in a file, looked at once. The file must stay where it is."""

    def __init__(self, file: BinaryIO) -> None:
        """Reads all of it: for a thread. Raises Invalid for what is no archive, Unplain."""
        self._path = file.name
        self._known: dict[str, Known] = {"": Known(_IMPLIED)}
        self._below: defaultdict[str, list[str]] = defaultdict(list)
        size = file.seek(0, 2)
        if size:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as archive:
                for path, known in _entries(archive):
                    self._add(path, known)
        for names in self._below.values():
            names.sort()

    def _add(self, path: str, known: Known) -> None:
        if not path:
            return  # the root keeps its own mode
        if path in self._known:
            if not stat.S_ISDIR(self._known[path].mode & known.mode):
                raise Unplain
        else:
            self._parent(path)
        self._known[path] = known

    def _parent(self, path: str) -> None:
        """Note a new path in its directory, which is made if the archive has not made it."""
        above, _, name = path.rpartition("/")
        if above not in self._known:
            self._parent(above)
            self._known[above] = Known(_IMPLIED)
        if not stat.S_ISDIR(self._known[above].mode):
            raise Unplain
        self._below[above].append(name)

    def read(self, path: str) -> bytes | None:
        """Return a regular file's contents, None where a link is in the way. Raises NotFound."""
        path = posixpath.normpath("/" + path).strip("/")
        parts = path.split("/")
        above = [self._known.get("/".join(parts[:end])) for end in range(1, len(parts) + 1)]
        if any(each is not None and stat.S_ISLNK(each.mode) for each in above):
            return None
        known = self._known.get(path)
        if known is None or not stat.S_ISREG(known.mode):
            raise NotFound(f"{path}: no such file")
        with open(self._path, "rb") as file:
            file.seek(known.at)
            return file.read(known.size)

    def fingerprint(
        self, sources: Sequence[str], ignore: Sequence[str], exclude: Sequence[str], parents: bool
    ) -> str | None:
        """See `fingerprint`."""
        return fingerprint(self._known, self._below, Selection(tuple(sources), tuple(ignore), tuple(exclude), parents))

    def entries(self) -> dict[str, Known]:
        """Return all files by their paths; the root is ""."""
        return self._known


class _Look:
    """The same choice of files as host.jobs.select makes."""

    def __init__(
        self, known: Mapping[str, Known], below: Mapping[str, Sequence[str]], ignore: Patterns, exclude: Patterns
    ) -> None:
        self._known = known
        self._below = below
        self._ignore = ignore
        self._exclude = exclude

    def sources(self, source: str) -> list[str]:
        whole = posixpath.normpath("/" + source).strip("/")
        if not is_wild(whole):
            self._check(whole, source)
            return [whole]
        names = [""]
        for part in whole.split("/"):
            names = [longer for name in names for longer in self._matching(name, part)]
        found = [name for name in names if not (self._ignore and self._ignore.match(name))]
        for name in found:
            self._check(name, source)
        return found

    def _matching(self, directory: str, part: str) -> Iterator[str]:
        if stat.S_ISLNK(self._known[directory].mode):
            raise Unplain
        pattern = part_pattern(part) if is_wild(part) else None
        for name in self._below.get(directory, ()):
            if name == part if pattern is None else pattern.fullmatch(name):
                yield f"{directory}/{name}" if directory else name

    def _check(self, path: str, source: str) -> None:
        parts = path.split("/")
        if any(self._is_link("/".join(parts[:end])) for end in range(1, len(parts) + 1)):
            raise Unplain
        known = self._known.get(path)
        if known is None:
            raise NotFound(f'"/{path}": not found')
        directory = stat.S_ISDIR(known.mode)
        ignored = bool(self._ignore) and path != "" and self._ignore.match(path)
        if ignored and not (directory and self._ignore.has_exceptions):
            raise NotFound(f'"/{path}": not found')
        if source.endswith("/") and not directory:
            raise NotFound(f'"/{path}": not a directory')

    def _is_link(self, path: str) -> bool:
        known = self._known.get(path)
        return known is not None and stat.S_ISLNK(known.mode)

    def items(self, path: str, name: str) -> Iterator[tuple[str, Known]]:
        known = self._known[path]
        if not stat.S_ISDIR(known.mode):
            if not (self._exclude and self._exclude.match(name)):
                yield "", known
            return
        yield "", known
        yield from self._walk(path)

    def _walk(self, top: str) -> Iterator[tuple[str, Known]]:
        state: State = self._ignore.nothing
        parts = top.split("/") if top else []
        for end in range(1, len(parts) + 1):
            state, _ = self._ignore.step(state, "/".join(parts[:end]))
        waiting = [(top, "", state, self._exclude.nothing)]
        while waiting:
            directory, below, ignore, exclude = waiting.pop()
            deeper = []
            for name in self._below.get(directory, ()):
                path = f"{directory}/{name}" if directory else name
                inside = f"{below}/{name}" if below else name
                inner, gone = self._ignore.step(ignore, path) if self._ignore else (ignore, False)
                outer, out = self._exclude.step(exclude, inside) if self._exclude else (exclude, False)
                known = self._known[path]
                if not gone and not out:
                    yield inside, known
                skipped = (gone and not self._ignore.has_exceptions) or (out and not self._exclude.has_exceptions)
                if stat.S_ISDIR(known.mode) and not skipped:
                    deeper.append((path, inside, inner, outer))
            waiting += reversed(deeper)


class _Passing:
    """Lets go of what was looked at: a large archive is not to count as memory of ours."""

    def __init__(self, archive: mmap.mmap) -> None:
        self._archive = archive
        self._gone = 0

    def at(self, place: int) -> None:
        if place - self._gone >= _STEP:
            end = place - place % mmap.PAGESIZE
            self._archive.madvise(mmap.MADV_DONTNEED, self._gone, end - self._gone)
            self._gone = end

    def digest(self, at: int, size: int) -> bytes:
        if size <= _CHUNK:
            return hashlib.sha256(self._archive[at : at + size]).digest()
        seen, end = hashlib.sha256(), at + size
        for start in range(at, end, _CHUNK):
            seen.update(self._archive[start : min(start + _CHUNK, end)])
            self.at(start)
        return seen.digest()


def _entries(archive: mmap.mmap) -> Iterator[tuple[str, Known]]:
    at, size, heads = 0, len(archive), HeadReader()
    passing = _Passing(archive)
    while at + BLOCK <= size:
        passing.at(at)
        block = archive[at : at + BLOCK]
        kind = block[156:157]
        at += BLOCK
        if kind in _PLAIN and block[257:262] == b"ustar" and not block[345] and block[124] < 0x80:
            path, stored = _string(block[:100]), int(block[124:135].strip(b" \0") or b"0", 8)
            link = block[157:257]
        elif block[0] == 0 and not any(block):
            return
        else:
            head = heads.block(block)
            while head is None and not heads.ended:
                if b"SCHILY.xattr" in archive[at : at + heads.wanted] or kind == b"g":
                    raise Unplain
                heads.body(archive[at : at + heads.wanted])
                at += heads.wanted
                block = archive[at : at + BLOCK]
                if len(block) < BLOCK:
                    raise Invalid("unexpected EOF: the archive is cut off")
                at += BLOCK
                head = heads.block(block)
            if head is None:
                return
            kind = block[156:157]
            if kind not in _PLAIN or head.stored != head.size:
                raise Unplain  # devices, hard links, sparse files
            path, stored, link = head.path, head.stored, head.link.encode(errors="surrogateescape")
        stored = stored if kind in b"0\0" else 0
        if at + stored > size:
            raise Invalid("unexpected EOF: the archive is cut off")
        yield _inside(path), _known(passing, block, kind, at, stored, link)
        at += padded(stored)


def _known(passing: _Passing, block: bytes, kind: bytes, at: int, stored: int, link: bytes) -> Known:
    mode = _PLAIN[kind] | (int(block[100:107].strip(b" \0") or b"0", 8) & 0o7777)
    if kind == b"2":
        return Known(stat.S_IFLNK | 0o777, link.partition(b"\0")[0])
    told = b"" if kind == b"5" else passing.digest(at, stored)
    return Known(mode, told, at, stored)


def _string(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _inside(name: str) -> str:
    """Return a relative path. What climbs is left to the unpacking, which refuses it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Unplain
    return "/".join(parts)
