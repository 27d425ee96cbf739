"""Real mounts in a namespace that goes away by itself."""

import os
from pathlib import Path

import pytest

from boxship.base.errors import KernelError
from boxship.host import syscalls
from boxship.host.view import Shown, view

pytestmark = pytest.mark.root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc" / "name").write_text("root")
    (made / "link").symlink_to("/etc")
    return made


def mounts(place: Path) -> list[str]:
    """Return the mounts that concern `place`; others on the machine come and go."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(place) in line]


def test_what_is_shown_is_seen_only_through_the_path(root: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "file").write_text("volume")
    before = mounts(tmp_path)
    with view(root, [Shown(str(volume), "/data/deep")]) as seen:
        assert (seen / "etc" / "name").read_text() == "root"
        assert (seen / "data" / "deep" / "file").read_text() == "volume"
        (seen / "data" / "deep" / "new").write_text("x")
        assert list((root / "data" / "deep").iterdir()) == []
        assert mounts(tmp_path) == before
        assert os.listdir(seen / "..") == os.listdir(seen), "there is nothing above"
    assert (volume / "new").read_text() == "x"
    assert mounts(tmp_path) == before


def test_links_to_a_mount_point_stay_in_the_root(root: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    with view(root, [Shown(str(volume), "/link/inner")]) as seen:
        (seen / "etc" / "inner" / "x").write_text("x")
    assert (volume / "x").exists()
    assert not Path("/etc/inner").exists()


def test_files_are_shown_and_missing_sources_left_out(root: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.write_text("file")
    shown = [Shown(str(one), "/etc/name"), Shown(str(one), "/run/made"), Shown(str(tmp_path / "gone"), "/gone")]
    with view(root, shown) as seen:
        assert (seen / "etc" / "name").read_text() == "file"
        assert (seen / "run" / "made").read_text() == "file"
        assert not (seen / "gone").exists()
    assert (root / "etc" / "name").read_text() == "root"


def test_other_mounts_are_let_go(root: Path, tmp_path: Path) -> None:
    """Else a view would keep file systems busy that somebody unmounts meanwhile."""
    other = tmp_path / "other"
    other.mkdir()
    syscalls.mount("tmpfs", other, "tmpfs")
    try:
        with view(root, []) as seen:
            task = seen.parent
            assert str(other) not in (task / "mountinfo").read_text()
            assert len((task / "mountinfo").read_text().splitlines()) == 1
    finally:
        syscalls.umount2(other)


def test_a_failure_is_told_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    before = mounts(tmp_path)
    with pytest.raises(KernelError):
        with view(tmp_path / "nowhere", []):
            pytest.fail("there is no such root")
    assert mounts(tmp_path) == before
