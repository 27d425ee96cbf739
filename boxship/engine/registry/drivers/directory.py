"""Blobs as files of one directory, spread over 256 folders. Moving in is a rename, on one disk."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from boxship.base.errors import KernelError, NotFound
from boxship.engine.registry.drivers.api import Stored

CHUNK = 1 << 20


class Directory:
    """Driver over `root`, which is made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        for number in range(256):
            (root / f"{number:02x}").mkdir(exist_ok=True)

    def local(self, key: str) -> Path:
        return self._root / key[:2] / key

    async def take(self, file: Path, key: str) -> None:
        await asyncio.to_thread(self._take, file, self.local(key))

    def _take(self, file: Path, target: Path) -> None:
        try:
            _sync(file, os.O_RDONLY)
            os.utime(file)  # young again, so that nobody takes it for a leftover
            os.rename(file, target)
            _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as e:
            raise KernelError(f"store {target.name}: {e.strerror}", e.errno or 0) from e

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        try:
            file = self.local(key).open("rb", buffering=0)
        except FileNotFoundError as e:
            raise NotFound(f"no such blob: {key}") from e
        with file:
            file.seek(start)
            left = length if length is not None else 1 << 62
            while left and (piece := await asyncio.to_thread(file.read, min(CHUNK, left))):
                left -= len(piece)
                yield piece

    async def remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(self.local(key).unlink)

    async def all(self) -> AsyncIterator[Stored]:
        for number in range(256):
            for stored in await asyncio.to_thread(_folder, self._root / f"{number:02x}"):
                yield stored

    async def aclose(self) -> None:
        """Nothing is held."""


def _folder(folder: Path) -> list[Stored]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                found.append(Stored(entry.name, status.st_size, status.st_mtime))
    return found


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
