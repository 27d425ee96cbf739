"""Control groups of the second version: one tree for all controllers."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from boxship.base.errors import KernelError, NotFound
from boxship.host.api.cgroups import BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats
from boxship.host.cgroups import parse
from boxship.host.cgroups.directories import Hierarchy
from boxship.host.cgroups.freezer import Freezer
from boxship.host.cgroups.parse import Layout, flat, limit, number

MICROSECOND = 1000
# control -> a file that is in every group but the root where the limit is there; "" always is.
_CONTROLS = {
    "memory": "memory.max",
    "memory_reservation": "memory.low",
    "swap": "memory.swap.max",
    "cpu_shares": "cpu.weight",
    "cpu_cfs": "cpu.max",
    "cpuset": "cpuset.cpus",
    "pids": "pids.max",
    "blkio_throttle": "io.max",
}


class V2:
    """The Protocol Cgroups."""

    version = 2

    def __init__(self, layout: Layout) -> None:
        self._tree = Hierarchy(layout.unified)
        self._freezer = Freezer(self._tree, unified=True)
        self.controls = self._probe()

    def _probe(self) -> frozenset[str]:
        """Look into a group made for it: the root shows no limits. Devices are ruled by programs, not by a file."""
        probe = f"/boxship-probe-{os.getpid()}"
        self.create(probe)
        try:
            names = set(os.listdir(self._tree.directory(probe)))
        finally:
            self.remove(probe)
        found = {control for control, file in _CONTROLS.items() if file in names} | {"devices"}
        if names & {"io.weight", "io.bfq.weight"}:
            found |= {"blkio_weight", "blkio_weight_device"}
        if any(name.startswith("hugetlb.") for name in names):
            found.add("hugetlb")
        return frozenset(found)

    def create(self, path: str) -> None:
        """Groups above hand all controllers down; one that cannot (it has processes of its own) is left so."""
        self._hand_down("")
        for group in self._tree.create(path):
            if group != "/" + path.strip("/"):
                self._hand_down(group)

    def _hand_down(self, path: str) -> None:
        given = set(self._tree.read(path, "cgroup.subtree_control").split())
        for controller in self._tree.read(path, "cgroup.controllers").split():
            if controller not in given:
                with suppress(KernelError):
                    self._tree.write(path, "cgroup.subtree_control", f"+{controller}")

    def remove(self, path: str) -> None:
        self._tree.remove(path)

    def exists(self, path: str) -> bool:
        return self._tree.exists(path)

    def below(self, path: str) -> Iterator[str]:
        yield from self._tree.below(path)

    def pids(self, path: str) -> tuple[int, ...]:
        return self._tree.pids(path)

    def add(self, path: str, pid: int) -> None:
        self._tree.write(path, "cgroup.procs", str(pid))

    def admit(self, path: str, resources: Mapping[str, Any]) -> Mapping[str, Any]:
        """Runtimes know all limits of this version."""
        return resources

    def complete(self, path: str, resources: Mapping[str, Any]) -> None:
        """Nothing was kept back."""

    def kill(self, path: str) -> None:
        """The kernel's own way (Linux 5.14) takes along what is being forked."""
        if self._tree.exists(path):
            self._tree.write(path, "cgroup.kill", "1")

    async def freeze(self, path: str) -> None:
        await self._freezer.freeze(path)

    async def thaw(self, path: str) -> None:
        await self._freezer.thaw(path)

    def frozen(self, path: str) -> bool:
        return self._freezer.frozen(path)

    def stats(self, path: str) -> CgroupStats:
        if not self._tree.exists(path):
            raise NotFound(f"no cgroup {path}")
        sizes, requests = parse.block_v2(self._tree.read(path, "io.stat"))
        return CgroupStats(
            cpu=self._cpu(path), memory=self._memory(path), pids=self._pids_stats(path),
            block=BlockStats(bytes=sizes, requests=requests), unified=True,
        )  # fmt: skip

    def _cpu(self, path: str) -> CpuStats:
        times = flat(self._tree.read(path, "cpu.stat"))
        return CpuStats(
            total=times.get("usage_usec", 0) * MICROSECOND,
            user=times.get("user_usec", 0) * MICROSECOND,
            system=times.get("system_usec", 0) * MICROSECOND,
            periods=times.get("nr_periods", 0),
            throttled_periods=times.get("nr_throttled", 0),
            throttled=times.get("throttled_usec", 0) * MICROSECOND,
        )

    def _memory(self, path: str) -> MemoryStats | None:
        if "memory" not in self.controls:
            return None
        events = flat(self._tree.read(path, "memory.events"))
        return MemoryStats(
            usage=number(self._tree.read(path, "memory.current")),
            limit=limit(self._tree.read(path, "memory.max")),
            peak=number(self._tree.read(path, "memory.peak")),
            failures=events.get("max", 0),
            details=flat(self._tree.read(path, "memory.stat")),
            oom_kills=events.get("oom_kill", 0),
        )

    def _pids_stats(self, path: str) -> PidsStats | None:
        if "pids" not in self.controls:
            return None
        return PidsStats(
            current=number(self._tree.read(path, "pids.current")), limit=limit(self._tree.read(path, "pids.max"))
        )

    def oom_kills(self, path: str) -> int:
        return flat(self._tree.read(path, "memory.events")).get("oom_kill", 0)
