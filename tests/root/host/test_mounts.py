"""Mounts on the real kernel, each test in a mount namespace of its own thread, which takes them along when it ends."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boxship.base.errors import KernelError
from boxship.host import mounts, syscalls

pytestmark = pytest.mark.root


@pytest.fixture
def ground() -> Iterator[Path]:
    """A tmpfs, since overlay wants an upper directory that can hold its attributes."""
    path = Path(f"/dev/shm/bt-mounts-{os.getpid()}")
    path.mkdir()
    mounts.tmpfs(str(path))
    yield path
    mounts.unmount_under(str(path))
    path.rmdir()


def tree(path: Path, **files: str) -> str:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return str(path)


def apart(work: Callable[[], None]) -> None:
    """Run `work` in a mount namespace of its own."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_FS)
            work()
        except BaseException as e:
            failures.append(e)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("modern", [True, False])
def test_overlay_the_highest_layer_wins(ground: Path, monkeypatch: pytest.MonkeyPatch, modern: bool) -> None:
    monkeypatch.setattr(mounts, "KNOWS_LOWERS", modern and mounts.KNOWS_LOWERS)
    lowers = [tree(ground / "low", a="low", b="low"), tree(ground / "high,:\\", a="high")]
    upper, work, target = (tree(ground / name) for name in ("upper", "work", "target"))
    mounts.overlay(target, lowers, upper, work, ("index=off", "metacopy=off"))
    assert (Path(target) / "a").read_text() == "high"
    assert (Path(target) / "b").read_text() == "low"
    (Path(target) / "c").write_text("mine")
    assert (ground / "upper/c").read_text() == "mine"
    assert mounts.is_mounted(target)
    mounts.unmount(target)
    assert not mounts.is_mounted(target)


def test_overlay_without_upper_is_read_only(ground: Path) -> None:
    lowers, target = [tree(ground / "a", x="1"), tree(ground / "b")], tree(ground / "target")
    mounts.overlay(target, lowers, "", "")
    with pytest.raises(OSError, match="Read-only"):
        (Path(target) / "y").touch()


@pytest.mark.parametrize(("count", "modern"), [(300, True), (180, False)])
def test_overlay_of_very_many_layers(ground: Path, monkeypatch: pytest.MonkeyPatch, count: int, modern: bool) -> None:
    monkeypatch.setattr(mounts, "KNOWS_LOWERS", modern and mounts.KNOWS_LOWERS)
    lowers = [tree(ground / f"{n:064}", **{f"f{n}": "x", "top": str(n)}) for n in range(count)]
    upper, work, target = (tree(ground / name) for name in ("upper", "work", "target"))
    before = len(os.listdir("/proc/self/fd"))
    mounts.overlay(target, lowers, upper, work)
    assert len(os.listdir(target)) == count + 1
    assert (Path(target) / "top").read_text() == str(count - 1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_overlay_of_very_long_names(ground: Path) -> None:
    deep = ground / ("d" * 200) / ("e" * 200)
    lowers, target = [tree(deep / "low", a="1")], tree(ground / "target")
    mounts.overlay(target, lowers, tree(deep / "upper"), tree(deep / "work"))
    assert (Path(target) / "a").read_text() == "1"


def test_overlay_tells_what_is_wrong(ground: Path) -> None:
    target = tree(ground / "target")
    with pytest.raises(KernelError, match="lowerdir") as caught:
        mounts.overlay(target, [str(ground / "none")], "", "")
    assert caught.value.code == 2
    with pytest.raises(KernelError, match="wrong"):
        mounts.overlay(target, [tree(ground / "low")], "", "", ("wrong=1",))
    assert mounts.mounted_under(target) == []


def test_overlay_is_private_below_a_shared_mount(ground: Path) -> None:
    def work() -> None:
        syscalls.mount(None, str(ground), None, syscalls.MS_SHARED)
        target = tree(ground / "target")
        mounts.overlay(target, [tree(ground / "low"), tree(ground / "high")], "", "")
        line = next(line for line in own_table() if mounts.mount_point(line) == target)
        assert "shared:" not in line
        assert "master:" not in line

    apart(work)


def own_table() -> list[str]:
    return Path("/proc/thread-self/mountinfo").read_text().splitlines()


def test_bind_files_directories_and_namespaces(ground: Path) -> None:
    source, target = tree(ground / "source", a="1"), tree(ground / "target", f="")
    mounts.bind(source + "/a", target + "/f")
    assert (Path(target) / "f").read_text() == "1"
    space = os.open("/proc/self/ns/net", os.O_RDONLY)
    pin = ground / "pin"
    pin.touch()
    mounts.bind(f"/proc/self/fd/{space}", str(pin))
    assert os.stat(pin).st_ino == os.fstat(space).st_ino
    os.close(space)
    mounts.unmount(str(pin))
    assert pin.read_text() == ""


def test_recursive_read_only(ground: Path) -> None:
    source, target = Path(tree(ground / "source")), tree(ground / "target")
    (source / "inner").mkdir()
    mounts.tmpfs(str(source / "inner"), size=1 << 20)
    mounts.bind(str(source), target, read_only=True, recursive=True)
    for place in ("x", "inner/x"):
        with pytest.raises(OSError, match="Read-only"):
            (Path(target) / place).touch()
        (source / place).touch()
    mounts.unmount_under(target)
    mounts.bind(str(source), target, recursive=True)
    (Path(target) / "inner/y").touch()
    mounts.set_read_only(target)
    with pytest.raises(OSError, match="Read-only"):
        (Path(target) / "inner/z").touch()


def test_a_plain_bind_leaves_what_is_mounted_below(ground: Path) -> None:
    source, target = Path(tree(ground / "source")), tree(ground / "target")
    (source / "inner").mkdir()
    mounts.tmpfs(str(source / "inner"))
    (source / "inner/x").touch()
    mounts.bind(str(source), target)
    assert os.listdir(target + "/inner") == []


def user_namespace(inside: int, outside: int, size: int) -> int:
    """Return the descriptor of a new user namespace with this map for both kinds of ids."""
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWUSER)
            os.write(ready[1], b"x")
            os.read(go[0], 1)
        finally:
            os._exit(0)  # else a child that may not would run the rest of the tests once more
    os.close(ready[1])
    assert os.read(ready[0], 1), "no user namespace can be made here"
    for kind in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{kind}").write_text(f"{inside} {outside} {size}\n")
    space = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    os.write(go[1], b"x")
    os.waitpid(pid, 0)
    for fd in (ready[0], *go):
        os.close(fd)
    return space


def test_idmapped_bind(ground: Path) -> None:
    source, target = tree(ground / "source", a="1"), tree(ground / "target")
    space = user_namespace(0, 100000, 65536)
    mounts.bind(source, target, id_map=space)
    os.close(space)
    os.chown(source + "/a", 5, 6)
    seen = os.stat(target + "/a")
    assert (seen.st_uid, seen.st_gid) == (100005, 100006)


def test_a_failed_bind_leaves_nothing(ground: Path) -> None:
    source, target = tree(ground / "source"), tree(ground / "target")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KernelError, match=r"bind .*/none at .*no such file"):
        mounts.bind(str(ground / "none"), target)
    with pytest.raises(KernelError):
        mounts.bind(source, target, id_map=0)
    assert mounts.mounted_under(target) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_target_is_never_followed(ground: Path) -> None:
    source, place = tree(ground / "source"), tree(ground / "place")
    (ground / "link").symlink_to(place)
    with pytest.raises(KernelError):
        mounts.bind(source, str(ground / "link"))
    mounts.unmount(str(ground / "link"))  # nothing is mounted there: silent
    assert not mounts.is_mounted(place)


def test_names_with_blanks_and_backslashes(ground: Path) -> None:
    target = tree(ground / "a b\\134\tc")
    mounts.tmpfs(target)
    assert mounts.mounted_under(target) == [target]
    assert target in mounts.mounted_under(str(ground))
    mounts.unmount(target)
    assert mounts.mounted_under(target) == []


def test_neighbours_with_the_same_beginning_are_not_below(ground: Path) -> None:
    near, far = tree(ground / "a"), tree(ground / "ab")
    mounts.tmpfs(near)
    mounts.tmpfs(far)
    assert mounts.mounted_under(near) == [near]


def test_unmount_is_patient_with_absence(ground: Path) -> None:
    mounts.unmount(str(ground / "missing"))
    mounts.unmount(tree(ground / "plain"))


def test_lazy_unmount_of_a_busy_mount(ground: Path) -> None:
    target = tree(ground / "busy")
    mounts.tmpfs(target)
    with open(f"{target}/f", "w") as file:
        with pytest.raises(KernelError) as caught:
            mounts.unmount(target, lazy=False)
        assert caught.value.code == 16
        mounts.unmount(target)
        file.write("still works")
    assert not mounts.is_mounted(target)


def test_make_private_twice(ground: Path) -> None:
    home = tree(ground / "home", a="1")
    mounts.make_private(home)
    mounts.make_private(home)
    assert mounts.mounted_under(home) == [home]
    assert (Path(home) / "a").read_text() == "1"


def test_options_as_in_fstab(ground: Path) -> None:
    target = tree(ground / "t")
    mounts.mount("none", target, "tmpfs", "ro,nosuid,noexec,size=64k,rw")
    (Path(target) / "x").touch()
    line = next(line for line in own_table() if mounts.mount_point(line) == target)
    assert "nosuid" in line.split()[5]
    assert "size=64k" in line
    with pytest.raises(KernelError):
        mounts.mount("none", target, "tmpfs", "nonsense=1")


def test_the_kind_of_a_file_system_is_told(tmp_path: Path) -> None:
    assert mounts.file_system("/proc/self") == "proc"
    target = tmp_path / "t"
    target.mkdir()
    mounts.tmpfs(str(target))
    try:
        assert mounts.file_system(str(target / "not" / "there")) == "tmpfs"
    finally:
        mounts.unmount(str(target))
