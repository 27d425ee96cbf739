"""Limits of directories on real file systems, in an image file."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.base.errors import KernelError, Unsupported
from boxship.host import quota

pytestmark = pytest.mark.root
MIB = 1 << 20


def mounted(image: Path, kind: str, size: int) -> Path:
    image.touch()
    subprocess.run(["truncate", "-s", str(size), image], check=True)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
    where = image.with_suffix(".d")
    where.mkdir()
    subprocess.run(["mount", "-o", "loop", image, where], check=True)
    return where


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    where = mounted(tmp_path / "image", "btrfs", 128 * MIB)
    yield where
    subprocess.run(["umount", where], check=True)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    where = mounted(tmp_path / "image", "ext4", 16 * MIB)
    yield where
    subprocess.run(["umount", where], check=True)


def fill(file: Path, size: int) -> None:
    with file.open("wb") as out:
        out.write(bytes(size))
        out.flush()
        os.fsync(out.fileno())


def test_btrfs_holds_a_directory_to_its_size(btrfs: Path) -> None:
    small, large = btrfs / "volumes/small", btrfs / "volumes/large"
    quota.require(str(btrfs))
    quota.make(str(small), 4 * MIB)
    quota.make(str(large), 32 * MIB)
    quota.make(str(small), 4 * MIB)
    (small / "_data").mkdir()
    fill(small / "_data/fits", 2 * MIB)
    with pytest.raises(OSError) as failure:
        fill(small / "_data/more", 8 * MIB)
    assert failure.value.errno == errno.EDQUOT
    fill(large / "f", 8 * MIB)


def test_ext4_says_what_it_lacks(ext4: Path) -> None:
    with pytest.raises(Unsupported, match=r"ext4 needs the features project and quota .* mount option prjquota"):
        quota.require(str(ext4))


def test_others_say_so(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"file system proc has none \(want ext4, xfs or btrfs\)"):
        quota.require("/proc")
    with pytest.raises(KernelError, match=r"open .*/none"):
        quota.require(str(tmp_path / "none"))


def test_projects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is asked of a kernel that has project quotas, which few test machines do."""
    taken, limits, assigned = {quota._FIRST_PROJECT | 5}, {}, []
    attributes = quota._ATTRIBUTES

    def ioctl(fd: int, request: int, fields: bytes, what: str) -> bytes:
        if request == quota._SET_ATTRIBUTES:
            assigned.append(attributes.unpack(fields))
        return attributes.pack(*assigned[-1]) if assigned else attributes.pack(0x80, 0, 0, 0, 0)

    monkeypatch.setattr(quota, "_ioctl", ioctl)
    monkeypatch.setattr(quota.mounts, "file_system", lambda path: "xfs")
    monkeypatch.setattr(quota.zlib, "crc32", lambda raw: 5 << 3)
    monkeypatch.setattr(quota.syscalls, "project_quota", lambda fd, project: (0, 4096 if project in taken else 0))
    monkeypatch.setattr(quota.syscalls, "set_project_quota", lambda fd, project, size: limits.update({project: size}))
    for size in (MIB, 2 * MIB):
        quota.make(str(tmp_path / "v"), size)
    project = quota._FIRST_PROJECT | 6
    assert limits == {project: 2 * MIB}
    assert assigned == [(0x280, 0, 0, project, 0)] * 2
