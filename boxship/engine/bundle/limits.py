"""Resource limits: HostSpec to OCI `linux.resources`. What the host cannot enforce is left out, with a warning."""

from collections.abc import Mapping
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import parse_size
from boxship.engine.bundle.devices import rules
from boxship.engine.check_limits import numbers
from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts, Surroundings

CFS_PERIOD = 100_000  # microseconds; what --cpus is a share of
HUGEPAGES = "boxship.hugepages."  # annotation: boxship.hugepages.2MB=64m
_DISCARDED = " or the cgroup is not mounted. Limitation discarded."

_THROTTLES = (
    ("blkio_device_read_bps", "throttleReadBpsDevice", "BPS Block I/O read limit", "Block I/O BPS read limit"),
    ("blkio_device_write_bps", "throttleWriteBpsDevice", "BPS Block I/O write limit", "Block I/O BPS write limit"),
    ("blkio_device_read_iops", "throttleReadIOPSDevice", "IOPS Block read limit", "Block I/O IOPS read limit"),
    ("blkio_device_write_iops", "throttleWriteIOPSDevice", "IOPS Block write limit", "Block I/O IOPS write limit"),
)

Block = Mapping[str, tuple[int, int]]


class _Draft:
    """Limits so far; a limit goes in only when the host has the control for it."""

    def __init__(self, host: HostFacts) -> None:
        self.host = host
        self.built: dict[str, Any] = {}
        self.warnings: list[str] = []

    def can(self, control: str, asked: object, warning: str) -> bool:
        """True when something was asked and can be enforced; else the warning is kept if something was asked."""
        if not asked:
            return False
        if control not in self.host.controls:
            self.warnings.append(warning)
            return False
        return True

    def put(self, part: str, **values: Any) -> None:
        self.built.setdefault(part, {}).update(values)


def resources(spec: HostSpec, host: HostFacts, block: Block | None = None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return limits in OCI's form, without devices, and a warning for each that was left out.

    block: (major, minor) of devices named in block I/O options; those missing here are left out in silence.
    Source: OCI runtime-spec config-linux.md; dockerd's rules for what follows from what.
    """
    draft = _Draft(host)
    _memory(spec, draft)
    _cpu(spec, draft)
    _pids(spec, draft)
    _block_io(spec, block or {}, draft)
    _huge_pages(spec, draft)
    return draft.built, tuple(draft.warnings)


def all_resources(spec: HostSpec, host: HostFacts, around: Surroundings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return `resources` and the device rules of a new container."""
    built, warnings = resources(spec, host, around.block)
    return {**built, "devices": rules(spec, around)}, warnings


def _memory(spec: HostSpec, draft: _Draft) -> None:
    no_memory = "Your kernel does not support memory limit capabilities" + _DISCARDED
    if draft.can("memory", spec.memory > 0, no_memory):
        draft.put("memory", limit=spec.memory)
        _swap(spec, draft)
    soft = "Your kernel does not support memory soft limit capabilities" + _DISCARDED
    if draft.can("memory_reservation", spec.memory_reservation > 0, soft):
        draft.put("memory", reservation=spec.memory_reservation)
    kernel = "Your kernel does not support kernel memory TCP limit capabilities" + _DISCARDED
    if draft.can("kernel_memory_tcp", spec.kernel_memory_tcp > 0, kernel):
        draft.put("memory", kernelTCP=spec.kernel_memory_tcp)
    _swappiness(spec, draft)
    _oom(spec, draft)


def _swap(spec: HostSpec, draft: _Draft) -> None:
    """Memory and swap together; as much swap as memory when the user does not say."""
    total = spec.memory_swap or spec.memory * 2
    no_swap = (
        "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
        "Memory limited without swap."
    )
    asked_or_silent = spec.memory_swap != 0 or draft.host.controls >= {"swap"}
    if draft.can("swap", asked_or_silent, no_swap):
        draft.put("memory", swap=total)


def _swappiness(spec: HostSpec, draft: _Draft) -> None:
    asked = spec.memory_swappiness is not None and spec.memory_swappiness != -1
    warning = (
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. "
        "Memory swappiness discarded."
    )
    if draft.can("swappiness", asked, warning):
        draft.put("memory", swappiness=spec.memory_swappiness)


def _oom(spec: HostSpec, draft: _Draft) -> None:
    warning = "Your kernel does not support OomKillDisable. OomKillDisable discarded."
    if not draft.can("oom_kill_disable", spec.oom_kill_disable, warning):
        return
    draft.put("memory", disableOOMKiller=True)
    if spec.memory == 0:
        draft.warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system "
            "running out of resources."
        )


def _cpu(spec: HostSpec, draft: _Draft) -> None:
    shares = "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded."
    if draft.can("cpu_shares", spec.cpu_shares > 0, shares):
        draft.put("cpu", shares=spec.cpu_shares)
    if spec.nano_cpus > 0 and not draft.can("cpu_cfs", True, ""):
        raise Invalid(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
        )
    period, quota = _cfs(spec)
    cfs = "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."
    if draft.can("cpu_cfs", period or quota, cfs):
        draft.put("cpu", **{name: value for name, value in (("period", period), ("quota", quota)) if value})
    realtime = {"realtimePeriod": spec.cpu_realtime_period, "realtimeRuntime": spec.cpu_realtime_runtime}
    no_realtime = "Your kernel does not support CPU real-time scheduler. CPU real-time period/runtime discarded."
    if draft.can("cpu_realtime", any(realtime.values()), no_realtime):
        draft.put("cpu", **{name: value for name, value in realtime.items() if value})
    if spec.cpuset_mems and not numbers(spec.cpuset_mems, "mems") <= numbers(draft.host.memory_nodes, "mems"):
        raise Invalid(
            f"Requested memory nodes are not available - requested {spec.cpuset_mems}, available: "
            f"{draft.host.memory_nodes}"
        )
    sets = {"cpus": spec.cpuset_cpus, "mems": spec.cpuset_mems}
    no_sets = "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded."
    if draft.can("cpuset", any(sets.values()), no_sets):
        draft.put("cpu", **{name: value for name, value in sets.items() if value})


def _cfs(spec: HostSpec) -> tuple[int, int]:
    """Return period and quota in microseconds; nano_cpus are billionths of a processor."""
    if spec.nano_cpus > 0:
        return CFS_PERIOD, spec.nano_cpus * CFS_PERIOD // 1_000_000_000
    return spec.cpu_period, spec.cpu_quota


def _pids(spec: HostSpec, draft: _Draft) -> None:
    warning = "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."
    if spec.pids_limit and draft.can("pids", True, warning):
        draft.put("pids", limit=max(spec.pids_limit, -1))


def _block_io(spec: HostSpec, block: Block, draft: _Draft) -> None:
    weight = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."
    if draft.can("blkio_weight", spec.blkio_weight > 0, weight):
        draft.put("blockIO", weight=spec.blkio_weight)
    devices = (
        "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded."
    )
    if draft.can("blkio_weight_device", spec.blkio_weight_device, devices):
        weights = [(d.path, {"weight": d.weight}) for d in spec.blkio_weight_device or ()]
        draft.put("blockIO", weightDevice=_numbered(weights, block))
    for field, name, control, discarded in _THROTTLES:
        asked = getattr(spec, field) or ()
        text = f"Your kernel does not support {control} or the cgroup is not mounted. {discarded} discarded."
        if draft.can("blkio_throttle", asked, text):
            draft.put("blockIO", **{name: _numbered([(d.path, {"rate": d.rate}) for d in asked], block)})


def _numbered(asked: list[tuple[str, dict[str, int]]], block: Block) -> list[dict[str, int]]:
    return [{"major": block[path][0], "minor": block[path][1], **value} for path, value in asked if path in block]


def _huge_pages(spec: HostSpec, draft: _Draft) -> None:
    """Docker has no field for huge pages; we read annotations."""
    asked = {k.removeprefix(HUGEPAGES): v for k, v in (spec.annotations or {}).items() if k.startswith(HUGEPAGES)}
    warning = "Your kernel does not support huge page limits or the cgroup is not mounted. Huge page limit discarded."
    if draft.can("hugetlb", asked, warning):
        limits = [{"pageSize": size, "limit": parse_size(text)} for size, text in sorted(asked.items())]
        draft.built["hugepageLimits"] = limits
