"""Copying out of and into a container's root with real tree workers and real mounts."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from stat import S_ISDIR

import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.engine.archive import Archive
from boxship.host import users
from boxship.host.tree import Trees
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.status import Container, MountPoint
from tests.unit.engine.streams_fakes import Told

pytestmark = pytest.mark.root


class Roots:
    """A root that is always mounted, as that of a running container."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @asynccontextmanager
    async def mounted(self, container: Container) -> AsyncIterator[Path]:
        yield self.home / "merged"

    def upper(self, container: Container) -> Path:
        return self.home / "upper"

    def lowers(self, container: Container) -> tuple[str, ...]:
        return (str(self.home / "lower"),)


class World:
    def __init__(self, home: Path) -> None:
        self.home = home
        for part in ("merged/etc", "merged/d/e", "upper", "lower", "volume", "trash"):
            (home / part).mkdir(parents=True)
        self.root = home / "merged"
        (self.root / "etc/passwd").write_text("root:x:0:0::/:\nweb:x:5:6::/:\n")
        (self.root / "etc/group").write_text("root:x:0:\nweb:x:6:\n")
        (self.root / "d/e/f").write_text("f")
        for name, target in {"dl": "/d", "pl": "/etc/passwd", "broken": "gone", "out": "../../../../../etc"}.items():
            (self.root / name).symlink_to(target)
        (home / "hosts").write_text("our hosts")
        (home / "volume/x").write_text("in the volume")
        self.told = Told()
        self.trees = Trees(home / "trash")
        self.archive = Archive(self.trees, Roots(home), self.told.events, users.identity)

    def container(self, *, rw: bool = True, readonly: bool = False, user: str = "") -> Container:
        mounts = (MountPoint(type="volume", destination="/vol", source=str(self.home / "volume"), rw=rw),)
        spec = ContainerSpec(user=user, host=HostSpec(readonly_rootfs=readonly))
        return Container(id="c" * 64, name="web", created=1, image_id="", group="", spec=spec, mounts=mounts)

    async def names(self, path: str) -> list[str]:
        async with self.archive.get(self.container(), "web", path) as (_, pieces):
            content = b"".join([piece async for piece in pieces])
        return listed(content)

    async def put(self, path: str, content: bytes, subject: Container | None = None, **how: bool) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(content), 100):
                yield content[start : start + 100]

        rules = {"replace": True, "as_user": False, **how}
        await self.archive.put(subject or self.container(), "web", path, pieces(), **rules)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.trees.aclose()


def listed(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return archive.getnames()


def tar(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


STATS = {
    "/d/e/f": ("f", ""),
    "d/e/f": ("f", ""),
    "/": ("/", ""),
    "/pl": ("pl", "/etc/passwd"),
    "/dl": ("dl", "/d"),
    "/dl/": ("dl", ""),
    "/dl/.": (".", ""),
    "/dl/e/f": ("f", ""),
    "/broken": ("broken", "/gone"),
    "/out": ("out", "/etc"),
    "/vol/x": ("x", ""),
}


@pytest.mark.parametrize("path", STATS)
async def test_stat(world: World, path: str) -> None:
    entry = await world.archive.stat(world.container(), "web", path)
    assert (entry.name, entry.link) == STATS[path]


async def test_what_is_not_there(world: World) -> None:
    for path in ("/nope", "/d/nope/x", "/etc/passwd/x"):
        with pytest.raises(NotFound) as error:
            await world.archive.stat(world.container(), "web", path)
        assert str(error.value) == f"Could not find the file {path} in container web"
    with pytest.raises(Invalid, match="not a directory"):
        await world.archive.stat(world.container(), "web", "/etc/passwd/")


NAMES = {
    "/d": ["d", "d/e", "d/e/f"],
    "/d/.": [".", "./e", "./e/f"],
    "/dl": ["dl"],
    "/dl/": ["dl", "dl/e", "dl/e/f"],
    "/d/e/f": ["f"],
    "/vol": ["vol", "vol/x"],
}


@pytest.mark.parametrize("path", NAMES)
async def test_names_in_the_archive(world: World, path: str) -> None:
    assert await world.names(path) == NAMES[path]
    assert world.told.actions == ["archive-path"]


async def test_the_root_is_archived_under_absolute_names(world: World) -> None:
    names = await world.names("/")
    assert {"/d/e/f", "/vol/x", "/etc/hosts"} <= set(names)


async def test_our_own_files_are_what_the_container_sees(world: World) -> None:
    async with world.archive.get(world.container(), "web", "/etc/hosts") as (entry, pieces):
        content = b"".join([piece async for piece in pieces])
    assert entry.size == len("our hosts")
    assert b"our hosts" in content


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("kind", COMPRESSED)
async def test_put(world: World, kind: str) -> None:
    await world.put("/dl", COMPRESSED[kind](tar(new="text" * 1000)))
    assert (world.root / "d/new").read_text() == "text" * 1000
    assert world.told.actions == ["extract-to-dir"]


async def test_put_through_a_volume_and_through_links_that_lead_out(world: World) -> None:
    await world.put("/vol", tar(new="v"))
    assert (world.home / "volume/new").read_text() == "v"
    assert not (world.root / "vol/new").exists()
    await world.put("/out", tar(boxship_test="x"))
    assert (world.root / "etc/boxship_test").read_text() == "x"
    assert not Path("/etc/boxship_test").exists()


async def test_put_gives_files_to_the_containers_user_if_asked(world: World) -> None:
    await world.put("/d", tar(mine="x"), world.container(user="web"), as_user=True)
    await world.put("/d", tar(other="x"), world.container(user="web"))
    assert ((world.root / "d/mine").stat().st_uid, (world.root / "d/mine").stat().st_gid) == (5, 6)
    assert (world.root / "d/other").stat().st_uid == 0


async def test_put_is_refused(world: World) -> None:
    content = tar(x="x")
    with pytest.raises(NotFound, match="Could not find the file /nope in container web"):
        await world.put("/nope", content)
    with pytest.raises(Invalid, match="extraction point is not a directory"):
        await world.put("/etc/passwd", content)
    with pytest.raises(Invalid, match="mounted volume is marked read-only"):
        await world.put("/vol", content, world.container(rw=False))
    with pytest.raises(Invalid, match="container rootfs is marked read-only"):
        await world.put("/d", content, world.container(readonly=True))
    await world.put("/vol", content, world.container(readonly=True))
    with pytest.raises(Invalid):
        await world.put("/d", b"no tar at all" * 100)


async def test_directories_are_not_replaced_by_files_unless_allowed(world: World) -> None:
    with pytest.raises(Invalid):
        await world.put("/d", tar(e="file"), replace=False)
    assert S_ISDIR((world.root / "d/e").stat().st_mode)
    await world.put("/d", tar(e="file"))
    assert (world.root / "d/e").read_text() == "file"


async def test_export_has_no_volumes(world: World) -> None:
    async with world.archive.export(world.container()) as pieces:
        content = b"".join([piece async for piece in pieces])
    names = listed(content)
    assert "d/e/f" in names
    assert "vol/x" not in names
    assert world.told.actions == ["export"]


async def test_changes(world: World) -> None:
    (world.home / "lower/old").write_text("x")
    (world.home / "upper/old").write_text("y")
    (world.home / "upper/new").write_text("z")
    found = await world.archive.changes(world.container())
    assert [(change.path, change.kind) for change in found] == [("/new", 1), ("/old", 0)]
