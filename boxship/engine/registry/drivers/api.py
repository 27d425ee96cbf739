"""What a driver of blobs can do. It knows keys, not digests; a key is written once and never again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Protocol


class Stored(NamedTuple):
    """modified: seconds since 1970."""

    key: str
    size: int
    modified: float


class Blobs(Protocol):
    """Safe for concurrent use. Keys are letters, digits and dashes."""

    async def take(self, file: Path, key: str) -> None:
        """Move a whole file in; afterwards it is on stable storage under `key` and the file is gone.
        A crash leaves all or nothing under `key`."""
        ...

    def local(self, key: str) -> Path | None:
        """Return a file to send from, None where bytes are elsewhere. It need not exist."""
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` on, `length` of them or all. Raises NotFound before the first."""
        ...

    async def remove(self, key: str) -> None:
        """Safe to repeat."""
        ...

    def all(self) -> AsyncIterator[Stored]:
        """Yield all there is, in no order; what is added or removed meanwhile may or may not be among it."""
        ...

    async def aclose(self) -> None: ...
