"""Contexts that come as one archive: kept as it came, looked into, and unpacked only when files are needed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO

from boxship.engine.build import remote
from boxship.engine.build.api import Tree
from boxship.engine.build.index import Index, Unplain
from boxship.engine.build.seams import Trees
from boxship.engine.build.workspace import Workspace
from boxship.engine.images.inflate import is_compressed


class Received:
    """A context in an archive. See api.Contents."""

    def __init__(self, index: Index | None, archive: Path, root: Path, trees: Trees) -> None:
        self._index = index
        self._archive = archive
        self._root = root
        self._trees = trees
        self._filling = asyncio.Lock()
        self._full = False

    def fingerprint(
        self, sources: Sequence[str], ignore: Sequence[str], exclude: Sequence[str], parents: bool
    ) -> str | None:
        return self._index.fingerprint(sources, ignore, exclude, parents) if self._index else None

    def read(self, path: str) -> bytes | None:
        return self._index.read(path) if self._index else None

    async def fill(self) -> None:
        async with self._filling:
            if not self._full:
                await self._trees.unpack_stream(remote.archive_pieces(self._archive), self._root)
                self._full = True


async def received(pieces: AsyncIterator[bytes], space: Workspace, trees: Trees) -> Tree:
    """Take in an archive, packed or not. Raises Invalid for what is none."""
    root, archive = space.directory("context"), space.directory("packed") / "context.tar"
    with archive.open("w+b") as file:
        async for piece in pieces:
            file.write(piece)
        file.flush()
        file.seek(0)
        packed = is_compressed(file.read(remote.HEAD))
        index = None if packed else await asyncio.to_thread(_index, file)
    contents = Received(index, archive, root, trees)
    if index is None:
        await contents.fill()
        return Tree(root=root)
    return Tree(root=root, contents=contents)


def _index(file: BinaryIO) -> Index | None:
    try:
        return Index(file)
    except Unplain:
        return None
