"""A daemon whose data lie on btrfs: volumes are held to their size, snapshots share what they have in common."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import PROGRAM, TMPFS, Daemon
from tests.images import busybox_rootfs
from tests.patience import until

pytestmark = [pytest.mark.e2e, pytest.mark.root]
MIB = 1 << 20


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    image, where = TMPFS / f"btrfs-{tmp_path.name}-{time.monotonic_ns()}", tmp_path / "d"
    subprocess.run(["truncate", "-s", str(256 * MIB), image], check=True)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    where.mkdir()
    subprocess.run(["mount", "-o", "loop", image, where], check=True)
    yield where
    until(lambda: subprocess.run(["umount", where]).returncode == 0, f"{where} stays busy")
    image.unlink()


@pytest.fixture
def daemon(btrfs: Path) -> Iterator[Daemon]:
    found = Daemon("--data-root", str(btrfs / "data"))
    try:
        found.start()
        words = ["docker", "-H", found.host, "import", "--change", "ENV PATH=/bin", "-", "busybox"]
        subprocess.run(words, input=busybox_rootfs(), check=True, capture_output=True)
        yield found
    finally:
        found.close()


def run(daemon: Daemon, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(["docker", "-H", daemon.host, *words], capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    return done


def used(root: Path) -> int:
    shown = subprocess.run(["btrfs", "filesystem", "usage", "-b", root], capture_output=True, text=True, check=True)
    line = next(line for line in shown.stdout.splitlines() if line.strip().startswith("Used:"))
    return int(line.split()[1])


def test_sizes_hold_and_snapshots_share(daemon: Daemon, btrfs: Path) -> None:
    run(daemon, "volume", "create", "-o", "size=16m", "small")

    def fill(size: int, check: bool = True) -> "subprocess.CompletedProcess[str]":
        text = f"dd if=/dev/urandom of=/v/f bs=1M count={size} conv=fsync"
        return run(daemon, "run", "--rm", "-v", "small:/v", "busybox", "sh", "-c", text, check=check)

    fill(4)
    assert "Disk quota exceeded" in fill(40, check=False).stderr
    run(daemon, "volume", "create", "large")
    run(daemon, "run", "--rm", "-v", "large:/v", "busybox", "dd", "if=/dev/urandom", "of=/v/f", "bs=1M", "count=48")
    subprocess.run(["sync", "-f", btrfs], check=True)
    before = used(btrfs)
    command = [str(PROGRAM), "-H", daemon.host, "volume", "snapshot", "--name", "copy", "large"]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["sync", "-f", btrfs], check=True)
    assert used(btrfs) - before < 16 * MIB
    same = run(daemon, "run", "--rm", "-v", "large:/a", "-v", "copy:/b", "busybox", "cmp", "/a/f", "/b/f")
    assert same.returncode == 0
    run(daemon, "volume", "rm", "small", "large", "copy")
    until(lambda: not any((btrfs / "data/trash").iterdir()), "what was removed is still there")
