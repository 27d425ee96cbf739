"""What mounts need from images and volumes before they can be bound: first contents, images, and parts of both.

Places of one container's own lie in `mounts/<container id>/` below the daemon's data root.
"""

import contextlib
import hashlib
import os
import posixpath
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from boxship.base.errors import Invalid
from boxship.base.facts import IdMap
from boxship.model.image import Image
from boxship.model.status import Container, MountPoint


class Ground(Protocol):
    """What the host does with mounts and trees. Errors are KernelError."""

    def overlay(self, target: str, lowers: Sequence[str]) -> None:
        """Mount directories over each other, lowest first, read-only."""
        ...

    def bind(self, source: str, target: str) -> None: ...

    def bind_mapped(self, source: str, target: str, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
        """As `bind`, with owners translated; not what is mounted below. Raises Unsupported where that cannot be."""
        ...

    def unmount(self, target: str) -> None: ...

    def is_mounted(self, target: str) -> bool: ...

    def resolve(self, root: Path, path: str) -> Path | None:
        """Return where `path` leads, symbolic links followed inside `root` only; None if nowhere."""
        ...

    async def copy(self, source: Path, target: Path) -> None:
        """Copy what is in a directory, with owners, modes, times and extended attributes."""
        ...

    async def usage(self, path: Path) -> int:
        """Return the bytes that files of a tree take."""
        ...

    def exchange(self, one: str, other: str) -> None:
        """Let two directories change places at one stroke."""
        ...

    async def clear(self, directory: Path) -> None:
        """Remove all that is in a directory."""
        ...

    def trash(self, path: Path) -> None:
        """Make a tree disappear at once; the space comes back later."""
        ...


Seen = Callable[[str], str]


class ImageFiles(Protocol):
    """What mounts ask of images."""

    def get(self, ref: str) -> Image: ...

    def lowers(self, image: Image) -> tuple[str, ...]: ...


class CopyUp:
    def __init__(self, data_root: Path, ground: Ground, images: ImageFiles) -> None:
        self._root = data_root / "mounts"
        self._ground = ground
        self._images = images

    async def usage(self, path: str) -> int:
        """Return the bytes in a volume."""
        return await self._ground.usage(Path(path))

    def place(self, container_id: str, destination: str) -> str:
        """Return where a container's own mount for `destination` is put; the same every time."""
        return str(self._root / container_id / hashlib.sha256(destination.encode()).hexdigest()[:12])

    def settled_image(self, point: MountPoint, container_id: str) -> MountPoint:
        """Return a mount of type image with its source settled and `name` the image's id. Raises NotFound."""
        image = self._images.get(point.name)
        source = self.place(container_id, point.destination)
        return msgspec.structs.replace(point, name=image.id, source=source)

    async def mount_image(self, point: MountPoint, seen: Seen = str) -> None:
        """Mount an image, or a part of it, at the point's source. May be repeated.
        seen: where a path of the host is seen with the ids that the container's files have on the host."""
        if self._ground.is_mounted(point.source):
            return
        Path(point.source).mkdir(mode=0o700, parents=True, exist_ok=True)
        lowers = tuple(map(seen, self._images.lowers(self._images.get(point.name))))
        if not point.subpath:
            self._show(lowers, point.source)
            return
        async with self._merged(lowers, point.source + ".whole") as whole:
            self._bind_part(whole, point)

    async def mount_part(self, root: Path, point: MountPoint) -> None:
        """Mount the part of a volume, seen at `root`, that the point names at the point's source. May be repeated."""
        if not self._ground.is_mounted(point.source):
            self._bind_part(root, point)

    def mount_mapped(self, point: MountPoint, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
        """Mount the point's source, with owners translated, at the point's place. May be repeated."""
        if self._ground.is_mounted(point.place):
            return
        self._ready(point.place, Path(point.source).is_dir())
        self._ground.bind_mapped(point.source, point.place, uid_map, gid_map)

    def _ready(self, place: str, directory: bool) -> None:
        target = Path(place)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory:
            target.mkdir(exist_ok=True)
        else:
            target.touch()

    def _bind_part(self, root: Path, point: MountPoint) -> None:
        found = self._ground.resolve(root, point.subpath)
        if found is None:
            raise Invalid(f"cannot access path {posixpath.join(str(root), point.subpath)}: no such file or directory")
        self._ready(point.source, found.is_dir())
        self._ground.bind(str(found), point.source)

    def unmount(self, place: str) -> None:
        """Take down what a method here put up at `place`. May be repeated."""
        target = Path(place)
        if self._ground.is_mounted(place):
            self._ground.unmount(place)
        with contextlib.suppress(FileNotFoundError):
            target.rmdir() if target.is_dir() else target.unlink()
        with contextlib.suppress(OSError):  # others of the container's places are still there
            target.parent.rmdir()

    def _show(self, lowers: Sequence[str], target: str) -> None:
        if len(lowers) == 1:  # overlay wants two layers
            self._ground.bind(lowers[0], target)
        else:
            self._ground.overlay(target, lowers)

    @contextlib.asynccontextmanager
    async def _merged(self, lowers: Sequence[str], target: str) -> AsyncIterator[Path]:
        """Show an image's files for a while."""
        if len(lowers) == 1:
            yield Path(lowers[0])
            return
        Path(target).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ground.overlay(target, lowers)
        try:
            yield Path(target)
        finally:
            self._ground.unmount(target)
            os.rmdir(target)
            with contextlib.suppress(OSError):  # others of the container's places are still there
                os.rmdir(os.path.dirname(target))

    async def populate(self, volume: Path, destination: str, container: Container) -> None:
        """Fill an empty volume with what the image has at `destination`, and give it that directory's owner and
        mode. Nothing happens if the volume holds anything, or the image has nothing there. May be repeated."""
        if any(os.scandir(volume)) or not _may_exist(container.layers, destination):
            return
        async with self._merged(container.layers, self.place(container.id, destination) + ".image") as root:
            found = self._ground.resolve(root, destination)
            if found is None:
                return
            if not found.is_dir():
                raise Invalid(f"cannot mount volume over existing file, file exists {destination}")
            await self._fill(found, volume)

    async def refill(self, volume: Path, fill: Callable[[Path], Awaitable[object]]) -> None:
        """Let `fill` write new contents aside, then exchange them for the old ones at one stroke. Of a volume that is
        mounted, which nothing can be exchanged with, the old ones go first."""
        if self._ground.is_mounted(str(volume)):
            await self._ground.clear(volume)
            await fill(volume)
            return
        fresh = volume.with_name("_filling")
        if fresh.exists():
            self._ground.trash(fresh)
        fresh.mkdir(mode=0o755)
        try:
            await fill(fresh)
            self._ground.exchange(str(fresh), str(volume))
        finally:
            self._ground.trash(fresh)

    async def _fill(self, source: Path, volume: Path) -> None:
        """Copy aside and move into place, so that a crash leaves the volume empty or full; only a mounted volume,
        which nothing can be moved over, is filled as it stands."""
        target = volume if self._ground.is_mounted(str(volume)) else volume.with_name("_filling")
        if target is not volume and target.exists():
            self._ground.trash(target)
        target.mkdir(exist_ok=True)
        await self._ground.copy(source, target)
        _dress(source, target)
        if target is not volume:
            os.rename(target, volume)


def _may_exist(lowers: Sequence[str], path: str, exists: Callable[[str], bool] = os.path.lexists) -> bool:
    """Tell cheaply that no layer has `path`: the first part of it must be somewhere."""
    first = path.strip("/").split("/")[0]
    return any(exists(os.path.join(lower, first)) for lower in lowers)


def _dress(source: Path, target: Path) -> None:
    seen = source.stat()
    os.chown(target, seen.st_uid, seen.st_gid)
    os.chmod(target, stat.S_IMODE(seen.st_mode))
