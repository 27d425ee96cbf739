"""What the second version's files say, from a directory that looks like one of its groups."""

from pathlib import Path

import pytest

from boxship.base.errors import NotFound
from boxship.host.api.cgroups import BlockEntry, BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats
from boxship.host.cgroups.parse import Layout
from boxship.host.cgroups.v2 import V2

FILES = {
    "cpu.stat": "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2\n",
    "memory.current": "1048576\n",
    "memory.max": "67108864\n",
    "memory.peak": "2097152\n",
    "memory.stat": "anon 4096\nfile 8192\ninactive_file 4096\n",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n",
    "pids.current": "3\n",
    "pids.max": "max\n",
    "io.stat": "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
    "cgroup.events": "populated 1\nfrozen 1\n",
    "cgroup.procs": "11\n12\n",
}


class Looking(V2):
    """Skips the probe, which would ask a real kernel for a group's files."""

    def _probe(self) -> frozenset[str]:
        return frozenset({"memory", "pids"})


@pytest.fixture
def groups(tmp_path: Path) -> Looking:
    group = tmp_path / "boxship/one"
    (group / "inner").mkdir(parents=True)
    for name, text in FILES.items():
        (group / name).write_text(text)
    (group / "inner/cgroup.procs").write_text("13\n")
    return Looking(Layout({}, str(tmp_path)))


def test_stats(groups: Looking) -> None:
    assert groups.stats("/boxship/one") == CgroupStats(
        cpu=CpuStats(
            total=5_000_000, user=3_000_000, system=2_000_000, periods=4, throttled_periods=3, throttled=2_000
        ),
        memory=MemoryStats(
            usage=1 << 20, limit=64 << 20, peak=2 << 20, failures=9, oom_kills=1,
            details={"anon": 4096, "file": 8192, "inactive_file": 4096},
        ),
        pids=PidsStats(current=3, limit=None),
        block=BlockStats(
            bytes=(BlockEntry(254, 0, "read", 10), BlockEntry(254, 0, "write", 20)),
            requests=(BlockEntry(254, 0, "read", 1), BlockEntry(254, 0, "write", 2)),
        ),
        unified=True,
    )  # fmt: skip


def test_processes_below_count(groups: Looking) -> None:
    assert groups.pids("/boxship/one") == (11, 12, 13)
    assert list(groups.below("/boxship/one")) == ["inner"]


def test_frozen_and_killed(groups: Looking, tmp_path: Path) -> None:
    assert groups.frozen("/boxship/one")
    (tmp_path / "boxship/one/cgroup.kill").touch()
    groups.kill("/boxship/one")
    assert (tmp_path / "boxship/one/cgroup.kill").read_text() == "1"
    assert groups.oom_kills("/boxship/one") == 1


def test_controllers_are_handed_down(groups: Looking, tmp_path: Path) -> None:
    """Each file takes one controller at a time, so that one refused does not take others along."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu\n")
    groups.create("/boxship/two")
    assert (tmp_path / "cgroup.subtree_control").read_text().startswith("+memory")
    assert groups.exists("/boxship/two")


def test_missing(groups: Looking) -> None:
    with pytest.raises(NotFound):
        groups.stats("/boxship/none")
    assert groups.oom_kills("/boxship/none") == 0
    assert groups.pids("/boxship/none") == ()
    assert not groups.frozen("/boxship/none")
