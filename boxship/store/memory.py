"""A store that forgets everything when the process ends; for tests and simulations."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Sequence

from boxship.base.errors import Conflict
from boxship.store.api import Change, Entry

HISTORY = 4096  # changes remembered for watchers that come late


class MemoryStore:
    def __init__(self, history: int = HISTORY) -> None:
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._revision = 0
        self._history: list[Change] = []
        self._keep = history
        self._watchers: set[asyncio.Event] = set()

    async def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    async def list(self, prefix: str) -> tuple[list[Entry], int]:
        found = []
        for key in self._keys[bisect_left(self._keys, prefix) :]:
            if not key.startswith(prefix):
                break
            found.append(self._entries[key])
        return found, self._revision

    async def put(self, key: str, value: bytes, *, expect: int | None = None) -> int:
        self._check(key, expect)
        self._revision += 1
        if key not in self._entries:
            insort(self._keys, key)
        self._entries[key] = Entry(key, value, self._revision)
        self._announce(Change(key, value, self._revision))
        return self._revision

    async def delete(self, key: str, *, expect: int | None = None) -> int:
        self._check(key, expect)
        if key not in self._entries:
            return self._revision
        self._revision += 1
        del self._entries[key]
        self._keys.remove(key)
        self._announce(Change(key, None, self._revision))
        return self._revision

    async def watch(self, prefix: str, since: int) -> AsyncIterator[Change]:
        wakeup = asyncio.Event()
        self._watchers.add(wakeup)
        try:
            while True:
                wakeup.clear()
                for change in self._after(since):
                    if change.key.startswith(prefix):
                        yield change
                    since = change.revision
                await wakeup.wait()
        finally:
            self._watchers.discard(wakeup)

    async def close(self) -> None:
        self._watchers.clear()

    def _after(self, since: int) -> Sequence[Change]:
        oldest = self._history[0].revision if self._history else self._revision + 1
        if since + 1 < oldest:
            raise Conflict(f"revision {since} is too old to watch from: the oldest change known is {oldest}")
        return self._history[max(0, since + 1 - oldest) :]

    def _check(self, key: str, expect: int | None) -> None:
        if expect is None:
            return
        entry = self._entries.get(key)
        revision = entry.revision if entry else 0
        if revision != expect:
            raise Conflict(f"{key} is at revision {revision}, not {expect}")

    def _announce(self, change: Change) -> None:
        self._history.append(change)
        del self._history[: -self._keep]
        for wakeup in self._watchers:
            wakeup.set()
