"""User namespaces on the real kernel: what they own, and views of file trees with their ids."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.base.errors import KernelError
from boxship.base.facts import IdMap
from boxship.host import mounts, userspaces
from boxship.host.credentials import acting_as

pytestmark = pytest.mark.root
UIDS, GIDS = (IdMap(container=0, host=100000, size=1000),), (IdMap(container=0, host=200000, size=1000),)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs with a tree in `disk`, which is seen mapped in `seen`."""
    subprocess.run(["mount", "-t", "tmpfs", "t", str(tmp_path)], check=True)
    subprocess.run(["mount", "--make-private", str(tmp_path)], check=True)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "file").write_text("x")
    os.chown(tmp_path / "disk" / "file", 33, 44)
    userspaces.show_mapped(str(tmp_path / "disk"), str(tmp_path / "seen"), UIDS, GIDS)
    yield tmp_path
    mounts.unmount_under(str(tmp_path))


def owner(path: Path) -> tuple[int, int]:
    return path.lstat().st_uid, path.lstat().st_gid


def test_a_view_translates_both_ways(tree: Path) -> None:
    assert owner(tree / "seen") == (100000, 200000)
    assert owner(tree / "seen" / "file") == (100033, 200044)
    with acting_as((100005, 200006)):
        (tree / "seen" / "new").write_text("y")
    assert owner(tree / "disk" / "new") == (5, 6)
    assert owner(tree / "seen" / "new") == (100005, 200006)
    with pytest.raises(OSError, match="too large"):
        (tree / "seen" / "ours").write_text("z")  # our own id is not in the map


def test_a_view_is_made_once(tree: Path) -> None:
    before = mounts.mounted_under(str(tree))
    userspaces.show_mapped(str(tree / "disk"), str(tree / "seen"), UIDS, GIDS)
    assert mounts.mounted_under(str(tree)) == before


def test_an_overlay_over_a_view(tree: Path) -> None:
    for name in ("lower/etc", "upper", "work"):
        (tree / "disk" / name).mkdir(parents=True)
    (tree / "disk/lower/etc/passwd").write_text("root")
    (tree / "merged").mkdir()
    seen = tree / "seen"
    mounts.overlay(
        str(tree / "merged"), [str(seen / "lower")], str(seen / "upper"), str(seen / "work"), owner=(100000, 200000)
    )
    assert owner(tree / "merged/etc/passwd") == (100000, 200000)
    with acting_as((100000, 200000)):
        (tree / "merged/etc/passwd").write_text("changed")
        (tree / "merged/new").mkdir()
    os.chown(tree / "merged/new", 100033, 200033)
    assert owner(tree / "disk/upper/etc/passwd") == (0, 0)
    assert owner(tree / "disk/upper/new") == (33, 33)
    os.unlink(tree / "merged/etc/passwd")
    assert (tree / "disk/upper/etc/passwd").stat().st_rdev == 0  # a whiteout


def test_acting_keeps_rights_and_ends(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    with acting_as((12345, 54321)):
        (secret / "x").touch()
        os.chown(secret / "x", 1, 2)
        (secret / "y").touch()
    (secret / "z").touch()
    assert [owner(secret / name) for name in "xyz"] == [(1, 2), (12345, 54321), (0, 0)]
    with acting_as(None):
        (secret / "w").touch()
    assert owner(secret / "w") == (0, 0)
    with pytest.raises(ZeroDivisionError), acting_as((12345, 54321)):
        1 / 0  # noqa: B018
    (secret / "v").touch()
    assert owner(secret / "v") == (0, 0)


def test_a_network_namespace_belongs_to_its_users() -> None:
    space = userspaces.network_space(UIDS, GIDS)
    try:
        with userspaces.owner(f"/proc/self/fd/{space}") as users:
            assert not userspaces.is_ours(users)
            mine = os.readlink(f"/proc/self/fd/{users}")
        beside = userspaces.network_space_beside(f"/proc/self/fd/{space}")
        try:
            assert os.readlink(f"/proc/self/fd/{beside}") != os.readlink(f"/proc/self/fd/{space}")
            with userspaces.owner(f"/proc/self/fd/{beside}") as users:
                assert os.readlink(f"/proc/self/fd/{users}") == mine
        finally:
            os.close(beside)
    finally:
        os.close(space)


def test_our_own() -> None:
    with userspaces.owner("/proc/self/ns/net") as users:
        assert userspaces.is_ours(users)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(KernelError, match="open /nosuch"), userspaces.owner("/nosuch"):
        pass
    with pytest.raises(KernelError, match="write uid_map"):
        userspaces.network_space((IdMap(container=0, host=2**32 - 1, size=5),), GIDS)


def test_nothing_stays() -> None:
    before = os.listdir("/proc/self/fd")
    os.close(userspaces.network_space(UIDS, GIDS))
    assert os.listdir("/proc/self/fd") == before
    assert not subprocess.run(["pgrep", "-P", str(os.getpid()), "unshare"], capture_output=True, text=True).stdout
