"""Files of containers, running or not: describe, copy out, copy in, export, compare with the image.

Paths are the container's own, links are followed inside its root, and its volumes are where it sees them. What is in
memory only (/proc, tmpfs) cannot be copied.
"""

import asyncio
import os
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISLNK
from typing import Protocol

from msgspec import structs

from boxship.base.errors import Invalid, NotFound
from boxship.engine import secretfiles
from boxship.engine.events import Events
from boxship.engine.images.feed import through_thread
from boxship.engine.images.inflate import is_compressed, plain
from boxship.engine.remap import UNMAPPED, Remap
from boxship.engine.secretfiles import SecretFiles
from boxship.engine.states import LIVE
from boxship.host.api.files import Change, Entry, Packing, Trees, Unpacking
from boxship.host.view import Shown, view
from boxship.model.runtime import Identity
from boxship.model.status import Container, MountPoint

FILES = ("hostname", "hosts", "resolv.conf")
MAGIC = 6  # bytes that tell a compression
BUFFER = 1 << 18
IdentityOf = Callable[[Path, str], Identity]
"""Look a user up in the passwd and group files of a root."""


class Roots(Protocol):
    """Root file systems; engine.rootfs.Rootfs is one."""

    def mounted(self, container: Container) -> AbstractAsyncContextManager[Path]: ...

    def upper(self, container: Container) -> Path: ...

    def lowers(self, container: Container) -> tuple[str, ...]: ...


class Archive:
    def __init__(
        self,
        trees: Trees,
        roots: Roots,
        events: Events,
        identity_of: IdentityOf,
        remap: Remap = UNMAPPED,
        secrets: SecretFiles | None = None,
    ) -> None:
        self._secrets = secrets
        self._trees = trees
        self._roots = roots
        self._events = events
        self._identity_of = identity_of
        self._remap = remap

    async def stat(self, container: Container, ref: str, path: str) -> Entry:
        """Describe `path`; the link of a symbolic link is where it leads in the end. `ref`: for error texts.
        Raises NotFound in dockerd's words."""
        async with self._root(container) as root:
            return self._stat(root, ref, path)

    @asynccontextmanager
    async def get(self, container: Container, ref: str, path: str) -> AsyncIterator[tuple[Entry, AsyncIterator[bytes]]]:
        """Give the description of `path` and a tar of it, whose first entry has the last part of `path` for a name.
        Raises NotFound."""
        async with self._root(container) as root:
            entry = self._stat(root, ref, path)
            uid_map, gid_map = self._remap.maps(container.spec.host)
            how = Packing(name=_base(path), uid_map=uid_map, gid_map=gid_map)
            source = _absolute(path)
            if _follows(path):
                source = self._trees.resolve(root, source)
            self._events.container(container, "archive-path")
            async with aclosing(_owned(self._trees.packed(root, source, how))) as pieces:
                yield entry, pieces

    async def put(
        self, container: Container, ref: str, path: str, pieces: AsyncIterator[bytes], *, replace: bool, as_user: bool
    ) -> None:
        """Unpack a tar, compressed or not, into the directory `path`.

        replace: directories and other things may take each other's place.  as_user: everything gets the container's
        user for an owner. Raises NotFound, and Invalid for what is no directory, no tar, or read-only.
        Secrets and configs as compose tools give them do not get into the root file system: they stay in memory."""
        head, pieces = await _peek(pieces, secretfiles.HEAD)
        if self._secrets is not None and path == "/" and _idle(container) and secretfiles.given(container, head):
            await self._secrets.put(container, secretfiles.read(await _whole(pieces, secretfiles.MOST)))
        else:
            await self._into_root(container, ref, path, pieces, replace=replace, as_user=as_user)
        self._events.container(container, "extract-to-dir")

    async def _into_root(
        self, container: Container, ref: str, path: str, pieces: AsyncIterator[bytes], *, replace: bool, as_user: bool
    ) -> None:
        async with self._root(container) as root:
            target = self._directory(root, ref, path)
            _refuse_read_only(container, target)
            uid_map, gid_map = self._remap.maps(container.spec.host)
            how = Unpacking(replace=replace, uid_map=uid_map, gid_map=gid_map)
            if as_user and container.spec.user:
                identity = self._identity_of(root, container.spec.user)
                how = structs.replace(how, owner=(identity.uid, identity.gid))
            await self._unpack(pieces, root, target, how)

    @asynccontextmanager
    async def export(self, container: Container) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give a tar of its own root file system, without volumes."""
        async with self._roots.mounted(container) as root:
            self._events.container(container, "export")
            uid_map, gid_map = self._remap.maps(container.spec.host)
            how = Packing(name="", uid_map=uid_map, gid_map=gid_map)
            async with aclosing(_owned(self._trees.packed(root, "/", how))) as pieces:
                yield pieces

    async def changes(self, container: Container) -> tuple[Change, ...]:
        """What it has changed in its root since it was created."""
        lowers = [Path(lower) for lower in self._roots.lowers(container)]
        return await self._trees.changes(self._roots.upper(container), lowers)

    @asynccontextmanager
    async def _root(self, container: Container) -> AsyncIterator[Path]:
        """Give the root with volumes, binds and our own files in it, and none of what lives in memory: as dockerd,
        and the same whether it runs or not."""
        async with AsyncExitStack() as held:
            root = await held.enter_async_context(self._roots.mounted(container))
            home = self._roots.upper(container).parent
            if shown := self._shown(container, home):
                whole = view(root, shown, self._remap.root(container.spec.host))
                root = await asyncio.to_thread(whole.__enter__)
                held.push_async_callback(asyncio.to_thread, whole.__exit__, None, None, None)
            yield root

    def _shown(self, container: Container, home: Path) -> list[Shown]:
        """Return what is mounted in the root, volumes with the ids that the container's files have on the host."""
        host = container.spec.host
        return [Shown(self._remap.seen_volume(host, one.source), one.target) for one in _shown(container.mounts, home)]

    def _stat(self, root: Path, ref: str, path: str) -> Entry:
        try:
            entry = self._trees.entry(root, _absolute(path), follow=_follows(path))
        except NotFound:
            raise _not_found(ref, path) from None
        if path.endswith("/") and not S_ISDIR(entry.mode):
            raise Invalid(f"lstat {path}: not a directory")
        link = self._led_to(root, _absolute(path), entry.link) if S_ISLNK(entry.mode) else ""
        return structs.replace(entry, name=_base(path), link=link)

    def _led_to(self, root: Path, path: str, link: str) -> str:
        try:
            return self._trees.resolve(root, path)
        except (NotFound, Invalid):  # it leads nowhere
            return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))

    def _directory(self, root: Path, ref: str, path: str) -> str:
        try:
            target = self._trees.resolve(root, _absolute(path))
            entry = self._trees.entry(root, target)
        except NotFound:
            raise _not_found(ref, path) from None
        if not S_ISDIR(entry.mode):
            raise Invalid("extraction point is not a directory")
        return target

    async def _unpack(self, pieces: AsyncIterator[bytes], root: Path, target: str, how: Unpacking) -> None:
        head, pieces = await _peek(pieces, MAGIC)
        if not is_compressed(head):
            await self._trees.unpack_stream(pieces, root, target, how)
            return
        async with aclosing(_inflated(pieces)) as plain_pieces:
            await self._trees.unpack_stream(plain_pieces, root, target, how)


def _idle(container: Container) -> bool:
    return container.status.state not in LIVE


async def _whole(pieces: AsyncIterator[bytes], most: int) -> bytes:
    """Raises Invalid for more than `most` bytes."""
    found = b""
    async for piece in pieces:
        found += piece
        if len(found) > most:
            raise Invalid(f"secrets and configs of a container may have {most} bytes together")
    return found


async def _peek(pieces: AsyncIterator[bytes], count: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the first `count` bytes or some more, and all of them again."""
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= count:
            break

    async def whole() -> AsyncIterator[bytes]:
        if head:
            yield head
        async for piece in pieces:
            yield piece

    return head, whole()


async def _owned(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the pieces; once this is closed, so are they."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def _inflated(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the plain bytes of compressed ones; the work is done in a thread."""
    loop = asyncio.get_running_loop()
    done: asyncio.Queue[bytes | None] = asyncio.Queue(4)

    def work(read: Callable[[int], bytes]) -> None:
        inflate = plain(read)
        while piece := inflate(BUFFER):
            asyncio.run_coroutine_threadsafe(done.put(piece), loop).result()

    async def feed() -> None:
        try:
            await through_thread(pieces, work)
        finally:
            await done.put(None)

    task = asyncio.create_task(feed(), name="inflate")
    try:
        while (piece := await done.get()) is not None:
            yield piece
        await task
    finally:
        task.cancel()


def _absolute(path: str) -> str:
    """Return `path` from the root, without dots and doubled slashes; links are not looked at."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _base(path: str) -> str:
    """Return the name that `path` ends with: `.` when asked for that, `/` for the root."""
    if path.endswith("/.") or path == ".":
        return "."
    return posixpath.basename(_absolute(path)) or "/"


def _follows(path: str) -> bool:
    """A slash or a dot at the end asks for what a link leads to."""
    return path.endswith(("/", "/.")) or path in ("", ".")


def _not_found(ref: str, path: str) -> NotFound:
    return NotFound(f"Could not find the file {path} in container {ref}")


def _shown(mounts: Sequence[MountPoint], home: Path) -> list[Shown]:
    """Return what appears in the root, outer mounts first. home: directory of the files we made for the container."""
    named = {point.destination: _place(point) for point in mounts}
    made = {f"/etc/{name}": str(home / name) for name in FILES if (home / name).exists()}
    everything = {**made, **named}
    order = sorted(everything, key=lambda target: target.count("/"))
    return [Shown(everything[target], target) for target in order if everything[target]]


def _place(point: MountPoint) -> str:
    """Where the host has a mount: translated, while the container runs or waits for its start."""
    return point.place if point.place and os.path.exists(point.place) else point.source


def _refuse_read_only(container: Container, target: str) -> None:
    """Raise Invalid if the container could not write to `target` itself."""
    within = [point for point in container.mounts if _is_below(target, point.destination)]
    point = max(within, key=lambda point: len(point.destination), default=None)
    if point is not None and not point.rw:
        raise Invalid("mounted volume is marked read-only")
    if point is None and container.spec.host.readonly_rootfs:
        raise Invalid("container rootfs is marked read-only")


def _is_below(path: str, above: str) -> bool:
    above = os.path.normpath(above).rstrip("/")
    return path == above or path.startswith(above + "/")
