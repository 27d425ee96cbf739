"""Images over a store in memory and a ground that untars with the standard library."""

import asyncio
import io
import os
import shutil
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from boxship.base.bus import Bus
from boxship.base.clock import ManualClock
from boxship.base.errors import Invalid
from boxship.engine.events import Events
from boxship.engine.images import Images
from boxship.host.api.files import Packing, Sealed
from boxship.host.jobs.assemble import Packer, pack
from boxship.host.tree.assembled import Assembled
from boxship.model.status import Container
from boxship.store.memory import MemoryStore


class FakeTrees:
    """Stands for the ground: no whiteouts, no containment."""

    def __init__(self) -> None:
        self.trashed: list[str] = []
        self.unpacked = 0
        self.synced = 0

    async def unpack_layer(self, source: int, root: Path) -> None:
        await asyncio.to_thread(self._unpack, source, root)
        self.unpacked += 1

    def _unpack(self, source: int, root: Path) -> None:
        with os.fdopen(os.dup(source), "rb") as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    if ".." in member.name.split("/"):
                        raise Invalid(f"{member.name}: climbs out of the root")
                    tar.extract(member, root)
            while stream.read(1 << 16):
                pass

    async def seal(self, root: Path, split: Path, how: Packing) -> Sealed:
        raise AssertionError("nothing is built here")

    def sync(self, tree: Path) -> None:
        self.synced += 1

    def open_in(self, root: Path, path: str) -> BinaryIO:
        return open(root / path, "rb")

    def assembled(self, split: Path, root: Path, level: int, size: int) -> Assembled:
        def work(sink: int, passed: int) -> tuple[str, int]:
            packer = Packer(sink, passed, level, size)
            try:
                with open(split, "rb") as form:
                    pack(form, packer, lambda path: self.open_in(root, path))
            finally:
                os.close(sink)
                os.close(passed)
            return packer.digest, packer.size

        return Assembled(lambda *fds: asyncio.to_thread(work, *map(os.dup, fds)))

    def trash(self, path: Path) -> None:
        self.trashed.append(path.name)
        shutil.rmtree(path, ignore_errors=True)


@dataclass
class World:
    """One daemon's images and all that they see."""

    root: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    bus: Bus = field(default_factory=Bus)
    clock: ManualClock = field(default_factory=ManualClock)
    trees: FakeTrees = field(default_factory=FakeTrees)
    containers: list[Container] = field(default_factory=list)
    boot: str = ""

    async def daemon(self) -> Images:
        """Start a daemon on the same store and directory; again after a crash."""
        events = Events(self.bus, self.clock)
        images = Images(
            self.store,
            events,
            self.clock,
            self.root,
            trees=self.trees,
            containers=lambda: self.containers,
            boot=self.boot,
        )
        await images.start()
        return images

    def actions(self) -> list[str]:
        return [event.action for event in self.bus.past()]


def make_tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


async def in_pieces(data: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
