"""Trees packed, copied, compared, measured and thrown away, by the helper process and its children."""

import asyncio
import hashlib
import io
import os
import shutil
import signal
import socket
import stat
import tarfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, KernelError, NotFound, PlatformError
from boxship.base.facts import IdMap
from boxship.engine.images.making import EMPTY_TAR
from boxship.host import mounts, process
from boxship.host.api.files import ADDED, DELETED, MODIFIED, Change, Packing, Placing, Selection, Unpacking
from boxship.host.jobs.assemble import assemble
from boxship.host.tree import Trees, workshop
from boxship.host.tree.confined import open_in

pytestmark = pytest.mark.root


@pytest.fixture
def place() -> Iterator[Path]:
    path = Path(f"/dev/shm/bt-trees-{uuid.uuid4().hex[:8]}")
    path.mkdir()
    mounts.tmpfs(str(path))
    yield path
    mounts.unmount_under(str(path))
    path.rmdir()


@pytest.fixture
async def trees(place: Path) -> AsyncIterator[Trees]:
    made = Trees(place / "trash")
    yield made
    await made.aclose()


def varied(root: Path) -> Path:
    """One of each kind."""
    (root / "dir/deep").mkdir(parents=True)
    (root / "dir/file").write_text("contents")
    (root / "dir/deep/big").write_bytes(os.urandom(300_000))
    os.link(root / "dir/file", root / "hard")
    (root / "link").symlink_to("/etc/nothing")
    os.mkfifo(root / "pipe")
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(root / "socket"))
    (root / "empty").touch()
    with open(root / "holes", "wb") as file:
        file.truncate(50 << 20)
        file.seek(10 << 20)
        file.write(b"x")
    os.setxattr(root / "empty", "user.note", b"\x00\xff")
    os.chmod(root / "dir/file", 0o4711)
    os.chown(root / "dir/deep", 11, 12)
    os.chown(root / "link", 13, 14, follow_symlinks=False)
    os.utime(root / "dir", ns=(1, 1_500_000_000_123_456_789))
    return root


async def packed(trees: Trees, root: Path, path: str = "/", how: Packing | None = None) -> tarfile.TarFile:
    pieces = [piece async for piece in trees.packed(root, path, how or Packing(name=""))]
    return tarfile.open(fileobj=io.BytesIO(b"".join(pieces)))


async def test_pack_holds_everything(trees: Trees, place: Path) -> None:
    archive = await packed(trees, varied(place / "root"))
    found = {member.name: member for member in archive.getmembers()}
    assert list(found) == [
        "dir", "dir/deep", "dir/deep/big", "dir/file", "empty", "hard", "holes", "link", "null", "pipe",
    ]  # fmt: skip
    assert found["hard"].islnk()
    assert found["hard"].linkname == "dir/file"
    assert (found["dir/file"].mode, found["dir/deep"].uid, found["dir/deep"].gid) == (0o4711, 11, 12)
    assert (found["link"].linkname, found["link"].uid) == ("/etc/nothing", 13)
    assert (found["null"].devmajor, found["null"].devminor) == (1, 3)
    assert found["empty"].pax_headers["SCHILY.xattr.user.note"] == "\x00\udcff"
    big = archive.extractfile("dir/deep/big")
    assert big is not None
    assert big.read() == (place / "root/dir/deep/big").read_bytes()


NAMES = {
    "the last part": ("/dir", None, ["dir", "dir/deep", "dir/deep/big", "dir/file"]),
    "another name": ("/dir", "other", ["other", "other/deep", "other/deep/big", "other/file"]),
    "only what is in it": ("/dir", "", ["deep", "deep/big", "file"]),
    "a file": ("/dir/file", None, ["file"]),
    "a link is not followed": ("/link", None, ["link"]),
    "through a link": ("/way/deep", None, ["deep", "deep/big"]),
}


@pytest.mark.parametrize(("path", "name", "expected"), NAMES.values(), ids=NAMES)
async def test_pack_names(trees: Trees, place: Path, path: str, name: str | None, expected: list[str]) -> None:
    root = varied(place / "root")
    (root / "way").symlink_to("/dir")
    archive = await packed(trees, root, path, Packing(name=name))
    assert archive.getnames() == expected


async def test_pack_of_nothing(trees: Trees, place: Path) -> None:
    (place / "root").mkdir()
    with pytest.raises(NotFound):
        await packed(trees, place / "root", "/none")
    with pytest.raises(NotFound):
        await packed(trees, place / "none")
    assert (await packed(trees, place / "root")).getnames() == []


async def test_pack_translates_owners(trees: Trees, place: Path) -> None:
    root = place / "root"
    root.mkdir()
    (root / "f").touch()
    os.chown(root / "f", 1005, 2006)
    maps = (IdMap(container=0, host=1000, size=10),), (IdMap(container=0, host=2000, size=10),)
    archive = await packed(trees, root, "/", Packing(name="", uid_map=maps[0], gid_map=maps[1]))
    (member,) = archive.getmembers()
    assert (member.uid, member.gid) == (5, 6)


SHIFTED = IdMap(container=0, host=11, size=1000)
RULES = {
    "as it is": Packing(name=""),
    "of one time": Packing(name="", whiteouts=True, time=7),
    "not later than": Packing(name="", whiteouts=True, latest=1_500_000_000),
    "of other owners": Packing(
        name="", uid_map=(IdMap(container=0, host=11, size=1000),), gid_map=(IdMap(container=0, host=11, size=1000),)
    ),
}


@pytest.mark.parametrize("how", RULES.values(), ids=RULES)
async def test_a_seal_tells_of_the_tar_and_keeps_what_the_files_do_not(trees: Trees, place: Path, how: Packing) -> None:
    root = varied(place / "root")
    (root / "dir/.wh.odd").write_text("no whiteout, but named like one")
    (root / ("long" * 50) / "ü").mkdir(parents=True)
    (root / ("long" * 50) / "ü/f").write_text("far down")
    archive = b"".join([piece async for piece in trees.packed(root, "/", how)])
    sealed = await trees.seal(root, place / "split", how)
    assert sealed.diff_id == "sha256:" + hashlib.sha256(archive).hexdigest()
    assert sealed.tar_size == len(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert sealed.size == sum(member.size for member in tar if member.isreg())
    with open(place / "split", "rb") as split:
        assert b"".join(assemble(split, lambda path: open_in(root, path))) == archive


async def test_nothing_to_seal(trees: Trees, place: Path) -> None:
    (place / "root").mkdir()
    sealed = await trees.seal(place / "root", place / "split", Packing(name=""))
    assert sealed.diff_id == EMPTY_TAR
    with pytest.raises(NotFound):
        await trees.seal(place / "none", place / "split", Packing(name=""))


async def test_pack_ends_when_nobody_reads(trees: Trees, place: Path) -> None:
    root = place / "root"
    root.mkdir()
    (root / "much").write_bytes(bytes(20 << 20))
    await trees.usage(root)
    before = len(os.listdir("/proc/self/fd"))
    async for piece in (pieces := trees.packed(root, "/")):
        assert piece
        break
    await pieces.aclose()  # type: ignore[attr-defined]
    assert await trees.usage(root) == 20 << 20
    assert len(os.listdir("/proc/self/fd")) == before


async def test_what_was_packed_unpacks_to_the_same(trees: Trees, place: Path) -> None:
    root, again = varied(place / "root"), place / "again"
    again.mkdir()
    await trees.unpack_stream(trees.packed(root, "/", Packing(name="")), again)
    os.unlink(root / "socket")
    assert await facts(trees, again) == await facts(trees, root)


async def facts(trees: Trees, root: Path, exact: bool = False) -> list[tuple[object, ...]]:
    """All that can be told of a tree. Times to the second, as archives have them, unless `exact`."""
    found = []
    for at, directories, files in os.walk(root):
        for name in sorted([*directories, *files]):
            path = os.path.join(at, name)
            info = os.lstat(path)
            ns = info.st_mtime_ns if exact else int(info.st_mtime)
            content = Path(path).read_bytes() if stat.S_ISREG(info.st_mode) else b""
            attributes = [(n, os.getxattr(path, n)) for n in os.listxattr(path, follow_symlinks=False)]
            found.append((os.path.relpath(path, root), info.st_mode, info.st_uid, info.st_gid, info.st_rdev, ns,
                          info.st_nlink if files else 0, os.readlink(path) if os.path.islink(path) else "",
                          content, attributes))  # fmt: skip
    return sorted(found, key=lambda fact: str(fact[0]))


async def test_copy_is_exact(trees: Trees, place: Path) -> None:
    root, target = varied(place / "root"), place / "target"
    target.mkdir()
    os.chmod(root, 0o1777)
    os.chown(root, 21, 22)
    for _ in range(2):  # a second time changes nothing
        await trees.copy(root, "/", target)
    os.unlink(root / "socket")
    assert await facts(trees, target, exact=True) == await facts(trees, root, exact=True)
    assert os.stat(target / "holes").st_blocks < 1000
    seen = os.stat(target)
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid) == (0o1777, 21, 22)


async def test_copy_overwrites_what_is_in_the_way(trees: Trees, place: Path) -> None:
    root, target = varied(place / "root"), place / "target"
    (target / "hard/inner").mkdir(parents=True)
    (target / "dir").symlink_to(place / "outside")
    (place / "outside").mkdir()
    await trees.copy(root, "/", target)
    assert (target / "hard").read_text() == "contents"
    assert not (target / "dir").is_symlink()
    assert os.listdir(place / "outside") == []


async def test_copy_stays_in_the_root(trees: Trees, place: Path) -> None:
    root, target = place / "root", place / "target"
    (root / "data").mkdir(parents=True)
    (root / "data/f").touch()
    (root / "way").symlink_to("../../../data")
    target.mkdir()
    await trees.copy(root, "/way", target)
    assert os.listdir(target) == ["f"]
    with pytest.raises(NotFound):
        await trees.copy(root, "/none", target)
    with pytest.raises(NotFound):
        await trees.copy(root, "/data/f", target)


async def test_usage_counts_each_file_once(trees: Trees, place: Path) -> None:
    for name in ("one", "two"):
        (place / name / "d").mkdir(parents=True)
        (place / name / "d/f").write_bytes(b"x" * 1000)
    os.link(place / "one/d/f", place / "one/again")
    os.link(place / "one/d/f", place / "two/again")
    (place / "one/link").symlink_to("four")
    assert await trees.usage(place / "one") == 1004
    assert await trees.usage(place / "one", place / "two", place / "none") == 2004


def overlay(place: Path, *lowers: Path) -> Path:
    for name in ("upper", "work", "merged"):
        (place / name).mkdir()
    mounts.overlay(str(place / "merged"), list(map(str, lowers)), str(place / "upper"), str(place / "work"))
    return place / "merged"


async def test_changes_like_docker_diff(trees: Trees, place: Path) -> None:
    low, high = place / "low", place / "high"
    for name in ("etc/conf", "usr/bin/tool", "gone/a/b", "reborn/old", "reborn/kept", "still/file", "kind"):
        (low / name).parent.mkdir(parents=True, exist_ok=True)
        (low / name).write_text("x")
    (high / "usr/bin").mkdir(parents=True)
    (high / "usr/bin/newer").write_text("x")
    os.mknod(high / "hidden", stat.S_IFCHR, os.makedev(0, 0))
    (low / "hidden").write_text("already gone before")
    root = overlay(place, low, high)
    (root / "etc/conf").write_text("changed")
    (root / "usr/bin/newer").unlink()
    (root / "usr/local/share").mkdir(parents=True)
    (root / "usr/local/share/f").touch()
    os.system(f"rm -r {root}/gone {root}/reborn {root}/kind; mkdir {root}/reborn; echo new > {root}/reborn/kept")
    (root / "kind").mkdir()
    (root / "hidden").write_text("new")
    (root / "link").symlink_to("/etc")
    (root / "brief").touch()
    (root / "brief").unlink()
    os.chmod(root / "still/file", 0o600)
    assert await trees.changes(place / "upper", [low, high]) == (
        Change("/etc", MODIFIED), Change("/etc/conf", MODIFIED),
        Change("/gone", DELETED),
        Change("/hidden", ADDED),
        Change("/kind", MODIFIED),
        Change("/link", ADDED),
        Change("/reborn", MODIFIED), Change("/reborn/kept", MODIFIED), Change("/reborn/old", DELETED),
        Change("/still", MODIFIED), Change("/still/file", MODIFIED),
        Change("/usr", MODIFIED), Change("/usr/bin", MODIFIED), Change("/usr/bin/newer", DELETED),
        Change("/usr/local", ADDED), Change("/usr/local/share", ADDED), Change("/usr/local/share/f", ADDED),
    )  # fmt: skip


async def test_no_changes(trees: Trees, place: Path) -> None:
    (place / "low/d").mkdir(parents=True)
    overlay(place, place / "low")
    assert await trees.changes(place / "upper", [place / "low"]) == ()


async def test_upper_packs_as_a_layer_that_unpacks_to_the_same_overlay(trees: Trees, place: Path) -> None:
    (place / "low/d").mkdir(parents=True)
    (place / "low/d/old").touch()
    (place / "low/gone").touch()
    root = overlay(place, place / "low")
    os.system(f"rm -r {root}/d {root}/gone; mkdir {root}/d; touch {root}/d/new")
    archive = await packed(trees, place / "upper", "/", Packing(name="", whiteouts=True))
    assert archive.getnames() == ["d", "d/.wh..wh..opq", "d/new", ".wh.gone"]
    assert all(member.size == 0 for member in archive.getmembers())
    (place / "layer").mkdir()
    layer = trees.packed(place / "upper", "/", Packing(name="", whiteouts=True))
    await trees.unpack_stream(layer, place / "layer", "/", Unpacking(layer=True))
    (place / "second").mkdir()
    mounts.overlay(str(place / "second"), [str(place / "low"), str(place / "layer")], "", "")
    assert sorted(os.listdir(place / "second")) == ["d"]
    assert os.listdir(place / "second/d") == ["new"]


# links swapped while we work


def lowers(place: Path) -> list[Path]:
    """Two layers, the second of which hides something of the first."""
    low, high = place / "low", place / "high"
    for path in ("usr/bin", "app/old", "app/deep", "gone/inner"):
        (low / path).mkdir(parents=True)
    (low / "bin").symlink_to("usr/bin")
    (low / "app/to").symlink_to("/usr/bin")
    (low / "app/file").write_text("lower")
    (low / "gone/inner/file").write_text("lower")
    os.chmod(low / "app/old", 0o2770)
    high.mkdir()
    os.mknod(high / "gone", stat.S_IFCHR, 0)
    return [low, high]


def sources(root: Path) -> Path:
    varied(root)
    for path in ("to", "old/new", "fresh/a/b", "inner"):
        (root / path).mkdir(parents=True)
        (root / path / "file").write_text(path)
        os.link(root / "dir/file", root / path / "again")
    os.chmod(root / "fresh/a", 0o2755)
    (root / "file").write_text("upper")
    return root


@pytest.mark.parametrize("target", ["/app", "/", "/none/yet/", "/bin/", "/bin/below", "/gone", "/app/to/x"])
async def test_what_goes_past_the_overlay_is_the_same(trees: Trees, place: Path, target: str) -> None:
    root, below = sources(place / "root"), lowers(place)
    found = []
    for number, past in enumerate((False, True)):
        merged, upper, work = (place / f"{name}{number}" for name in ("merged", "upper", "work"))
        for made in (merged, upper, work):
            made.mkdir()
        mounts.overlay(str(merged), list(map(str, below)), str(upper), str(work))
        how = Placing(target=target, owner=(0, 0))
        await trees.place(root, Selection(sources=("/",)), merged, how, upper=upper if past else None)
        mounts.unmount(str(merged))
        found.append(await trees.seal(upper, place / "split", Packing(name="", whiteouts=True, time=7)))
        mounts.overlay(str(merged), [*map(str, below), str(upper)], "", "")
        found.append(await trees.fingerprint(merged, Selection(sources=("/",)), owned=True))
    assert found[:2] == found[2:]
    assert next(upper.rglob("fresh/a/b/again")).stat().st_nlink > 4


@pytest.fixture
def swapping(place: Path) -> Iterator[Path]:
    """A root in which `d` is now a directory, now a link to the secret outside, as fast as can be."""
    root, over = place / "root", threading.Event()
    (place / "secret").mkdir()
    (place / "secret/key").write_text("secret")
    (root / "d").mkdir(parents=True)
    (root / "d/key").write_text("public")
    (root / "aside").mkdir()

    def swap() -> None:
        here, aside = root / "d", root / "aside"
        while not over.is_set():
            for trap in ("../secret", str(place / "secret")):
                shutil.rmtree(aside, ignore_errors=True)
                os.rename(here, aside)
                with suppress(FileExistsError):  # what is unpacked meanwhile is put there
                    os.symlink(trap, here)
                os.unlink(here) if here.is_symlink() else shutil.rmtree(here, ignore_errors=True)
                with suppress(OSError):
                    os.rename(aside, here)

    thread = threading.Thread(target=swap)
    thread.start()
    yield root
    over.set()
    thread.join()


async def test_no_swap_leads_a_pack_outside(trees: Trees, swapping: Path) -> None:
    for _ in range(60):
        archive = await packed(trees, swapping)
        for member in archive.getmembers():
            if member.isreg():
                content = archive.extractfile(member)
                assert content is not None
                assert content.read() == b"public"


async def test_no_swap_leads_an_unpack_outside(trees: Trees, swapping: Path, place: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for n in range(50):
            info = tarfile.TarInfo(f"d/evil{n}")
            archive.addfile(info)

    async def pieces() -> AsyncIterator[bytes]:
        yield stream.getvalue()

    for _ in range(40):
        try:
            await trees.unpack_stream(pieces(), swapping)
        except PlatformError:
            pass
    assert os.listdir(place / "secret") == ["key"]


async def test_no_swap_leads_a_look_outside(trees: Trees, swapping: Path) -> None:
    for _ in range(3000):
        try:
            with trees.open_in(swapping, "/d/key") as file:
                assert file.read() == b"public"
        except NotFound:
            pass


# single names


def test_names_are_followed_inside_only(place: Path) -> None:
    asyncio.run(_look(place))


async def _look(place: Path) -> None:
    trees, root = Trees(place / "trash"), varied(place / "root")
    (root / "up").symlink_to("../../../dir/file")
    (root / "loop").symlink_to("loop")
    (root / "magic").symlink_to("/proc/self/root/etc")
    assert trees.resolve(root, "/up") == "/dir/file"
    assert trees.resolve(root, "up", follow=False) == "/up"
    assert trees.resolve(root, "/dir/../dir/./deep/") == "/dir/deep"
    assert trees.resolve(root, "../../..") == "/"
    assert trees.entry(root, "/up").link == "../../../dir/file"
    assert trees.entry(root, "/up", follow=True).size == 8
    assert trees.entry(root, "/").name == "/"
    assert (trees.entry(root, "/dir/").name, stat.S_ISDIR(trees.entry(root, "/dir").mode)) == ("dir", True)
    assert trees.entry(root, "/dir").mtime == 1_500_000_000_123_456_789
    for path in ("/none", "/link", "/empty/x", "/magic"):
        with pytest.raises(NotFound):
            trees.resolve(root, path)
    with pytest.raises(KernelError, match="too many"):
        trees.resolve(root, "/loop")
    for path in ("/dir", "/pipe", "/null", "/socket"):
        with pytest.raises((Invalid, KernelError)):
            trees.open_in(root, path)
    await trees.aclose()


# the trash


async def test_trash_is_out_of_sight_at_once_and_deleted_soon(trees: Trees, place: Path) -> None:
    for name in ("a", "b"):
        varied(place / name)
        trees.trash(place / name)
        assert not (place / name).exists()
    trees.trash(place / "none")
    await emptied(place)


async def emptied(place: Path) -> None:
    async with asyncio.timeout(60):
        while os.listdir(place / "trash"):  # noqa: ASYNC110, another program does it
            await asyncio.sleep(0.02)


async def test_trash_left_by_an_earlier_daemon(trees: Trees, place: Path) -> None:
    varied(place / "trash/old")
    trees.empty()
    await emptied(place)


async def test_trash_from_a_thread(trees: Trees, place: Path) -> None:
    trees.empty()
    varied(place / "a")
    await asyncio.to_thread(trees.trash, place / "a")
    await emptied(place)


async def test_deleting_stays_out_of_mounts(trees: Trees, place: Path) -> None:
    (place / "a/inner").mkdir(parents=True)
    (place / "precious").mkdir()
    mounts.tmpfs(str(place / "precious"))
    (place / "precious/file").touch()
    mounts.bind(str(place / "precious"), str(place / "a/inner"))
    trees.trash(place / "a")
    await asyncio.sleep(0.6)
    assert (place / "precious/file").exists()


async def test_trees_too_deep_for_names_are_deleted(trees: Trees, place: Path) -> None:
    at = os.open(place, os.O_RDONLY)
    for name in ["deep", *["d" * 200] * 60]:
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    trees.trash(place / "deep")
    await emptied(place)


# the helper process


def helper() -> int:
    """The youngest that runs: those of other tests may still be on their way out."""
    seen = [stat for pid in process.children(os.getpid()) if (stat := process.stat(pid))]
    found = [(one.start, one.pid) for one in seen if one.name == "boxship-files" and one.state not in "ZX"]
    return max(found, default=(0, 0))[1]


def kill_helper() -> None:
    pid = helper()
    assert pid > 0, "no helper runs"
    os.kill(pid, signal.SIGKILL)


async def workers(count: int) -> tuple[int, ...]:
    """Wait until the helper has so many children; return them."""
    async with asyncio.timeout(60):
        while len(found := process.children(pid) if (pid := helper()) else ()) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_a_killed_helper_is_replaced(trees: Trees, place: Path) -> None:
    await trees.usage(place)
    kill_helper()
    assert await trees.usage(place) == 0
    kill_helper()
    await asyncio.sleep(0.05)
    assert await trees.usage(place) == 0


async def test_a_killed_child_is_told(trees: Trees, place: Path) -> None:
    source, sink = os.pipe()
    (place / "root").mkdir()
    task = asyncio.create_task(trees.unpack_layer(source, place / "root"))
    os.write(sink, tarfile.TarInfo("f").tobuf() + bytes(1 << 12))
    async with asyncio.timeout(60):
        while not (place / "root/f").exists():  # noqa: ASYNC110, another process does it
            await asyncio.sleep(0.01)
    (child,) = await workers(1)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(KernelError, match="unpack: the process that did it died"):
        await task
    os.close(source)
    os.close(sink)


async def test_cancelling_ends_the_child(trees: Trees, place: Path) -> None:
    source, sink = os.pipe()
    (place / "root").mkdir()
    task = asyncio.create_task(trees.unpack_layer(source, place / "root"))
    await workers(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await workers(0) == ()
    os.close(source)
    os.close(sink)


async def test_the_helper_goes_when_idle_and_with_us(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "IDLE", 0.05)
    trees, before = Trees(place / "trash"), len(os.listdir("/proc/self/fd"))
    await trees.usage(place)
    pid = helper()
    async with asyncio.timeout(60):
        while process.alive(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await trees.usage(place) == 0
    pid = helper()
    await trees.aclose()
    await trees.aclose()
    assert not process.alive(pid)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_many_jobs_at_once_leave_the_loop_alone(trees: Trees, place: Path) -> None:
    root = varied(place / "root")
    await trees.usage(root)
    worst, over = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not over:
            began, waited = time.perf_counter(), waited_for_a_cpu()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - began - (waited_for_a_cpu() - waited))
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    archives = await asyncio.gather(*(packed(trees, root, "/dir") for _ in range(10)))
    sizes = await asyncio.gather(*(trees.usage(root) for _ in range(10)))
    over = True
    await ticking
    assert len({len(archive.getnames()) for archive in archives}) == len(set(sizes)) == 1
    assert worst < 0.5  # some 2 ms


def waited_for_a_cpu() -> float:
    """Return the seconds for which this thread was ready to run while others ran."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
