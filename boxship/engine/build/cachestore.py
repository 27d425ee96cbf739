"""Results of steps by their keys, kept over restarts of the daemon. The layers themselves are Images'."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from boxship.base.clock import Clock
from boxship.base.codec import decode, encode
from boxship.store.api import Store

PREFIX = "build/cache/"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """diff_id: of the layer that the step made, "" for none.  size: bytes.  text: the step, for people.
    created, used: nanoseconds since 1970; `used` and `uses` are written now and then only."""

    key: str
    diff_id: str = ""
    size: int = 0
    text: str = ""
    created: int = 0
    used: int = 0
    uses: int = 0


class BuildCache:
    """`load` it before anything is released. Reads never wait."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._held: list[set[str]] = []

    async def load(self) -> None:
        for stored in (await self._store.list(PREFIX))[0]:
            entry = decode(stored.value, Entry)
            self._entries[entry.key] = entry

    def find(self, key: str, has_layer: Callable[[str], bool]) -> Entry | None:
        """Return the result of an earlier step, if its layer is there still."""
        entry = self._entries.get(key)
        if entry is None or (entry.diff_id and not has_layer(entry.diff_id)):
            return None
        entry = msgspec.structs.replace(entry, used=self._clock.now(), uses=entry.uses + 1)
        self._entries[key] = entry
        return entry

    def note(self, key: str, diff_id: str, size: int, text: str) -> Entry:
        """Let readers know of a result at once; `save` writes it."""
        now = self._clock.now()
        entry = Entry(key=key, diff_id=diff_id, size=size, text=text, created=now, used=now)
        self._entries[key] = entry
        return entry

    async def save(self, entry: Entry) -> None:
        await self._store.put(PREFIX + entry.key, encode(entry))

    def all(self) -> list[Entry]:
        return list(self._entries.values())

    def layers(self) -> set[str]:
        """Return the layers that must not go: those of results, and those that builds under way work with."""
        kept = {entry.diff_id for entry in self._entries.values() if entry.diff_id}
        return kept.union(*self._held)

    @contextmanager
    def held(self) -> Iterator[set[str]]:
        """Give a set; layers put into it stay while the context is open."""
        mine: set[str] = set()
        self._held.append(mine)
        try:
            yield mine
        finally:
            self._held.remove(mine)

    def in_use(self) -> set[str]:
        return set().union(*self._held)

    async def drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self._entries.pop(key, None) is not None:
                await self._store.delete(PREFIX + key)
