"""What every implementation of the Protocol Cgroups does, on the real kernel: the first version's hierarchies, and the
second version's tree, which here has no controllers but is one all the same."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from boxship.base.errors import KernelError, NotFound, Unsupported
from boxship.host import cgroups
from boxship.host.api.cgroups import Cgroups
from boxship.host.cgroups.parse import Layout
from boxship.host.cgroups.v1 import V1
from boxship.host.cgroups.v2 import V2

pytestmark = pytest.mark.root
TOP = f"/bt-cgroups-{os.getpid()}"
GROUP = f"{TOP}/one"


def kinds() -> dict[str, Cgroups]:
    found = cgroups.mounted()
    made: dict[str, Cgroups] = {}
    if found.v1:
        made["v1"] = V1(found)
        made["v1 without freezer and pids"] = V1(Layout({"memory": found.v1["memory"]}, found.unified))
    if found.unified:
        made["v2"] = V2(found)
    return made


KINDS = kinds() if os.geteuid() == 0 else {}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def groups(request: pytest.FixtureRequest) -> Iterator[Cgroups]:
    made: Cgroups = request.param
    yield made
    made.kill(TOP)
    gone(made)
    made.remove(TOP)
    assert not made.exists(TOP)


def gone(groups: Cgroups) -> None:
    """Collect children and wait until the kernel has taken them out of their groups."""
    for _ in range(500):
        if not groups.pids(TOP):
            return
        os.sched_yield()
        signal.sigtimedwait([], 0.01)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "1000"])
    yield child
    child.kill()
    child.wait()


def test_make_and_remove(groups: Cgroups) -> None:
    assert not groups.exists(GROUP)
    groups.create(GROUP)
    groups.create(GROUP)
    groups.create(f"{GROUP}/deep/er")
    assert groups.exists(f"{GROUP}/deep/er")
    assert list(groups.below(TOP)) == ["one"]
    groups.remove(GROUP)
    groups.remove(GROUP)
    assert not groups.exists(GROUP)
    assert list(groups.below(TOP)) == []


def test_processes(groups: Cgroups, sleeper: subprocess.Popen[bytes]) -> None:
    groups.create(f"{GROUP}/inner")
    groups.add(f"{GROUP}/inner", sleeper.pid)
    assert groups.pids(GROUP) == (sleeper.pid,)
    assert groups.pids(f"{TOP}/none") == ()
    with pytest.raises(KernelError, match="busy") as caught:
        groups.remove(GROUP)
    assert caught.value.code == 16


def test_only_groups_that_are_there_take_processes(groups: Cgroups) -> None:
    with pytest.raises(KernelError, match="no such file"):
        groups.add(f"{TOP}/none", os.getpid())


def test_kill_takes_all_that_fork(groups: Cgroups) -> None:
    groups.create(GROUP)
    start = "read go; for i in 1 2 3 4 5 6 7 8; do (while :; do sleep 1000 & wait; done) & done; wait"
    child = subprocess.Popen(["sh", "-c", start], stdin=subprocess.PIPE)
    groups.add(GROUP, child.pid)
    assert child.stdin is not None
    child.stdin.write(b"go\n")
    child.stdin.close()
    while len(groups.pids(GROUP)) < 12:
        os.sched_yield()
    groups.kill(GROUP)
    assert child.wait() == -signal.SIGKILL
    gone(groups)
    assert groups.pids(GROUP) == ()
    groups.kill(f"{TOP}/none")


async def test_freeze_and_thaw(groups: Cgroups, sleeper: subprocess.Popen[bytes]) -> None:
    groups.create(GROUP)
    groups.add(GROUP, sleeper.pid)
    assert not groups.frozen(GROUP)
    await groups.freeze(GROUP)
    assert groups.frozen(GROUP)
    await groups.thaw(GROUP)
    assert not groups.frozen(GROUP)
    with pytest.raises(KernelError):
        await groups.freeze(f"{TOP}/none")
    assert not groups.frozen(f"{TOP}/none")


async def test_what_is_frozen_can_be_killed(groups: Cgroups, sleeper: subprocess.Popen[bytes]) -> None:
    groups.create(GROUP)
    groups.add(GROUP, sleeper.pid)
    await groups.freeze(GROUP)
    groups.kill(GROUP)
    assert await asyncio.to_thread(sleeper.wait) == -signal.SIGKILL


@pytest.mark.parametrize(
    "resources",
    [{}, {"pids": {"limit": 5}}, {"blockIO": {"weight": 300, "throttleReadBpsDevice": []}}, {"cpu": {"shares": 5}}],
)
def test_what_is_kept_back_is_set_later(groups: Cgroups, resources: dict[str, Any]) -> None:
    given = groups.admit(GROUP, resources)
    assert given.keys() == resources.keys()
    groups.create(GROUP)
    groups.complete(GROUP, resources)


def test_real_time_is_there_when_a_group_asks_for_it() -> None:
    made = KINDS.get("v1")
    if made is None or "cpu_realtime" not in made.controls:
        return
    root = cgroups.mounted().v1["cpu"]
    names = (f"{GROUP}/a", f"{GROUP}/b")
    try:
        for name in names:
            made.admit(name, {"cpu": {"realtimeRuntime": 20_000, "realtimePeriod": 200_000}})
            made.create(name)
            with open(f"{root}{name}/cpu.rt_runtime_us", "w") as file:
                file.write("100000")  # a tenth of the usual period
        with pytest.raises(Unsupported, match="CpuRealtimeRuntime: this host has less than 99% of its time left"):
            made.admit(f"{GROUP}/c", {"cpu": {"realtimeRuntime": 790_000}})
    finally:
        made.remove(TOP)


def test_counters(groups: Cgroups) -> None:
    groups.create(GROUP)
    child = subprocess.Popen(["sh", "-c", "read go; i=0; while :; do i=$((i+1)); done"], stdin=subprocess.PIPE)
    groups.add(GROUP, child.pid)
    assert child.stdin is not None
    child.stdin.write(b"go\n")
    child.stdin.close()
    seen = groups.stats(GROUP)
    if isinstance(groups, V2) or "cpu_shares" in groups.controls:
        while not groups.stats(GROUP).cpu.total:
            os.sched_yield()
    if "memory" in groups.controls:
        assert seen.memory is not None
        assert seen.memory.limit is None
        assert seen.memory.details
    if "pids" in groups.controls:
        assert seen.pids is not None
        assert (seen.pids.current, seen.pids.limit) == (1, None)
    assert groups.oom_kills(GROUP) == 0
    groups.kill(GROUP)
    child.wait()


def test_counters_of_nothing(groups: Cgroups) -> None:
    with pytest.raises(NotFound, match="no cgroup"):
        groups.stats(f"{TOP}/none")
    assert groups.oom_kills(f"{TOP}/none") == 0


def test_nothing_stays_open(groups: Cgroups) -> None:
    groups.create(GROUP)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        groups.stats(GROUP)
        groups.pids(GROUP)
    assert len(os.listdir("/proc/self/fd")) == before


def test_this_host() -> None:
    found = cgroups.detect()
    assert found.version == (1 if "memory" in cgroups.mounted().v1 else 2)
    assert {"memory", "pids", "cpu_shares", "cpuset", "devices"} <= found.controls


def test_oom_kills_are_counted() -> None:
    groups = cgroups.detect()
    groups.create(GROUP)
    try:
        name = "memory.limit_in_bytes" if groups.version == 1 else "memory.max"
        place = cgroups.mounted().v1.get("memory") or cgroups.mounted().unified
        with open(f"{place}{GROUP}/{name}", "w") as file:
            file.write(str(16 << 20))
        eater = "import sys; sys.stdin.readline(); x = bytearray(200 << 20)"
        child = subprocess.Popen(["python3", "-c", eater], stdin=subprocess.PIPE)
        groups.add(GROUP, child.pid)
        child.communicate(b"\n")
        assert child.returncode == -signal.SIGKILL
        assert groups.oom_kills(GROUP) == 1
        memory = groups.stats(GROUP).memory
        assert memory is not None
        assert (memory.limit, memory.oom_kills) == (16 << 20, 1)
    finally:
        gone(groups)
        groups.remove(TOP)
