"""Control groups of the first version, one hierarchy per controller; hybrid hosts have an empty second one beside."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

from boxship.base.errors import NotFound
from boxship.host.api.cgroups import BlockEntry, BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats
from boxship.host.cgroups import leftovers, parse
from boxship.host.cgroups.directories import Hierarchy
from boxship.host.cgroups.freezer import Freezer
from boxship.host.cgroups.leftovers import Resources
from boxship.host.cgroups.parse import Layout, flat, limit, number

TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # nanoseconds
KILL_ROUNDS = 50
# Where limits show: control -> controller and file; a group that is not the root has all of them.
_CONTROLS = {
    "memory": ("memory", "memory.limit_in_bytes"),
    "swap": ("memory", "memory.memsw.limit_in_bytes"),
    "memory_reservation": ("memory", "memory.soft_limit_in_bytes"),
    "oom_kill_disable": ("memory", "memory.oom_control"),
    "swappiness": ("memory", "memory.swappiness"),
    "kernel_memory_tcp": ("memory", "memory.kmem.tcp.limit_in_bytes"),
    "cpu_shares": ("cpu", "cpu.shares"),
    "cpu_cfs": ("cpu", "cpu.cfs_quota_us"),
    "cpu_realtime": ("cpu", "cpu.rt_runtime_us"),
    "cpuset": ("cpuset", "cpuset.cpus"),
    "pids": ("pids", "pids.max"),
    "blkio_throttle": ("blkio", "blkio.throttle.read_bps_device"),
    "devices": ("devices", "devices.allow"),
    "hugetlb": ("hugetlb", "cgroup.procs"),
}
_WEIGHTS = {"blkio_weight": "weight", "blkio_weight_device": "weightDevice"}


class V1:
    """The Protocol Cgroups."""

    version = 1

    def __init__(self, layout: Layout) -> None:
        self._controllers = {name: Hierarchy(root) for name, root in layout.v1.items()}
        self._trees = {h.root: h for h in self._controllers.values()}
        if layout.unified:
            self._trees[layout.unified] = Hierarchy(layout.unified)
        self._processes = next(
            self._controllers[n] for n in (*_PREFERRED, *self._controllers) if n in self._controllers
        )
        self._freezer = self._find_freezer(layout)
        self._bfq_only = False
        self.controls = self._probe()

    def _find_freezer(self, layout: Layout) -> Freezer | None:
        if "freezer" in self._controllers:
            return Freezer(self._controllers["freezer"], unified=False)
        return Freezer(self._trees[layout.unified], unified=True) if layout.unified else None

    def _probe(self) -> frozenset[str]:
        """Some files are in every group but the root, so look into one that is made for it."""
        probe = f"/boxship-probe-{os.getpid()}"
        self.create(probe)
        try:
            found = {name for name, (controller, file) in _CONTROLS.items() if self._has(controller, probe, file)}
            for name, file in _WEIGHTS.items():
                if self._has("blkio", probe, leftovers.WEIGHTS[file]):
                    found.add(name)
                elif self._has("blkio", probe, leftovers.BFQ_WEIGHTS[file]):
                    found.add(name)
                    self._bfq_only = True
        finally:
            self.remove(probe)
        return frozenset(found)

    def _has(self, controller: str, path: str, file: str) -> bool:
        return controller in self._controllers and self._controllers[controller].has(path, file)

    # groups

    def create(self, path: str) -> None:
        cpuset = self._controllers.get("cpuset")
        for tree in self._trees.values():
            for group in tree.create(path):
                if tree is cpuset or (cpuset and tree.root == cpuset.root):
                    _inherit_cpuset(cpuset, group)

    def remove(self, path: str) -> None:
        if "cpu" in self._controllers:
            leftovers.give_back_real_time(self._controllers["cpu"], path)
        for tree in self._trees.values():
            tree.remove(path)

    def exists(self, path: str) -> bool:
        return any(tree.exists(path) for tree in self._trees.values())

    def below(self, path: str) -> Iterator[str]:
        yield from sorted({name for tree in self._trees.values() for name in tree.below(path)})

    def pids(self, path: str) -> tuple[int, ...]:
        return self._processes.pids(path)

    def add(self, path: str, pid: int) -> None:
        for tree in self._trees.values():
            tree.write(path, "cgroup.procs", str(pid))

    # limits that runtimes leave to us

    def admit(self, path: str, resources: Resources) -> Resources:
        if "cpu" in self._controllers:
            leftovers.make_real_time(self._controllers["cpu"], path, resources)
        return leftovers.without_weights(resources) if self._bfq_only else resources

    def complete(self, path: str, resources: Resources) -> None:
        if self._bfq_only:
            leftovers.set_weights(self._controllers["blkio"], path, resources)

    # life and death

    def kill(self, path: str) -> None:
        """Frozen processes do not die, running ones may fork: freeze, kill, thaw, until nobody is left or all are
        about to go."""
        known: set[int] = set()
        for _ in range(KILL_ROUNDS):
            fresh = set(self.pids(path)) - known
            if not fresh:
                break
            self._ask(path, True)
            for pid in fresh:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            known |= fresh
            time.sleep(0)
        self._ask(path, False)

    def _ask(self, path: str, frozen: bool) -> None:
        if self._freezer is not None:
            for group in self._freezer.groups(path):
                self._freezer.ask(group, frozen)

    async def freeze(self, path: str) -> None:
        await self._require_freezer().freeze(path)

    async def thaw(self, path: str) -> None:
        await self._require_freezer().thaw(path)

    def _require_freezer(self) -> Freezer:
        if self._freezer is None:
            raise NotFound("this host has no freezer cgroup mounted, so containers cannot be paused")
        return self._freezer

    def frozen(self, path: str) -> bool:
        return self._freezer is not None and self._freezer.frozen(path)

    # counters

    def stats(self, path: str) -> CgroupStats:
        if not self._processes.exists(path):
            raise NotFound(f"no cgroup {path}")
        return CgroupStats(
            cpu=self._cpu(path), memory=self._memory(path), pids=self._pids_stats(path), block=self._block(path)
        )

    def _read(self, controller: str, path: str, file: str) -> str:
        tree = self._controllers.get(controller)
        return tree.read(path, file) if tree is not None else ""

    def _cpu(self, path: str) -> CpuStats:
        parts = flat(self._read("cpuacct", path, "cpuacct.stat"))
        throttling = flat(self._read("cpu", path, "cpu.stat"))
        return CpuStats(
            total=number(self._read("cpuacct", path, "cpuacct.usage")),
            user=parts.get("user", 0) * TICK,
            system=parts.get("system", 0) * TICK,
            per_cpu=tuple(map(int, self._read("cpuacct", path, "cpuacct.usage_percpu").split())),
            periods=throttling.get("nr_periods", 0),
            throttled_periods=throttling.get("nr_throttled", 0),
            throttled=throttling.get("throttled_time", 0),
        )

    def _memory(self, path: str) -> MemoryStats | None:
        if "memory" not in self._controllers:
            return None
        return MemoryStats(
            usage=number(self._read("memory", path, "memory.usage_in_bytes")),
            limit=limit(self._read("memory", path, "memory.limit_in_bytes")),
            peak=number(self._read("memory", path, "memory.max_usage_in_bytes")),
            failures=number(self._read("memory", path, "memory.failcnt")),
            details=flat(self._read("memory", path, "memory.stat")),
            oom_kills=self.oom_kills(path),
        )

    def _pids_stats(self, path: str) -> PidsStats | None:
        if "pids" not in self._controllers:
            return None
        return PidsStats(
            current=number(self._read("pids", path, "pids.current")), limit=limit(self._read("pids", path, "pids.max"))
        )

    def _block(self, path: str) -> BlockStats:
        def entries(what: str) -> tuple[BlockEntry, ...]:
            by_scheduler = parse.block_v1(self._read("blkio", path, f"blkio.bfq.{what}_recursive"))
            return by_scheduler or parse.block_v1(self._read("blkio", path, f"blkio.throttle.{what}_recursive"))

        return BlockStats(bytes=entries("io_service_bytes"), requests=entries("io_serviced"))

    def oom_kills(self, path: str) -> int:
        return flat(self._read("memory", path, "memory.oom_control")).get("oom_kill", 0)


_PREFERRED = ("pids", "freezer", "devices", "memory", "name=systemd")


def _inherit_cpuset(tree: Hierarchy, group: str) -> None:
    """A new cpuset is empty, and takes no process before it has CPUs and memory nodes."""
    above = group.rpartition("/")[0]
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not tree.read(group, file).strip():
            tree.write(group, file, tree.read(above, file).strip())
