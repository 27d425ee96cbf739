"""The seam of persistence: keys with revisions, compare-and-swap, and a watch that misses nothing.

Keys are paths without a leading slash, `containers/<id>`. One counter numbers all changes of a store; an entry carries
the number of the change that made it. Implementations pass tests/contract/test_store.py.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    key: str
    value: bytes
    revision: int


class Change(NamedTuple):
    """value None: the key was deleted."""

    key: str
    value: bytes | None
    revision: int


class Store(Protocol):
    async def get(self, key: str) -> Entry | None: ...

    async def list(self, prefix: str) -> tuple[list[Entry], int]:
        """Return the entries below `prefix`, ordered by key, and the store's revision they were read at."""
        ...

    async def put(self, key: str, value: bytes, *, expect: int | None = None) -> int:
        """Write, return the new revision. `expect` is the revision the key must have now, 0 that it must not
        exist. Raises Conflict otherwise. Once it returns, a crash of this process loses nothing."""
        ...

    async def delete(self, key: str, *, expect: int | None = None) -> int:
        """Remove, return the revision of the removal; removing what is not there changes nothing and
        returns the present revision. Raises Conflict as put does."""
        ...

    def watch(self, prefix: str, since: int) -> AsyncIterator[Change]:
        """Yield every change below `prefix` with a revision above `since`, in order, without end.
        Raises Conflict when `since` is older than the store remembers: list again."""
        ...

    async def close(self) -> None: ...
