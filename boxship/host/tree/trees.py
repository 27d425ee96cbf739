"""Trees of files on this host: the Protocol Trees. Long work is done by children of a helper process."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from boxship.base.errors import NotFound, PlatformError
from boxship.base.facts import IdMap
from boxship.host import syscalls
from boxship.host.api.files import (
    AS_IS,
    PLAINLY,
    Change,
    Entry,
    Packing,
    Placing,
    Sealed,
    Selection,
    Unpacked,
    Unpacking,
)
from boxship.host.pipes import drain, pour, wide_pipe
from boxship.host.tree import confined
from boxship.host.tree.assembled import Assembled
from boxship.host.tree.trash import Trash
from boxship.host.tree.workshop import Workshop

AT_ONCE = 4  # walks through whole trees that run side by side


class Trees:
    """trash_dir: on the file system of all that is thrown into it. Must be closed."""

    def __init__(self, trash_dir: Path) -> None:
        self._workshop = Workshop()
        self._trash = Trash(trash_dir)
        self._walks = asyncio.Semaphore(AT_ONCE)

    # archives

    async def unpack(self, source: int, root: Path, path: str = "/", how: Unpacking = PLAINLY) -> Unpacked:
        rules = (
            how.layer, how.replace, how.owner, _triples(how.uid_map), _triples(how.gid_map), how.max_bytes,
            how.max_entries, how.itself,
        )  # fmt: skip
        with _directory(root) as top:
            return Unpacked(*await self._workshop.call("unpack", [path, rules], [source, top]))

    async def unpack_layer(self, source: int, root: Path) -> None:
        await self.unpack(source, root, "/", Unpacking(layer=True))

    async def pack(self, root: Path, path: str, sink: int, how: Packing = AS_IS) -> None:
        with _directory(root) as top:
            await self._workshop.call("pack", [path, _rules(how)], [sink, top])

    async def seal(self, root: Path, split: Path, how: Packing) -> Sealed:
        with _directory(root) as top, split.open("wb") as file:
            return Sealed(*await self._workshop.call("seal", ["/", _rules(how)], [file.fileno(), top]))

    async def packed(self, root: Path, path: str, how: Packing = AS_IS) -> AsyncIterator[bytes]:
        source, sink = wide_pipe()
        packing = asyncio.create_task(self._pack_and_close(root, path, sink, how), name=f"pack {path}")
        try:
            async for piece in drain(source):
                yield piece
        finally:
            os.close(source)
            if not packing.done():
                await asyncio.wait([packing])
            failure = None if packing.cancelled() else packing.exception()
        if failure is not None:
            raise failure

    async def _pack_and_close(self, root: Path, path: str, sink: int, how: Packing) -> None:
        try:
            await self.pack(root, path, sink, how)
        finally:
            os.close(sink)

    async def unpack_stream(
        self, pieces: AsyncIterator[bytes], root: Path, path: str = "/", how: Unpacking = PLAINLY
    ) -> Unpacked:
        source, sink = wide_pipe()
        unpacking = asyncio.create_task(self._unpack_and_close(source, root, path, how), name=f"unpack {path}")
        try:
            with suppress(BrokenPipeError):  # the child has given up, and says why
                await pour(pieces, sink)
        except BaseException:
            unpacking.cancel()
            raise
        finally:
            os.close(sink)
            await asyncio.wait([unpacking])
        return unpacking.result()

    async def _unpack_and_close(self, source: int, root: Path, path: str, how: Unpacking) -> Unpacked:
        try:
            return await self.unpack(source, root, path, how)
        finally:
            os.close(source)

    def assembled(self, split: Path, root: Path, level: int, size: int) -> Assembled:
        async def begin(sink: int, passed: int) -> tuple[str, int]:
            with _directory(root) as top, open(split, "rb") as form:
                found = await self._workshop.call("assemble", [level, size], [sink, passed, form.fileno(), top])
            return str(found[0]), int(found[1])

        return Assembled(begin)

    # walks

    async def copy(self, root: Path, path: str, target: Path) -> None:
        with _directory(root) as top, _directory(target, os.O_RDONLY) as bottom:
            async with self._walks:
                await self._workshop.call("copy", [path], [top, bottom])

    async def fingerprint(self, root: Path, what: Selection, *, owned: bool) -> str:
        with _directory(root) as top:
            return str(await self._workshop.call("fingerprint", [_wish(what), owned], [top]))

    async def sources(self, root: Path, what: Selection) -> list[str]:
        with _directory(root) as top:
            return [str(path) for path in await self._workshop.call("sources", [_wish(what)], [top])]

    async def place(
        self, root: Path, what: Selection, target: Path, how: Placing, *, upper: Path | None = None
    ) -> None:
        rules = (how.target, how.owner, how.mode, how.directory)
        with ExitStack() as held:
            fds = [held.enter_context(_directory(tree)) for tree in (root, target, upper) if tree is not None]
            await self._workshop.call("place", [_wish(what), rules], fds)

    async def changes(self, upper: Path, lowers: Sequence[Path]) -> tuple[Change, ...]:
        async with self._walks:
            found = await self._workshop.call("changes", [str(upper), [str(lower) for lower in lowers]])
        return tuple(Change(path, kind) for path, kind in found)

    async def usage(self, *trees: Path) -> int:
        async with self._walks:
            return int(await self._workshop.call("usage", [[str(tree) for tree in trees]]))

    # single names

    def open_in(self, root: Path, path: str) -> BinaryIO:
        return confined.open_in(root, path)

    def entry(self, root: Path, path: str, *, follow: bool = False) -> Entry:
        return confined.entry(root, path, follow=follow)

    def resolve(self, root: Path, path: str, *, follow: bool = True) -> str:
        return confined.resolve(root, path, follow=follow)

    # removal

    def remove_stub(self, root: Path, path: str) -> None:
        confined.remove_stub(root, path)

    def remove(self, root: Path, path: str) -> None:
        confined.remove(root, path)

    def trash(self, tree: Path) -> None:
        self._trash.throw(tree)

    def empty(self) -> None:
        self._trash.empty()

    def sync(self, tree: Path) -> None:
        with _directory(tree, os.O_RDONLY) as top:
            syscalls.syncfs(top)

    async def aclose(self) -> None:
        await self._trash.aclose()
        await self._workshop.aclose()


def _wish(what: Selection) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], bool]:
    return what.sources, what.ignore, what.exclude, what.parents


def _rules(how: Packing) -> tuple[object, ...]:
    return how.name, how.whiteouts, how.latest, how.time, _triples(how.uid_map), _triples(how.gid_map)


def _triples(id_map: Sequence[IdMap]) -> tuple[tuple[int, int, int], ...]:
    return tuple((part.container, part.host, part.size) for part in id_map)


@contextmanager
def _directory(path: Path, flags: int = os.O_PATH) -> Iterator[int]:
    try:
        fd = os.open(path, flags | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        kind = NotFound if isinstance(e, FileNotFoundError | NotADirectoryError) else PlatformError
        raise kind(f"open {path}: {(e.strerror or str(e)).lower()}") from e
    try:
        yield fd
    finally:
        os.close(fd)
