"""Copies of volumes appear whole or not at all, whatever fails and whenever the daemon ends."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from boxship.base.errors import Conflict, Invalid, NotFound, PlatformError
from boxship.engine.backups import Backups
from boxship.engine.backups.service import UNFINISHED
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry.auth import Credentials
from boxship.engine.images.registry.client import Client
from boxship.engine.volumes import Volumes
from boxship.host.api.files import AS_IS, Packing, Unpacked
from boxship.model.status import Container
from boxship.model.volume import VolumeSpec
from tests.unit.engine.volumes.fakes import World


class Bench:
    """Trees, containers and registries in one; `fails` lets copies break off."""

    def __init__(self, world: World, volumes: Volumes) -> None:
        self.world, self.volumes, self.fails = world, volumes, False
        self.backups = Backups(world.root, volumes, self, self, self, world.clock)

    async def copy(self, root: Path, path: str, target: Path) -> None:
        (target / "half").touch()
        if self.fails:
            raise PlatformError("no space left on device")
        (target / "half").unlink()
        await self.world.ground.copy(root, target)

    async def packed(self, root: Path, path: str, how: Packing = AS_IS) -> AsyncIterator[bytes]:
        yield b""

    async def unpack_stream(
        self, pieces: AsyncIterator[bytes], root: Path, path: str = "/", how: Any = None
    ) -> Unpacked:
        return Unpacked(entries=0, bytes=0)

    def trash(self, tree: Path) -> None:
        if tree.exists():
            self.world.ground.trash(tree)

    def all(self) -> list[Container]:
        return self.world.containers

    async def pause(self, ref: str) -> None: ...

    async def unpause(self, ref: str) -> None: ...

    async def reach(self, reference: Reference, credentials: Credentials, *, push: bool) -> Client:
        raise NotFound("no registry here")

    def names(self) -> list[str]:
        return [volume.name for volume in self.volumes.all()]


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    world = World(tmp_path)
    found = Bench(world, await world.daemon())
    volume = await found.volumes.create(VolumeSpec(name="data", labels={"a": "b"}))
    (Path(volume.mountpoint) / "f").write_text("one")
    return found


async def test_a_snapshot_is_a_volume(bench: Bench) -> None:
    made = await bench.backups.snapshot("data")
    assert made.name.startswith("data-")
    assert made.spec.labels == {
        "a": "b", "boxship.snapshot.of": "data", "boxship.snapshot.at": made.spec.labels["boxship.snapshot.at"],
    }  # fmt: skip
    assert (Path(made.mountpoint) / "f").read_text() == "one"
    with pytest.raises(Conflict, match="is there already"):
        await bench.backups.snapshot("data", made.name)


async def test_what_breaks_off_leaves_nothing(bench: Bench) -> None:
    other = await bench.volumes.create(VolumeSpec(name="other"))
    (Path(other.mountpoint) / "g").write_text("two")
    bench.fails = True
    with pytest.raises(PlatformError, match="no space left"):
        await bench.backups.snapshot("data", "copy")
    for name in ("new", "other"):
        with pytest.raises(PlatformError, match="no space left"):
            await bench.backups.restore(name, "data")
    assert bench.names() == ["data", "other"]
    assert [entry.name for entry in Path(other.mountpoint).iterdir()] == ["g"]


async def test_what_a_crash_left_half_done_is_swept(bench: Bench) -> None:
    await bench.volumes.create(VolumeSpec(name="half", labels={UNFINISHED: ""}))
    (bench.world.root / "backups/x").mkdir(parents=True)
    bench.volumes = await bench.world.daemon()
    again = Bench(bench.world, bench.volumes)
    await again.backups.sweep()
    assert again.names() == ["data"]
    assert not (bench.world.root / "backups").exists()


async def test_restore_takes_the_place_of_all_there_was(bench: Bench) -> None:
    other = await bench.volumes.create(VolumeSpec(name="other"))
    (Path(other.mountpoint) / "g").write_text("two")
    await bench.backups.restore("other", "data")
    assert [entry.name for entry in Path(other.mountpoint).iterdir()] == ["f"]
    with pytest.raises(Invalid, match="cannot be restored from itself"):
        await bench.backups.restore("data", "data")
    with pytest.raises(NotFound, match="get none: no such volume"):
        await bench.backups.restore("data", "none")
