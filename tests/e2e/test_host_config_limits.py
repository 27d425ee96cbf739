"""Every limit of HostConfig, asked by the API and read inside the container: from its cgroup, or from /proc."""

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.engine_api import EngineApi, Json, remove_cgroup

pytestmark = pytest.mark.e2e

MIB = 1 << 20
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers").exists()
CPUS = os.cpu_count() or 1


def disk() -> tuple[str, str]:
    """Return a block device as path and `major:minor`."""
    for name in sorted(os.listdir("/sys/block")):
        if Path(f"/dev/{name}").exists():
            return f"/dev/{name}", Path(f"/sys/block/{name}/dev").read_text().strip()
    raise AssertionError("no block device")


DISK, NUMBER = disk()
THROTTLE = [{"Path": DISK, "Rate": 1048576}]

# Name -> what is asked, file below /sys/fs/cgroup and its content on the old hierarchies, and on the unified one.
CGROUPS: dict[str, tuple[Json, str, str, str, str]] = {
    "cpu shares": ({"CpuShares": 512}, "cpu/cpu.shares", "512", "cpu.weight", "20"),
    "cpu quota": ({"CpuQuota": 25000}, "cpu/cpu.cfs_quota_us", "25000", "cpu.max", "25000 100000"),
    "cpu period": (
        {"CpuPeriod": 50000, "CpuQuota": 25000},
        "cpu/cpu.cfs_period_us",
        "50000",
        "cpu.max",
        "25000 50000",
    ),
    "cpus": ({"NanoCpus": 500_000_000}, "cpu/cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000"),
    "cpuset": ({"CpusetCpus": "0"}, "cpuset/cpuset.cpus", "0", "cpuset.cpus", "0"),
    "cpuset mems": ({"CpusetMems": "0"}, "cpuset/cpuset.mems", "0", "cpuset.mems", "0"),
    "memory": ({"Memory": 64 * MIB}, "memory/memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    "as much swap as memory": (
        {"Memory": 64 * MIB},
        "memory/memory.memsw.limit_in_bytes",
        str(128 * MIB),
        "memory.swap.max",
        str(64 * MIB),
    ),
    "no swap": (
        {"Memory": 64 * MIB, "MemorySwap": 64 * MIB},
        "memory/memory.memsw.limit_in_bytes",
        str(64 * MIB),
        "memory.swap.max",
        "0",
    ),
    "reservation": (
        {"MemoryReservation": 32 * MIB},
        "memory/memory.soft_limit_in_bytes",
        str(32 * MIB),
        "memory.low",
        str(32 * MIB),
    ),
    "pids": ({"PidsLimit": 77}, "pids/pids.max", "77", "pids.max", "77"),
    "no pids limit": ({"PidsLimit": -1}, "pids/pids.max", "max", "pids.max", "max"),
    "read throttle": (
        {"BlkioDeviceReadBps": THROTTLE},
        "blkio/blkio.throttle.read_bps_device",
        f"{NUMBER} 1048576",
        "io.max",
        f"{NUMBER} rbps=1048576 wbps=max riops=max wiops=max",
    ),
    "write throttle": (
        {"BlkioDeviceWriteBps": THROTTLE},
        "blkio/blkio.throttle.write_bps_device",
        f"{NUMBER} 1048576",
        "io.max",
        f"{NUMBER} rbps=max wbps=1048576 riops=max wiops=max",
    ),
    "read operations": (
        {"BlkioDeviceReadIOps": THROTTLE},
        "blkio/blkio.throttle.read_iops_device",
        f"{NUMBER} 1048576",
        "io.max",
        f"{NUMBER} rbps=max wbps=max riops=1048576 wiops=max",
    ),
    "write operations": (
        {"BlkioDeviceWriteIOps": THROTTLE},
        "blkio/blkio.throttle.write_iops_device",
        f"{NUMBER} 1048576",
        "io.max",
        f"{NUMBER} rbps=max wbps=max riops=max wiops=1048576",
    ),
}

# Limits that not every host has: file, content, and what is warned of where the file is missing.
IF_SUPPORTED: dict[str, tuple[Json, str, str, str]] = {
    "blkio weight": (
        {"BlkioWeight": 300},
        "blkio/blkio.weight blkio/blkio.bfq.weight io.weight io.bfq.weight",
        "300",
        "Weight discarded",
    ),
    "realtime runtime": (
        {"CpuRealtimeRuntime": 1000, "CpuRealtimePeriod": 1000000},  # the host has 0.95 s to give, to all together
        "cpu/cpu.rt_runtime_us",
        "1000",
        "real-time",
    ),
    "swappiness": ({"Memory": 64 * MIB, "MemorySwappiness": 7}, "memory/memory.swappiness", "7", "swappiness"),
    "no oom killer": (
        {"Memory": 64 * MIB, "OomKillDisable": True},
        "memory/memory.oom_control",
        "oom_kill_disable 1",
        "OomKillDisable",
    ),
    "kernel tcp memory": (
        {"KernelMemoryTCP": 16 * MIB},
        "memory/memory.kmem.tcp.limit_in_bytes",
        str(16 * MIB),
        "kernel memory TCP",
    ),
    "huge pages": (
        {"Annotations": {"boxship.hugepages.2MB": "4m"}},
        "hugetlb/hugetlb.2MB.limit_in_bytes hugetlb.2MB.max",
        str(4 * MIB),
        "huge page",
    ),
}


@pytest.mark.parametrize(("asked", "old", "old_text", "new", "new_text"), CGROUPS.values(), ids=CGROUPS)
def test_a_limit_reaches_the_cgroup(
    api: EngineApi, asked: Json, old: str, old_text: str, new: str, new_text: str
) -> None:
    file, text = (new, new_text) if UNIFIED else (old, old_text)
    ran = api.run(f"cat /sys/fs/cgroup/{file}", asked)
    assert ran.output.splitlines()[:1] == [text], ran
    assert ran.warnings == []
    shown = api.inspect(ran.id)["HostConfig"]
    for name, value in asked.items():
        assert shown[name] == (None if (name, value) == ("PidsLimit", -1) else value)


@pytest.mark.parametrize(("asked", "files", "text", "warned"), IF_SUPPORTED.values(), ids=IF_SUPPORTED)
def test_a_limit_reaches_the_cgroup_or_a_warning_the_user(
    api: EngineApi, asked: Json, files: str, text: str, warned: str
) -> None:
    ran = api.run(f"cd /sys/fs/cgroup; for f in {files}; do cat $f 2>/dev/null && break; done; true", asked)
    assert ran.code == 0, ran
    in_force = text in ran.output.splitlines()
    told = any(warned in warning for warning in ran.warnings)
    assert in_force != told, ran


def test_the_weight_of_a_device_needs_a_scheduler_that_keeps_it(api: EngineApi) -> None:
    """Only bfq does; without it the container is refused by name."""
    scheduler = Path(f"/sys/dev/block/{NUMBER}/queue/scheduler")
    before = scheduler.read_text().split("[")[1].split("]")[0]
    asked = {"BlkioWeightDevice": [{"Path": DISK, "Weight": 400}]}
    try:
        scheduler.write_text("none")
        refused = api.run("true", asked)
        assert "BlkioWeightDevice: the I/O scheduler of device" in refused.error or refused.warnings, refused
        scheduler.write_text("bfq")
        ran = api.run("cd /sys/fs/cgroup; cat blkio/blkio.bfq.weight_device || cat io.bfq.weight", asked)
        assert f"{NUMBER} 400" in ran.output.splitlines() or ran.warnings, ran
    finally:
        scheduler.write_text(before)


ULIMITS: dict[str, tuple[str, int, int, str, str]] = {
    "nofile": ("nofile", 1024, 2048, "Max open files", "1024 2048"),
    "core": ("core", 0, 0, "Max core file size", "0 0"),
    "nproc": ("nproc", 100, 200, "Max processes", "100 200"),
    "fsize": ("fsize", 8 * MIB, 8 * MIB, "Max file size", f"{8 * MIB} {8 * MIB}"),
    "stack": ("stack", 4 * MIB, 8 * MIB, "Max stack size", f"{4 * MIB} {8 * MIB}"),
    "cpu": ("cpu", 60, 60, "Max cpu time", "60 60"),
    "data": ("data", 64 * MIB, 64 * MIB, "Max data size", f"{64 * MIB} {64 * MIB}"),
    "rss": ("rss", 64 * MIB, 64 * MIB, "Max resident set", f"{64 * MIB} {64 * MIB}"),
    "memlock": ("memlock", 65536, 65536, "Max locked memory", "65536 65536"),
    "as": ("as", 1 << 30, 1 << 30, "Max address space", f"{1 << 30} {1 << 30}"),
    "locks": ("locks", 10, 10, "Max file locks", "10 10"),
    "sigpending": ("sigpending", 50, 60, "Max pending signals", "50 60"),
    "msgqueue": ("msgqueue", 1000, 2000, "Max msgqueue size", "1000 2000"),
    "nice": ("nice", 0, 0, "Max nice priority", "0 0"),
    "rtprio": ("rtprio", 0, 0, "Max realtime priority", "0 0"),
    "rttime": ("rttime", 1000, 2000, "Max realtime timeout", "1000 2000"),
    "unlimited": ("core", -1, -1, "Max core file size", "unlimited unlimited"),
}


@pytest.mark.parametrize(("name", "soft", "hard", "title", "text"), ULIMITS.values(), ids=ULIMITS)
def test_ulimits(api: EngineApi, name: str, soft: int, hard: int, title: str, text: str) -> None:
    asked = {"Ulimits": [{"Name": name, "Soft": soft, "Hard": hard}]}
    ran = api.run(["grep", title, "/proc/self/limits"], asked)
    assert ran.output.removeprefix(title).split()[:2] == text.split(), ran
    assert ran.warnings == []


def test_a_ulimit_above_our_own_is_clamped_and_told(api: EngineApi) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    above = {"Ulimits": [{"Name": "nofile", "Soft": hard * 2, "Hard": hard * 2}]}
    ran = api.run(["grep", "open files", "/proc/self/limits"], above)
    assert ran.code == 0
    got = int(ran.output.split()[3])
    assert got == hard * 2 or (got == hard and any("ulimit nofile" in text for text in ran.warnings)), ran


def test_oom_score(api: EngineApi) -> None:
    assert api.run("cat /proc/self/oom_score_adj", {"OomScoreAdj": 321}).output == "321\n"
    ran = api.run("cat /proc/self/oom_score_adj", {"OomScoreAdj": -900})
    clamped = ran.output == f"{Path('/proc/self/oom_score_adj').read_text()}"
    assert ran.output == "-900\n" or (clamped and any("oom-score-adj" in text for text in ran.warnings)), ran


def test_a_cgroup_parent(api: EngineApi) -> None:
    parent = f"/boxship-test-{os.getpid()}"
    container = api.up({"CgroupParent": parent})
    lines = Path(f"/proc/{api.pid(container)}/cgroup").read_text().splitlines()
    places = {line.split(":", 2)[2] for line in lines if ":memory:" in line or line.startswith("0::")}
    assert f"{parent}/{container}" in places, lines
    api.tidy()
    remove_cgroup(parent)  # a parent that the user named stays, as with dockerd


REFUSED: dict[str, tuple[Json, str]] = {
    "memory too small": ({"Memory": 1024}, "Minimum memory limit allowed is 6MB"),
    "swap below memory": ({"Memory": 64 * MIB, "MemorySwap": 32 * MIB}, "Minimum memoryswap limit should be larger"),
    "swap alone": ({"MemorySwap": 64 * MIB}, "You should always set the Memory limit when using Memoryswap"),
    "reservation above memory": (
        {"Memory": 32 * MIB, "MemoryReservation": 64 * MIB},
        "Minimum memory limit can not be less than memory reservation",
    ),
    "swappiness": ({"MemorySwappiness": 101}, "valid memory swappiness range is 0-100"),
    "too many cpus": ({"NanoCpus": (CPUS + 1) * 10**9}, f"Range of CPUs is from 0.01 to {CPUS}.00"),
    "cpus and quota": ({"NanoCpus": 10**9, "CpuQuota": 50000}, "Nano CPUs and CPU Quota cannot both be set"),
    "cpus and period": ({"NanoCpus": 10**9, "CpuPeriod": 50000}, "Nano CPUs and CPU Period cannot both be set"),
    "period": ({"CpuPeriod": 10}, "CPU cfs period can not be less than 1ms"),
    "quota": ({"CpuQuota": 10}, "CPU cfs quota can not be less than 1ms"),
    "realtime above its period": (
        {"CpuRealtimeRuntime": 200000, "CpuRealtimePeriod": 100000},
        "cpu real-time runtime cannot be higher than cpu real-time period",
    ),
    "a cpu that is not there": ({"CpusetCpus": "99"}, "Requested CPUs are not available - requested 99"),
    "no cpu": ({"CpusetCpus": "x"}, "Invalid value x for cpuset cpus"),
    "a memory node that is not there": (
        {"CpusetMems": "99"},
        "Requested memory nodes are not available - requested 99",
    ),
    "blkio weight": ({"BlkioWeight": 5}, "Range of blkio weight is from 10 to 1000"),
    "weight of a device out of range": (
        {"BlkioWeightDevice": [{"Path": DISK, "Weight": 5}]},
        "Range of blkio weight is from 10 to 1000",
    ),
    "no such device": ({"BlkioDeviceReadBps": [{"Path": "/dev/nosuch", "Rate": 1}]}, "/dev/nosuch"),
    "ulimit unknown": ({"Ulimits": [{"Name": "nosuch", "Soft": 1, "Hard": 1}]}, "invalid ulimit type: nosuch"),
    "ulimit soft above hard": (
        {"Ulimits": [{"Name": "nofile", "Soft": 20, "Hard": 10}]},
        "ulimit soft limit must be less than or equal to hard limit",
    ),
    "oom score": ({"OomScoreAdj": 1001}, "range for oom score adj is [-1000, 1000]"),
    "shm size": ({"ShmSize": -1}, "SHM size can not be less than 0"),
    "Windows' cpu count": ({"CpuCount": 1}, "CpuCount"),
    "Windows' cpu percent": ({"CpuPercent": 1}, "CpuPercent"),
    "Windows' operations": ({"IOMaximumIOps": 1}, "IOMaximumIOps"),
    "Windows' bandwidth": ({"IOMaximumBandwidth": 1}, "IOMaximumBandwidth"),
    "isolation": ({"Isolation": "hyperv"}, "invalid isolation 'hyperv'"),
    "storage options": ({"StorageOpt": {"size": "1G"}}, "--storage-opt is supported only for overlay over xfs"),
    "huge pages": ({"Annotations": {"boxship.hugepages.2MB": "much"}}, "much"),
    "a size of huge pages that is not there": ({"Annotations": {"boxship.hugepages.3MB": "4m"}}, "3MB"),
}


@pytest.mark.parametrize(("asked", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_name(api: EngineApi, asked: Json, text: str) -> None:
    assert text in api.refused(asked)


UPDATES: dict[str, tuple[Json, str, str, str, str]] = {
    "memory": (
        {"Memory": 96 * MIB, "MemorySwap": -1},
        "memory/memory.limit_in_bytes",
        str(96 * MIB),
        "memory.max",
        str(96 * MIB),
    ),
    "shares": ({"CpuShares": 256}, "cpu/cpu.shares", "256", "cpu.weight", "10"),
    "cpus": ({"NanoCpus": 250_000_000}, "cpu/cpu.cfs_quota_us", "25000", "cpu.max", "25000 100000"),
    "cpuset": ({"CpusetCpus": "0"}, "cpuset/cpuset.cpus", "0", "cpuset.cpus", "0"),
    "pids": ({"PidsLimit": 55}, "pids/pids.max", "55", "pids.max", "55"),
    "throttle": (
        {"BlkioDeviceReadBps": THROTTLE},
        "blkio/blkio.throttle.read_bps_device",
        f"{NUMBER} 1048576",
        "io.max",
        f"{NUMBER} rbps=1048576 wbps=max riops=max wiops=max",
    ),
}


@pytest.mark.parametrize(("asked", "old", "old_text", "new", "new_text"), UPDATES.values(), ids=UPDATES)
def test_an_update_is_felt_at_once(
    api: EngineApi, asked: Json, old: str, old_text: str, new: str, new_text: str
) -> None:
    container = api.up()
    answer = api.call("POST", f"/containers/{container}/update", asked)
    assert (answer.status, answer.json) == (200, {"Warnings": None}), answer
    file, text = (new, new_text) if UNIFIED else (old, old_text)
    assert api.exec(container, f"cat /sys/fs/cgroup/{file}").output.splitlines()[0] == text
    shown: dict[str, Any] = api.inspect(container)["HostConfig"]
    assert {name: shown[name] for name in asked} == asked
