"""What engine services ask of the host, each by a small Protocol of its own, answered by one object."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO

from boxship.base.errors import NotFound
from boxship.base.facts import IdMap
from boxship.engine.sample import nanoseconds_a_tick, parse_cpu_time
from boxship.host import mounts, quota, syscalls, userspaces
from boxship.host.api.files import Assembled, Packing, Sealed, Trees
from boxship.model.status import Container

_TICK = nanoseconds_a_tick(os.sysconf("SC_CLK_TCK"))


class Ground:
    """Mounts and trees of this host."""

    def __init__(self, data_root: Path, trees: Trees) -> None:
        self._containers = data_root / "containers"
        self._trees = trees

    # ---- mounts

    def overlay(self, target: str, lowers: Sequence[str], upper: str = "", work: str = "") -> None:
        mounts.overlay(target, lowers, upper, work)

    def bind(self, source: str, target: str) -> None:
        mounts.bind(source, target)

    def bind_mapped(self, source: str, target: str, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
        userspaces.bind_mapped(source, target, uid_map, gid_map)

    def mount(self, source: str, target: str, kind: str, options: str) -> None:
        mounts.mount(source, target, kind, options)

    def unmount(self, target: str) -> None:
        mounts.unmount(target)

    def is_mounted(self, target: str) -> bool:
        return mounts.is_mounted(target)

    def mounted_under(self, prefix: str) -> list[str]:
        return mounts.mounted_under(prefix)

    def address(self, host: str) -> str:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as e:
            raise NotFound(f"error resolving passed in network volume address: lookup {host}: no such host") from e
        return str(found[0][4][0])

    def require_quota(self, directory: str) -> None:
        quota.require(directory)

    def make_limited(self, directory: str, size: int) -> None:
        quota.make(directory, size)

    # ---- trees

    def exchange(self, one: str, other: str) -> None:
        syscalls.exchange(one, other)

    async def clear(self, directory: Path) -> None:
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                await asyncio.to_thread(shutil.rmtree, entry.path)
            else:
                os.unlink(entry.path)

    def trash(self, path: Path) -> None:
        self._trees.trash(path)

    async def usage(self, path: Path) -> int:
        return await self._trees.usage(path)

    async def copy(self, source: Path, target: Path) -> None:
        await self._trees.copy(source, "/", target)

    def resolve(self, root: Path, path: str) -> Path | None:
        try:
            return root / self._trees.resolve(root, path).lstrip("/")
        except NotFound:
            return None

    def open_in(self, root: Path, path: str) -> BinaryIO:
        return self._trees.open_in(root, path)

    def assembled(self, split: Path, root: Path, level: int, size: int) -> Assembled:
        return self._trees.assembled(split, root, level, size)

    async def unpack_layer(self, source: int, root: Path) -> None:
        await self._trees.unpack_layer(source, root)

    async def seal(self, root: Path, split: Path, how: Packing) -> Sealed:
        return await self._trees.seal(root, split, how)

    def sync(self, tree: Path) -> None:
        self._trees.sync(tree)

    def upper(self, container: Container) -> Path:
        return self._containers / container.id / "upper"

    def pack_layer(self, upper: Path) -> AsyncIterator[bytes]:
        return self._trees.packed(upper, "/", Packing(name="", whiteouts=True))


def cpu_time() -> tuple[int, int]:
    """Return CPU time of the whole machine in nanoseconds, and the CPUs online."""
    with open("/proc/stat") as file:
        return parse_cpu_time(file.read(), _TICK)


def traffic(pid: int) -> str:
    with open(f"/proc/{pid}/net/dev") as file:
        return file.read()
