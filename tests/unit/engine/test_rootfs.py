from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from boxship.engine.options import EngineOptions
from boxship.engine.remap import Remap
from boxship.engine.rootfs import Rootfs
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.runtime import IdMap
from boxship.model.status import Container


class Mounts:
    def __init__(self) -> None:
        self.table: dict[str, tuple[str, ...]] = {}
        self.calls = 0
        self.owner: tuple[int, int] | None = None

    def overlay(
        self,
        target: str,
        lowers: Sequence[str],
        upper: str,
        work: str,
        options: Iterable[str] = (),
        *,
        owner: tuple[int, int] | None = None,
    ) -> None:
        self.owner = owner
        assert Path(upper).is_dir()
        assert Path(work).is_dir()
        assert target not in self.table
        self.calls += 1
        self.table[target] = (*lowers, upper)

    def unmount(self, target: str) -> None:
        del self.table[target]

    def mounted_under(self, prefix: str) -> list[str]:
        return [t for t in self.table if t.startswith(prefix)]

    def tmpfs(self, target: str, *, size: int | None = None, mode: int = 0o755, options: Iterable[str] = ()) -> None:
        self.table[target] = (" ".join((f"tmpfs {size} {mode:o}", *options)),)


class Trees:
    def __init__(self) -> None:
        self.trashed: list[str] = []

    def trash(self, tree: Path) -> None:
        self.trashed.append(tree.name)

    async def usage(self, *trees: Path) -> int:
        return sum(len(t.name) for t in trees)


def box(identity: str = "c1", ipc: str = "") -> Container:
    spec = ContainerSpec(host=HostSpec(ipc_mode=ipc, shm_size=99))
    return Container(id=identity, name="n", created=1, image_id="i", group=identity, spec=spec, layers=("/l/1", "/l/2"))


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    return EngineOptions(data_root=tmp_path, exec_root=tmp_path / "run")


async def test_mounting_twice_is_mounting_once(options: EngineOptions) -> None:
    mounts = Mounts()
    rootfs = Rootfs(options, mounts, Trees())
    assert not rootfs.is_mounted(box())
    merged = rootfs.mount(box())
    assert rootfs.mount(box()) == merged
    assert mounts.table == {str(merged): (*rootfs.lowers(box()), str(rootfs.upper(box())))}
    assert rootfs.lowers(box())[:2] == ("/l/1", "/l/2")
    assert rootfs.is_mounted(box())
    rootfs.unmount(box())
    rootfs.unmount(box())
    assert mounts.table == {}


async def test_visitors_share_a_mount_and_the_last_one_closes_the_door(options: EngineOptions) -> None:
    mounts = Mounts()
    rootfs = Rootfs(options, mounts, Trees())
    async with rootfs.mounted(box()) as one, rootfs.mounted(box()) as two:
        assert one == two
        assert mounts.calls == 1
    assert mounts.table == {}


async def test_a_visit_outlives_the_run_and_the_run_outlives_a_visit(options: EngineOptions) -> None:
    mounts = Mounts()
    rootfs = Rootfs(options, mounts, Trees())
    rootfs.mount(box())
    async with rootfs.mounted(box()):
        rootfs.unmount(box())
        assert mounts.table
        rootfs.mount(box())
    assert mounts.table, "it runs again"
    async with rootfs.mounted(box()):
        rootfs.unmount(box())
    assert mounts.table == {}


async def test_a_daemon_finds_what_the_last_one_mounted(options: EngineOptions) -> None:
    mounts = Mounts()
    Rootfs(options, mounts, Trees()).mount(box("known"))
    Rootfs(options, mounts, Trees()).mount(box("stranger"))
    trees = Trees()
    rootfs = Rootfs(options, mounts, trees)
    rootfs.sweep({"known"})
    assert rootfs.is_mounted(box("known"))
    assert [Path(t).parent.name for t in mounts.table] == ["known"]
    assert trees.trashed == ["stranger"]
    async with rootfs.mounted(box("known")):
        pass
    assert mounts.table, "a visitor leaves a running root alone"


async def test_discarding_unmounts_first(options: EngineOptions) -> None:
    mounts, trees = Mounts(), Trees()
    rootfs = Rootfs(options, mounts, trees)
    rootfs.mount(box(ipc="shareable"))
    assert any(row == ("tmpfs 99 1777",) for row in mounts.table.values())
    rootfs.discard(box(ipc="shareable"))
    assert mounts.table == {}
    assert trees.trashed == ["c1"]


async def test_usage_is_of_what_it_wrote_itself(options: EngineOptions) -> None:
    assert await Rootfs(options, Mounts(), Trees()).usage(box()) == len("upper")


def test_a_root_with_mapped_ids_is_made_of_what_the_view_shows(tmp_path: Path) -> None:
    mounts = Mounts()
    view = tmp_path / "view"
    maps = {"uid_map": (IdMap(container=0, host=5, size=9),), "gid_map": (IdMap(container=0, host=6, size=9),)}
    remap = Remap(**maps, data_root=tmp_path, view=view)
    roots = Rootfs(EngineOptions(data_root=tmp_path, exec_root=tmp_path / "x"), mounts, Trees(), remap)
    container = box(ipc="shareable")
    (view / "containers/c1/upper").mkdir(parents=True)
    (view / "containers/c1/work").mkdir()
    roots.mount(container)
    merged = str(tmp_path / "containers/c1/merged")
    assert mounts.table[merged] == ("/l/1", "/l/2", f"{view}/init", f"{view}/containers/c1/upper")
    assert mounts.owner == (5, 6)
    assert mounts.table[str(tmp_path / "containers/c1/shm")] == ("tmpfs 99 1777 uid=5 gid=6",)
    assert roots.upper(container) == tmp_path / "containers/c1/upper"
