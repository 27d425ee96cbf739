"""Files of a volume as one compressed blob, and back. The event loop does not feel it: the work is in threads."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from isal import isal_zlib

from boxship.base.errors import Invalid
from boxship.engine.images.manifest import Descriptor

LEVEL = 1
_GZIP = 31  # window bits: 32 KiB, with gzip's header
CHUNK = 1 << 18
_DAMAGE = cast(type[Exception], isal_zlib.error)


async def write(pieces: AsyncIterator[bytes], path: Path) -> tuple[str, int]:
    """Compress into a new file; return its digest and size. The same contents give the same file."""
    packer, seen, size = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _GZIP), hashlib.sha256(), 0
    with path.open("xb") as out:

        def put(packed: bytes) -> int:
            seen.update(packed)
            return out.write(packed)

        async for piece in _even(pieces):
            size += await asyncio.to_thread(lambda part: put(packer.compress(part)), piece)
        size += put(packer.flush())
        out.flush()
        await asyncio.to_thread(os.fsync, out.fileno())
    return f"sha256:{seen.hexdigest()}", size


async def _even(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same in pieces of one size: what comes out of the packer depends on how it comes in."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    yield bytes(held)


async def plain(pieces: AsyncIterator[bytes], wanted: Descriptor) -> AsyncIterator[bytes]:
    """Yield what a blob holds, uncompressed. Raises Invalid, at the end, when it is not the blob that was wanted."""
    opened = _Opened()
    async for piece in pieces:
        plain = await asyncio.to_thread(opened.take, piece)
        if plain:
            yield plain
    opened.check(wanted)


class _Opened:
    def __init__(self) -> None:
        self._unpacker: Any = isal_zlib.decompressobj(_GZIP)
        self._seen = hashlib.sha256()

    def take(self, piece: bytes) -> bytes:
        self._seen.update(piece)
        try:
            plain: bytes = self._unpacker.decompress(piece)
        except _DAMAGE as e:
            raise Invalid(f"the backup is damaged: {e}") from e
        return plain

    def check(self, wanted: Descriptor) -> None:
        if f"sha256:{self._seen.hexdigest()}" != wanted.digest or not self._unpacker.eof:
            raise Invalid(f"the backup is damaged: its content is not {wanted.digest}")


async def read(path: Path, start: int = 0, size: int = -1) -> AsyncIterator[bytes]:
    """Yield a file, or `size` bytes of it from `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        while size and (piece := await asyncio.to_thread(file.read, CHUNK if size < 0 else min(size, CHUNK))):
            size -= len(piece) if size > 0 else 0
            yield piece
