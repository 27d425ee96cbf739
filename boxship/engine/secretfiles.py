"""Files of containers that no disk ever holds: what compose tools put into a container before it runs, secrets first.

They lie in a tmpfs of the daemon's own below the exec root and are bound, read-only, where the container wants them. So
they outlive the daemon, are in no upper directory, commit or export, and go with the container or with the machine.
"""

import asyncio
import hashlib
import os
import posixpath
import shutil
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from boxship.base.errors import Conflict, Invalid, KernelError
from boxship.engine.record import Records
from boxship.engine.remap import UNMAPPED, Remap
from boxship.engine.states import LIVE
from boxship.model.runtime import IdMap
from boxship.model.status import Container, MountPoint

FOLDER = "memory"
PROJECT = "com.docker.compose.project"  # the label that compose tools give their containers
MOST = 8 << 20  # bytes of one archive
GONE = "was held in memory only and went with the last boot"
HEAD = 512  # bytes of a tar entry's head


class Mounts(Protocol):
    """boxship.host.mounts is one."""

    def tmpfs(
        self, target: str, *, size: int | None = None, mode: int = 0o755, options: Iterable[str] = ()
    ) -> None: ...

    def is_mounted(self, target: str) -> bool: ...


class SecretFile(NamedTuple):
    """path: in the container. uid, gid: as the container counts."""

    path: str
    content: bytes
    mode: int
    uid: int
    gid: int


class SecretFiles:
    def __init__(self, exec_root: Path, mounts: Mounts, records: Records, remap: Remap = UNMAPPED) -> None:
        self._home = exec_root / FOLDER
        self._mounts = mounts
        self._records = records
        self._remap = remap

    async def put(self, container: Container, files: Sequence[SecretFile]) -> None:
        """Keep the files for a container that does not run; one of the same path is replaced. Raises Conflict."""
        if container.status.state in LIVE:
            raise Conflict(f"container {container.id} runs: files in memory can only be given before it starts")
        await asyncio.to_thread(self._write, container, files)
        current = self._records.find(container.id)
        new = {file.path: self._point(container.id, file.path) for file in files}
        kept = tuple(point for point in current.mounts if point.destination not in new)
        await self._records.save(replace(current, mounts=(*kept, *new.values())))

    def discard(self, container_id: str) -> None:
        """May be repeated."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._home / container_id)

    def sweep(self, known: Collection[str]) -> None:
        """Forget the files of containers that are not among the `known` ids."""
        for directory in self._home.iterdir() if self._home.is_dir() else ():
            if directory.name not in known:
                self.discard(directory.name)

    def _point(self, container_id: str, path: str) -> MountPoint:
        source = str(self._home / container_id / _name(path))
        return MountPoint(type="bind", source=source, destination=path, rw=False, mode="ro", recursive=False)

    def _write(self, container: Container, files: Sequence[SecretFile]) -> None:
        self._ready()
        uids, gids = self._remap.maps(container.spec.host)
        folder = self._home / container.id
        folder.mkdir(mode=0o710, exist_ok=True)
        os.chown(folder, 0, mapped(gids, 0))
        for file in files:
            place = folder / _name(file.path)
            part = place.with_suffix(".part")
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(fd, "wb") as out:
                out.write(file.content)
                os.fchown(fd, mapped(uids, file.uid), mapped(gids, file.gid))
                os.fchmod(fd, file.mode & 0o777)
            part.rename(place)

    def _ready(self) -> None:
        """Mount the tmpfs: the exec root itself may be on a disk. Its pages stay out of swap where the kernel can."""
        if self._mounts.is_mounted(str(self._home)):
            return
        self._home.mkdir(mode=0o711, exist_ok=True)
        try:
            self._mounts.tmpfs(str(self._home), mode=0o711, options=("noswap",))
        except KernelError:  # before Linux 6.4
            self._mounts.tmpfs(str(self._home), mode=0o711)


def given(container: Container, head: bytes) -> bool:
    """Whether an archive for / is of files to be kept in memory: of a compose project's container, entries named from
    the root, as compose tools alone name them."""
    return (
        PROJECT in container.spec.labels
        and len(head) >= HEAD
        and head[:1] == b"/"
        and head[257:262] == b"ustar"
        and head[156:157] in b"0\0"
    )


def read(archive: bytes) -> list[SecretFile]:
    """Return the files of a tar archive. Raises Invalid for anything but plain files with paths from the root."""
    import io
    import tarfile

    files = []
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise Invalid(f"{entry.name}: only plain files can be kept in memory")
                path = posixpath.normpath(f"/{entry.name.lstrip('/')}")
                files.append(SecretFile(path, content.read(), entry.mode, entry.uid, entry.gid))
    except tarfile.TarError as error:
        raise Invalid(f"this is no tar archive: {error}") from error
    return files


def require(container: Container, exec_root: Path) -> None:
    """Raise Conflict unless all files in memory that a container has are there still."""
    home = f"{exec_root / FOLDER}/"
    for point in container.mounts:
        if point.source.startswith(home) and not os.path.exists(point.source):
            raise Conflict(
                f"{point.destination} of container {container.name} {GONE}: give it again, `compose up` does"
            )


def mapped(maps: Sequence[IdMap], number: int) -> int:
    """Return the host's number of an id of the container's. Raises Invalid for one outside the map."""
    if not maps:
        return number
    for one in maps:
        if one.container <= number < one.container + one.size:
            return one.host + number - one.container
    raise Invalid(f"id {number} is outside the container's user namespace")


def _name(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:32]
