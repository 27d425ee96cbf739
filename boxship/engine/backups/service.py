"""Copies of volumes: taken while containers that write there pause, put back whole or not at all."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from boxship.base.clock import Clock
from boxship.base.errors import Conflict, Invalid, NotFound, PlatformError
from boxship.base.ids import new_id
from boxship.base.units import rfc3339
from boxship.engine.backups import archive, artifact, blobs
from boxship.engine.backups.artifact import Saved
from boxship.engine.backups.shipping import Shipping, Tell
from boxship.engine.images.manifest import Descriptor
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry.auth import Credentials
from boxship.engine.images.registry.client import Client
from boxship.engine.volumes import Volumes
from boxship.host.api.files import Packing, Unpacked, Unpacking
from boxship.model.status import Container, State
from boxship.model.volume import Volume, VolumeSpec

ORIGIN, TAKEN = "boxship.snapshot.of", "boxship.snapshot.at"
UNFINISHED = "boxship.volume.unfinished"  # label of a volume whose contents are still to come
_OWN = (ORIGIN, TAKEN, UNFINISHED, "com.docker.volume.anonymous")
_WHOLE = Unpacking(itself=True)
log = logging.getLogger(__name__)


class Trees(Protocol):
    """The part of boxship.host.api.files.Trees that is needed here."""

    def packed(self, root: Path, path: str, how: Packing = ...) -> AsyncIterator[bytes]: ...

    async def unpack_stream(
        self, pieces: AsyncIterator[bytes], root: Path, path: str = "/", how: Unpacking = ...
    ) -> Unpacked: ...

    async def copy(self, root: Path, path: str, target: Path) -> None: ...

    def trash(self, tree: Path) -> None: ...


class Containers(Protocol):
    def all(self) -> list[Container]: ...

    async def pause(self, ref: str) -> None: ...

    async def unpause(self, ref: str) -> None: ...


class Registries(Protocol):
    async def reach(self, reference: Reference, credentials: Credentials, *, push: bool) -> Client:
        """Return a client that a registry has let in; it must be closed."""
        ...


class Backups:
    """`backups/<id>` below the data root is where blobs lie while they are made or read."""

    def __init__(
        self,
        data_root: Path,
        volumes: Volumes,
        trees: Trees,
        containers: Containers,
        registries: Registries,
        clock: Clock,
    ) -> None:
        self._root = data_root / "backups"
        self._volumes = volumes
        self._trees = trees
        self._containers = containers
        self._registries = registries
        self._clock = clock

    async def sweep(self) -> None:
        """Take away what an earlier daemon left half done."""
        self._trees.trash(self._root)
        for volume in self._volumes.all():
            if UNFINISHED in volume.spec.labels:
                await self._volumes.remove(volume.name)

    # ---- snapshots

    async def snapshot(self, name: str, copy: str = "", *, pause: bool = True) -> Volume:
        """Return a new volume with the contents that `name` has now; blocks are shared where the file system can.
        copy: its name, by default one that tells origin and time. Raises NotFound, Conflict."""
        volume = self._volumes.get(name)
        now = self._clock.now()
        stamp = rfc3339(now).partition(".")[0].replace(":", "").replace("-", "").rstrip("Z")
        copy = copy or f"{name}-{stamp}"
        if any(other.name == copy for other in self._volumes.all()):
            raise Conflict(f"volume {copy} is there already")
        labels = {**volume.spec.labels, ORIGIN: name, TAKEN: rfc3339(now)}
        labels.pop("com.docker.volume.anonymous", None)
        async with self._made(copy, labels), self._still([name], pause):
            await self._copy(name, copy)
        return self._volumes.get(copy)

    async def restore(self, name: str, source: str) -> Volume:
        """Give a volume, made if need be, the contents of another. Raises NotFound, Conflict while it is in use."""
        self._volumes.get(source)
        if name == source:
            raise Invalid(f"volume {name} cannot be restored from itself")
        async with self._made(name, {}):
            await self._copy(source, name)
        return self._volumes.get(name)

    @contextlib.asynccontextmanager
    async def _made(self, name: str, labels: dict[str, str]) -> AsyncIterator[None]:
        """Let a volume be there for its contents; one that was not stays only once these are complete."""
        if any(volume.name == name for volume in self._volumes.all()):
            yield
            return
        await self._volumes.create(VolumeSpec(name=name, labels={**labels, UNFINISHED: ""}))
        try:
            yield
        except BaseException:
            await self._volumes.remove(name)
            raise
        await self._volumes.relabel(name, labels)

    async def _copy(self, source: str, target: str) -> None:
        async with self._volumes.held(source, new_id()) as path:
            await self._volumes.refill(target, lambda place: self._trees.copy(path, "/", place))

    # ---- backups

    async def save(self, names: Sequence[str], *, pause: bool = True) -> AsyncIterator[bytes]:
        """Return an archive of volumes, an OCI layout, in pieces; it is whole before the first piece comes.
        Raises NotFound."""
        stack = contextlib.AsyncExitStack()
        place = stack.enter_context(self._place())
        try:
            items = await self._packed(names, place, pause)
        except BaseException:
            await stack.aclose()
            raise
        return _pieces(stack, items)

    async def push(
        self, name: str, reference: Reference, credentials: Credentials, tell: Tell, *, pause: bool = True
    ) -> str:
        """Bring a backup of a volume to a registry; return the digest of its manifest."""
        if reference.digest:
            raise Invalid("cannot push a digest reference")
        reference = reference.with_default_tag()
        with self._place() as place:
            tell({"status": f"Saving volume {name}"})
            ((saved, file),) = await self._packed([name], place, pause)
            client = await self._registries.reach(reference, credentials, push=True)
            try:
                return await Shipping(client, reference, tell).push(saved, file)
            finally:
                await client.aclose()

    async def _packed(self, names: Sequence[str], place: Path, pause: bool) -> list[tuple[Saved, Path]]:
        for name in names:
            self._volumes.get(name)
        async with self._still(names, pause):
            return [await self._pack(name, place / f"{number}.tar.gz") for number, name in enumerate(names)]

    async def _pack(self, name: str, file: Path) -> tuple[Saved, Path]:
        volume = self._volumes.get(name)
        async with self._volumes.held(name, new_id()) as path:
            digest, size = await blobs.write(self._trees.packed(path, "/", Packing(name=".")), file)
        labels = {key: value for key, value in volume.spec.labels.items() if key not in _OWN}
        layer = artifact.layer(digest, size)
        return Saved(name=name, labels=labels, layer=layer, created=self._clock.now()), file

    async def load(self, pieces: AsyncIterator[bytes], wanted: Mapping[str, str]) -> list[Volume]:
        """Restore volumes from an archive; return them. wanted: name in the archive -> name here; {} is all, by
        their own names. A name of "" means the one backup there is. Raises Invalid, NotFound, Conflict."""
        with self._place() as place:
            file = place / "archive.tar"
            with file.open("xb") as out:
                async for piece in pieces:
                    await asyncio.to_thread(out.write, piece)
            found = {each.saved.name: each for each in archive.find(file)}
            chosen = _chosen(list(found), wanted)
            return [
                await self._unpack(target, found[name].saved, blobs.read(file, found[name].offset, found[name].size))
                for name, target in chosen.items()
            ]

    async def fetch(self, name: str, reference: Reference, credentials: Credentials, tell: Tell) -> Volume:
        """Restore a volume, made if need be, from a registry."""
        reference = reference.with_default_tag()
        client = await self._registries.reach(reference, credentials, push=False)
        try:
            shipping = Shipping(client, reference, tell)
            saved = await shipping.find()
            tell({"status": f"Restoring volume {name}"})
            return await self._unpack(name, saved, shipping.blob(saved.layer))
        finally:
            await client.aclose()

    async def _unpack(self, name: str, saved: Saved, pieces: AsyncIterator[bytes]) -> Volume:
        async with self._made(name, saved.labels):
            await self._volumes.refill(name, self._filling(pieces, saved.layer))
        return self._volumes.get(name)

    def _filling(self, pieces: AsyncIterator[bytes], layer: Descriptor) -> Callable[[Path], Awaitable[object]]:
        async def fill(place: Path) -> object:
            return await self._trees.unpack_stream(blobs.plain(pieces, layer), place, how=_WHOLE)

        return fill

    # ---- around

    @contextlib.contextmanager
    def _place(self) -> Iterator[Path]:
        place = self._root / new_id()
        place.mkdir(mode=0o700, parents=True)
        try:
            yield place
        finally:
            self._trees.trash(place)

    @contextlib.asynccontextmanager
    async def _still(self, names: Sequence[str], pause: bool) -> AsyncIterator[None]:
        """Let what runs and writes to these volumes pause for a while."""
        users = [c.id for c in self._containers.all() if pause and _writes(c, names)]
        async with contextlib.AsyncExitStack() as stack:
            for user in users:
                with contextlib.suppress(Conflict, NotFound):  # ended, or paused by somebody else
                    await self._containers.pause(user)
                    stack.push_async_callback(self._resume, user)
            yield

    async def _resume(self, container_id: str) -> None:
        try:
            await self._containers.unpause(container_id)
        except PlatformError as e:  # ended, or resumed by somebody else: what was asked for is done
            log.warning("after a backup: %s", e)


async def _pieces(stack: contextlib.AsyncExitStack, items: Sequence[tuple[Saved, Path]]) -> AsyncIterator[bytes]:
    async with stack:
        async for piece in archive.write(items):
            yield piece


def _writes(c: Container, names: Sequence[str]) -> bool:
    used = any(point.type == "volume" and point.rw and point.name in names for point in c.mounts)
    return used and c.status.state is State.RUNNING


def _chosen(found: Sequence[str], wanted: Mapping[str, str]) -> dict[str, str]:
    if not wanted:
        return {name: name for name in found}
    if "" in wanted:
        if len(found) != 1:
            raise Invalid(f"the backup holds {len(found)} volumes, say which: {', '.join(found)}")
        return {found[0]: wanted[""]}
    for name in wanted:
        if name not in found:
            raise NotFound(f"the backup holds no volume {name}, but {', '.join(found)}")
    return dict(wanted)
