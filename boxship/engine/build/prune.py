"""What the cache of builds takes, and getting rid of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from boxship.base.errors import Invalid
from boxship.base.units import SECOND, parse_duration, rfc3339
from boxship.engine.build.cachemounts import CacheMounts
from boxship.engine.build.cachestore import Entry
from boxship.engine.build.kept import Contexts
from boxship.engine.build.seams import Parts
from boxship.engine.build.synced import Synced, SyncedContexts

FILTERS = frozenset(("until", "id", "parent", "type", "description", "inuse", "shared", "private", "unused-for"))
REGULAR, MOUNT, CONTEXT = "regular", "exec.cachemount", "source.local"


class PruneWish(msgspec.Struct, frozen=True, kw_only=True):
    """all: also what images still use.  keep: bytes to leave, the latest used ones.  filters: Docker's."""

    all: bool = False
    keep: int = 0
    filters: Mapping[str, Sequence[str]] = {}


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    ids: tuple[str, ...] = ()
    bytes: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the cache. Times are nanoseconds since 1970."""

    id: str
    kind: str
    text: str
    size: int
    created: int
    used: int
    uses: int = 0
    in_use: bool = False
    shared: bool = False


def choose(records: Sequence[Record], wish: PruneWish, now: int) -> tuple[Record, ...]:
    """Return what is to go. Raises Invalid for filters that are none."""
    _check(wish.filters)
    free = [r for r in records if not r.in_use and (wish.all or not r.shared) and _matches(r, wish.filters, now)]
    free.sort(key=lambda r: r.used, reverse=True)
    kept = 0
    gone = []
    for record in free:
        kept += record.size
        if not wish.keep or kept > wish.keep:
            gone.append(record)
    return tuple(gone)


def _check(filters: Mapping[str, Sequence[str]]) -> None:
    unknown = set(filters) - FILTERS
    if unknown:
        raise Invalid(f"invalid filter '{min(unknown)}'")


def _matches(record: Record, filters: Mapping[str, Sequence[str]], now: int) -> bool:
    for name, values in filters.items():
        if name in ("until", "unused-for"):
            fits = all(record.used <= now - _age(value) for value in values)
        elif name == "id":
            fits = any(record.id.startswith(value) for value in values)
        elif name == "type":
            fits = record.kind in values
        elif name == "description":
            fits = any(value in record.text for value in values)
        elif name in ("shared", "private"):
            fits = record.shared == (name == "shared")
        else:
            fits = name == "inuse" and record.in_use
        if not fits:
            return False
    return True


def _age(text: str) -> int:
    if text.isdecimal():
        return int(text) * SECOND
    return parse_duration(text)


class Pruning:
    def __init__(self, parts: Parts, mounts: CacheMounts, contexts: Contexts, synced: SyncedContexts) -> None:
        self._parts = parts
        self._mounts = mounts
        self._contexts = contexts
        self._synced = synced

    async def run(self, wish: PruneWish) -> Pruned:
        chosen = choose(await self._all(), wish, self._parts.clock.now())
        for record in chosen:
            if record.kind == MOUNT:
                self._mounts.drop(record.id)
            elif record.kind == CONTEXT:
                self._contexts.drop(record.id)
                self._synced.drop(record.id)
        await self._parts.cache.drop([r.id for r in chosen if r.kind == REGULAR])
        await self._parts.images.release()
        return Pruned(ids=tuple(r.id for r in chosen), bytes=sum(r.size for r in chosen if not r.shared))

    async def chosen(self, filters: Mapping[str, Sequence[str]]) -> list[Record]:
        """Return the records that filters let through. Raises Invalid."""
        _check(filters)
        now = self._parts.clock.now()
        return [record for record in await self._all() if _matches(record, filters, now)]

    async def _all(self) -> list[Record]:
        used = self._parts.cache.in_use()
        shared = {diff_id for image in self._parts.images.all() for diff_id in image.layers}
        found = [_record(entry, entry.diff_id in used, entry.diff_id in shared) for entry in self._parts.cache.all()]
        for mount in self._mounts.all():
            found.append(
                Record(
                    id=mount.key,
                    kind=MOUNT,
                    text=f"cached mount {mount.id}",
                    size=await self._mounts.size(mount.key),
                    created=mount.created,
                    used=mount.used,
                    in_use=self._mounts.in_use(mount.key),
                )
            )
        for key, facts in self._contexts.all():
            found.append(
                Record(
                    id=key,
                    kind=CONTEXT,
                    text=f"local source for {facts.name}",
                    size=await self._contexts.size(key),
                    created=facts.created,
                    used=facts.used,
                    in_use=self._contexts.in_use(key),
                )
            )
        return found + [_context(kept, busy) for kept, busy in self._synced.all()]

    async def records(self) -> list[dict[str, Any]]:
        return [
            {
                "ID": r.id[:25],
                "Type": r.kind,
                "Description": r.text,
                "InUse": r.in_use,
                "Shared": r.shared,
                "Size": r.size,
                "CreatedAt": rfc3339(r.created),
                "LastUsedAt": rfc3339(r.used),
                "UsageCount": r.uses,
            }
            for r in await self._all()
        ]


def _context(kept: Synced, busy: bool) -> Record:
    return Record(
        id=kept.root.name,
        kind=CONTEXT,
        text="local source for context",
        size=kept.size,
        created=kept.created,
        used=kept.used,
        uses=kept.uses,
        in_use=busy,
    )


def _record(entry: Entry, in_use: bool, shared: bool) -> Record:
    return Record(
        id=entry.key,
        kind=REGULAR,
        text=entry.text,
        size=entry.size,
        created=entry.created,
        used=entry.used,
        uses=entry.uses,
        in_use=in_use and bool(entry.diff_id),
        shared=shared and bool(entry.diff_id),
    )
