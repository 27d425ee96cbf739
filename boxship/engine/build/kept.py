"""Contexts that stay here between builds, so that a client sends only what has changed since.

    async with contexts.claim(key, name, spare) as kept:
        await kept.open()
        missing = await kept.compare(listing)
        await kept.take(pieces)             # a tar archive of the missing files
        tree = kept.tree()

A client lists its files, each with marks that change whenever the file may have changed. `key` is the client's own name
for the directory; one build at a time works with what is kept under it, another one meanwhile gets a place of its own.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from boxship.base.clock import Clock
from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid
from boxship.engine.build.api import Tree
from boxship.engine.build.index import Index, Known, Selection, Unplain, fingerprint
from boxship.engine.build.seams import Trees

FILES, RECORD, FACTS = "files", "record", "facts.json"
UNSURE = "~"  # ends the marks of a file that was written so lately that they may not tell the next change
_ROOT = Known(0o40755)
Marked = dict[str, tuple[str, int, bytes]]
"""Marks, mode and digest (or link) of each file, by its path."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """name: of the directory, for people.  Times are nanoseconds since 1970."""

    name: str = ""
    created: int = 0
    used: int = 0


def parse_listing(text: bytes) -> dict[str, str]:
    """Return marks by path from `marks path NUL` for each file. Raises Invalid for paths that climb."""
    found: dict[str, str] = {}
    for entry in text.decode(errors="surrogateescape").split("\0"):
        marks, _, path = entry.partition(" ")
        if not path:
            continue
        if path.startswith("/") or f"/{path}/".find("/../") >= 0:
            raise Invalid(f"the listing of the context has a path outside of it: {path}")
        found[path] = marks
    return found


def compare(old: Mapping[str, tuple[str, int, bytes]], listed: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the paths that must be sent, and those that have gone, deepest first. Pure."""
    missing = [
        path
        for path, marks in listed.items()
        if marks.endswith(UNSURE) or (known := old.get(path)) is None or known[0] != marks
    ]
    gone = [path for path in old if path not in listed]
    return missing, sorted(gone, key=lambda path: path.count("/"), reverse=True)


class Kept:
    """One directory; see api.Contents for what it tells of its files."""

    def __init__(self, home: Path, trees: Trees, name: str = "") -> None:
        self.home = home
        self.root = home / FILES
        self.name = name
        self._trees = trees
        self._files: Marked = {}
        self._listed: dict[str, str] = {}
        self._tables: tuple[dict[str, Known], dict[str, list[str]]] | None = None
        self._plain = True  # what is noted tells all there is to know of the files

    async def open(self) -> None:
        """Read what is known of the files; worth doing while the listing comes."""
        await asyncio.to_thread(self._load)

    async def compare(self, listing: bytes) -> list[str]:
        """Return the paths whose files must come; what has gone is removed here. Raises Invalid."""
        return await asyncio.to_thread(self._compare, listing)

    def _compare(self, listing: bytes) -> list[str]:
        self._listed = parse_listing(listing)
        missing, gone = compare(self._files, self._listed)
        kinds = [path for path in missing if path in self._files and self._turned(path)]
        if missing or gone:
            (self.home / RECORD).unlink(missing_ok=True)  # until all is true again
        for path in [*gone, *sorted(kinds, reverse=True)]:
            self._trees.remove(self.root, path)
            self._files.pop(path)
            self._tables = None
        if gone and not missing:
            self._save()
        return missing

    def _turned(self, path: str) -> bool:
        """Tell whether a file has become something of another kind."""
        return (int(self._listed[path].partition(":")[0], 8) ^ self._files[path][1]) & 0o170000 != 0

    def _load(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        with suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            self._files = msgspec.msgpack.decode((self.home / RECORD).read_bytes(), type=Marked)
            self._tables = self._tabled()
            return
        self._files = {}
        if any(self.root.iterdir()):  # what is here may be half of something
            self._trees.trash(self.root)
            self.root.mkdir()

    async def take(self, pieces: AsyncIterator[bytes]) -> None:
        """Take in a tar archive of the files that `compare` has named. Raises Invalid."""
        archive = self.home / "sent.tar"
        try:
            with archive.open("wb") as file:
                async for piece in pieces:
                    file.write(piece)
            told = await asyncio.to_thread(_told, archive)
            await self._trees.unpack_stream(_read(archive), self.root)
        finally:
            archive.unlink(missing_ok=True)
        await asyncio.to_thread(self._note, told)

    def _note(self, told: Mapping[str, Known] | None) -> None:
        for path, marks in self._listed.items():
            known = told.get(path) if told is not None else None
            if known is not None:
                if self._tables is not None and path in self._files:
                    self._tables[0][path] = known
                else:
                    self._tables = None
                self._files[path] = (marks, known.mode, known.told)
        self._plain = told is not None and self._files.keys() == self._listed.keys()
        if self._plain:
            self._save()

    def _save(self) -> None:
        new = self.home / f"{RECORD}.new"
        new.write_bytes(msgspec.msgpack.encode(self._files))
        new.rename(self.home / RECORD)

    def tree(self) -> Tree:
        """Return the files as a build takes them."""
        return Tree(root=self.root, contents=self if self._plain else None)

    # ---- what the files are, without looking at them

    def fingerprint(
        self, sources: Iterable[str], ignore: Iterable[str], exclude: Iterable[str], parents: bool
    ) -> str | None:
        """See index.fingerprint."""
        if self._tables is None:
            self._tables = self._tabled()
        known, below = self._tables
        return fingerprint(known, below, Selection(tuple(sources), tuple(ignore), tuple(exclude), parents))

    def _tabled(self) -> tuple[dict[str, Known], dict[str, list[str]]]:
        known = {"": _ROOT}
        below: dict[str, list[str]] = {}
        for path, (_, mode, told) in self._files.items():
            known[path] = Known(mode, told)
            above, _, name = path.rpartition("/")
            below.setdefault(above, []).append(name)
        for names in below.values():
            names.sort()
        return known, below

    def read(self, path: str) -> bytes | None:
        return None  # the files are in place

    async def fill(self) -> None:
        return None


class Contexts:
    """All that are kept. home: their directory."""

    def __init__(self, home: Path, trees: Trees, clock: Clock) -> None:
        self._home = home
        self._trees = trees
        self._clock = clock
        self._claimed: set[str] = set()

    @asynccontextmanager
    async def claim(self, key: str, name: str, spare: Path) -> AsyncIterator[Kept]:
        """Give what is kept under `key`, which is the caller's alone while this is open. Who comes second gets a place
        below the directory `spare`, which the caller removes; so does who has no key."""
        own = hashlib.sha256(key.encode()).hexdigest()[:40]
        if not key or own in self._claimed:
            yield Kept(spare, self._trees)
            return
        self._claimed.add(own)
        try:
            home = self._home / own
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._touch(home, name)
            yield Kept(home, self._trees, name)
        finally:
            self._claimed.discard(own)

    def _touch(self, home: Path, name: str) -> None:
        now = self._clock.now()
        created = self._facts(home).created or now
        (home / f"{FACTS}.new").write_bytes(encode(Facts(name=name, created=created, used=now)))
        (home / f"{FACTS}.new").rename(home / FACTS)

    def _facts(self, home: Path) -> Facts:
        try:
            return decode((home / FACTS).read_bytes(), Facts)
        except (OSError, Invalid):
            return Facts()

    def all(self) -> list[tuple[str, Facts]]:
        """Return all by their keys."""
        if not self._home.is_dir():
            return []
        return [(entry.name, self._facts(entry)) for entry in sorted(self._home.iterdir())]

    def in_use(self, key: str) -> bool:
        return key in self._claimed

    async def size(self, key: str) -> int:
        return await self._trees.usage(self._home / key)

    def drop(self, key: str) -> None:
        self._trees.trash(self._home / key)


def _told(archive: Path) -> dict[str, Known] | None:
    """Return what the files of an archive are; None where only the files themselves can tell."""
    with archive.open("rb") as file:
        try:
            return Index(file).entries()
        except Unplain:
            return None


async def _read(archive: Path) -> AsyncIterator[bytes]:
    with archive.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, 1 << 20):
            yield piece
