"""Counters of a container in Docker's JSON, in the flavour of the host's cgroup version. Pure."""

from collections.abc import Sequence
from typing import Any

from boxship.base.counters import BlockEntry
from boxship.base.units import rfc3339
from boxship.engine.sample import Sample

_BLOCK = (
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
)  # fmt: skip


def render(name: str, container_id: str, now: Sample | None, before: Sample | None) -> dict[str, Any]:
    """Return one message. Without `now` the container does not run: mostly empty; without `before` it is the first."""
    shown: dict[str, Any] = {
        "read": rfc3339(now.time if now else 0),
        "preread": rfc3339(before.time if now and before else 0),
        "pids_stats": _pids(now),
        "blkio_stats": _block(now),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now),
        "precpu_stats": _cpu(before if now else None),
        "memory_stats": _memory(now),
        "name": f"/{name}",
        "id": container_id,
    }
    if now and now.networks:
        shown["networks"] = {interface: _plain(traffic) for interface, traffic in now.networks.items()}
    return shown


def _plain(traffic: Any) -> dict[str, int]:
    return {field: getattr(traffic, field) for field in traffic.__struct_fields__}


def _pids(sample: Sample | None) -> dict[str, int]:
    pids = sample.cgroup.pids if sample else None
    if pids is None:
        return {}
    return {"current": pids.current} | ({"limit": pids.limit} if pids.limit else {})


def _cpu(sample: Sample | None) -> dict[str, Any]:
    if sample is None:
        return {"cpu_usage": _usage(0, 0, 0), "throttling_data": _throttling(0, 0, 0)}
    cpu = sample.cgroup.cpu
    usage = _usage(cpu.total, cpu.system, cpu.user)
    if cpu.per_cpu:
        usage["percpu_usage"] = list(cpu.per_cpu)
    return {
        "cpu_usage": usage,
        "system_cpu_usage": sample.system,
        "online_cpus": sample.cpus,
        "throttling_data": _throttling(cpu.periods, cpu.throttled_periods, cpu.throttled),
    }


def _usage(total: int, kernel: int, user: int) -> dict[str, Any]:
    return {"total_usage": total, "usage_in_kernelmode": kernel, "usage_in_usermode": user}


def _throttling(periods: int, throttled: int, time: int) -> dict[str, int]:
    return {"periods": periods, "throttled_periods": throttled, "throttled_time": time}


def _memory(sample: Sample | None) -> dict[str, Any]:
    memory = sample.cgroup.memory if sample else None
    if sample is None or memory is None:
        return {}
    limit = min(memory.limit or sample.memory_total, sample.memory_total)
    shown = {"usage": memory.usage, "max_usage": memory.peak, "stats": memory.details, "failcnt": memory.failures}
    return {key: value for key, value in {**shown, "limit": limit}.items() if value}


def _block(sample: Sample | None) -> dict[str, Any]:
    """The first version has a list for each, the second one only for bytes; null where there is none."""
    lists: dict[str, list[dict[str, Any]] | None] = dict.fromkeys(_BLOCK)
    if sample is not None:
        block = sample.cgroup.block
        if not sample.cgroup.unified:
            lists = {name: [] for name in _BLOCK}
            lists["io_serviced_recursive"] = _entries(block.requests)
        lists["io_service_bytes_recursive"] = _entries(block.bytes)
    return lists


def _entries(entries: Sequence[BlockEntry]) -> list[dict[str, Any]]:
    return [{"major": e.major, "minor": e.minor, "op": e.operation, "value": e.value} for e in entries]
