"""Directories of `RUN --mount=type=cache`: kept between builds, in no layer, shared as their users allow."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from boxship.base.clock import Clock
from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid

RECORD, TREE = "mount.json", "data"


class Trees(Protocol):
    def trash(self, tree: Path) -> None: ...

    async def usage(self, *trees: Path) -> int: ...


class CacheMount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """key: name of its directory.  id: as the Dockerfile has it.  created, used: nanoseconds since 1970."""

    key: str
    id: str
    created: int = 0
    used: int = 0


class CacheMounts:
    def __init__(self, home: Path, trees: Trees, clock: Clock) -> None:
        self._home = home
        self._trees = trees
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._used: Counter[str] = Counter()

    @asynccontextmanager
    async def use(self, id: str, sharing: str, *, touch: bool = True) -> AsyncIterator[tuple[Path, bool]]:
        """Give the directory of a mount, and whether it is new. locked: one user after the other; private: who
        comes while it is used gets another one.  touch: False only looks, and makes nothing of it."""
        if sharing == "locked":
            async with self._locks[id]:
                async with self._claimed(id, touch) as given:
                    yield given
            return
        number = 0
        while sharing == "private" and self._used[_key(f"{id}\0{number}" if number else id)]:
            number += 1
        async with self._claimed(f"{id}\0{number}" if number else id, touch) as given:
            yield given

    @asynccontextmanager
    async def _claimed(self, id: str, touch: bool) -> AsyncIterator[tuple[Path, bool]]:
        key = _key(id)
        home = self._home / key
        self._used[key] += 1
        try:
            new = not (home / RECORD).exists()
            if touch:
                (home / TREE).mkdir(mode=0o755, parents=True, exist_ok=True)
            yield home / TREE, new
            if not touch:
                return
            now = self._clock.now()
            created = now if new else self._read(key).created
            made = CacheMount(key=key, id=id.partition("\0")[0], created=created, used=now)
            (home / f"{RECORD}.new").write_bytes(encode(made))
            (home / f"{RECORD}.new").rename(home / RECORD)
        finally:
            self._used[key] -= 1

    def _read(self, key: str) -> CacheMount:
        try:
            return decode((self._home / key / RECORD).read_bytes(), CacheMount)
        except (OSError, Invalid):
            return CacheMount(key=key, id="?")

    def all(self) -> list[CacheMount]:
        if not self._home.is_dir():
            return []
        return [self._read(entry.name) for entry in sorted(self._home.iterdir())]

    def in_use(self, key: str) -> bool:
        return self._used[key] > 0

    async def size(self, key: str) -> int:
        return await self._trees.usage(self._home / key)

    def drop(self, key: str) -> None:
        self._trees.trash(self._home / key)


def _key(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:40]
