"""Volumes over a store in memory and a ground that only remembers what it was told."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from boxship.base.bus import Bus
from boxship.base.clock import ManualClock
from boxship.base.errors import KernelError, NotFound, Unsupported
from boxship.base.facts import IdMap
from boxship.engine.events import Events
from boxship.engine.volumes import Volumes
from boxship.engine.volumes.copyup import CopyUp
from boxship.engine.volumes.drivers.local import LocalDriver
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.image import Image, ImageConfig
from boxship.model.status import Container
from boxship.store.memory import MemoryStore

IMAGE = Image(id="sha256:i", created=0, config=ImageConfig())


class FakeGround:
    def __init__(self) -> None:
        self.mounted: dict[str, str] = {}
        self.fails = False
        self.limits_directories = False
        self.limited: dict[str, int] = {}

    def overlay(self, target: str, lowers: Sequence[str]) -> None:
        for lower in lowers:
            shutil.copytree(lower, target, dirs_exist_ok=True)
        self.mounted[target] = "overlay"

    def bind(self, source: str, target: str) -> None:
        self.mounted[target] = source

    def mount(self, source: str, target: str, kind: str, options: str) -> None:
        if self.fails:
            raise KernelError("mount: no such device")
        self.mounted[target] = f"{kind} {source} {options}"

    def unmount(self, target: str) -> None:
        if self.mounted.pop(target, "") == "overlay":
            shutil.rmtree(target)
            Path(target).mkdir()

    def is_mounted(self, target: str) -> bool:
        return target in self.mounted

    def resolve(self, root: Path, path: str) -> Path | None:
        found = root / path.lstrip("/")
        return found if found.exists() else None

    async def copy(self, source: Path, target: Path) -> None:
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)

    async def usage(self, path: Path) -> int:
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())

    def address(self, host: str) -> str:
        if host == "gone":
            raise NotFound("lookup gone: no such host")
        return "10.0.0.7" if host == "nas" else host

    def require_quota(self, directory: str) -> None:
        if not self.limits_directories:
            raise Unsupported("file system foofs has none")

    def make_limited(self, directory: str, size: int) -> None:
        self.limited[directory] = size

    def bind_mapped(self, source: str, target: str, uid_map: Sequence[IdMap], gid_map: Sequence[IdMap]) -> None:
        self.mounted[target] = f"{source} as {uid_map[0].host}"

    def exchange(self, one: str, other: str) -> None:
        aside = Path(one + ".aside")
        Path(one).rename(aside)
        Path(other).rename(one)
        aside.rename(other)

    async def clear(self, directory: Path) -> None:
        for entry in directory.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def trash(self, path: Path) -> None:
        shutil.rmtree(path)


class World:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.ground = FakeGround()
        self.store = MemoryStore()
        self.bus = Bus()
        self.clock = ManualClock()
        self.containers: list[Container] = []
        self.layers = [root / "l1", root / "l2"]
        for layer in self.layers:
            layer.mkdir()

    def get(self, ref: str) -> Image:
        if ref not in ("busybox", IMAGE.id):
            raise NotFound(f"No such image: {ref}")
        return IMAGE

    def lowers(self, image: Image) -> tuple[str, ...]:
        return tuple(map(str, self.layers))

    async def daemon(self) -> Volumes:
        volumes = Volumes(
            self.store,
            Events(self.bus, self.clock),
            self.clock,
            drivers={name: LocalDriver(self.root, self.ground) for name in ("local", "shelf")},
            copy_up=CopyUp(self.root, self.ground, self),
            containers=lambda: self.containers,
        )
        await volumes.start()
        return volumes

    def container(self, volumes: Volumes, letter: str = "c", **host: object) -> Container:
        spec = ContainerSpec(host=HostSpec(**host))  # type: ignore[arg-type]
        found = Container(
            id=letter * 64, name=letter, created=0, image_id=IMAGE.id, group="", spec=spec,
            mounts=volumes.settle(letter * 64, spec, IMAGE), layers=self.lowers(IMAGE),
        )  # fmt: skip
        self.containers.append(found)
        return found

    def actions(self) -> list[str]:
        return [event.action for event in self.bus.past()]
