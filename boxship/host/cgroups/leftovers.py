"""Limits in the first version's hierarchies that runtimes leave to us: weights of the bfq scheduler, which are in files
of its own, and real time, of which all groups above must have enough before one below can have some."""

import errno
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from boxship.base.errors import KernelError, Unsupported
from boxship.host.cgroups.directories import Hierarchy
from boxship.host.cgroups.parse import number

Resources = Mapping[str, Any]  # OCI's linux.resources

WEIGHTS = {"weight": "blkio.weight", "weightDevice": "blkio.weight_device"}
BFQ_WEIGHTS = {"weight": "blkio.bfq.weight", "weightDevice": "blkio.bfq.weight_device"}
RUNTIME, PERIOD = "cpu.rt_runtime_us", "cpu.rt_period_us"
SECOND = 1_000_000  # microseconds


def without_weights(resources: Resources) -> Resources:
    """Return what is left for the runtime where only bfq keeps weights."""
    block = resources.get("blockIO") or {}
    if not WEIGHTS.keys() & block.keys():
        return resources
    return {**resources, "blockIO": {name: value for name, value in block.items() if name not in WEIGHTS}}


def set_weights(tree: Hierarchy, path: str, resources: Resources) -> None:
    """Raises Unsupported for a device whose scheduler keeps no weights."""
    block = resources.get("blockIO") or {}
    if "weight" in block:
        tree.write(path, BFQ_WEIGHTS["weight"], str(block["weight"]))
    for device in block.get("weightDevice") or ():
        numbers = f"{device['major']}:{device['minor']}"
        try:
            tree.write(path, BFQ_WEIGHTS["weightDevice"], f"{numbers} {device['weight']}")
        except KernelError as e:
            if e.code != errno.EOPNOTSUPP:
                raise
            raise Unsupported(
                f"BlkioWeightDevice: the I/O scheduler of device {numbers} keeps no weights "
                f"(want bfq in /sys/dev/block/{numbers}/queue/scheduler)"
            ) from e


def make_real_time(tree: Hierarchy, path: str, resources: Resources) -> None:
    """Give the groups above `path` what it asks for on top of what those beside it have. Raises Unsupported when the
    host has no more to give."""
    cpu = resources.get("cpu") or {}
    if not cpu.get("realtimeRuntime"):
        return
    share = _ceil(cpu["realtimeRuntime"] * SECOND, cpu.get("realtimePeriod") or SECOND)
    wanted = []
    group = path.rstrip("/")
    while above := group.rpartition("/")[0]:
        share = max(_share(tree, above), share + sum(_share(tree, g) for g in _beside(tree, group)))
        wanted.append((above, share))
        group = above
    for above, share in reversed(wanted):
        _give(tree, above, share)


def give_back_real_time(tree: Hierarchy, path: str) -> None:
    """Let the groups above a group that is about to go keep only what those beside it have."""
    if not number(tree.read(path, RUNTIME)):
        return
    with suppress(KernelError):  # somebody else's group may have taken some meanwhile: then it stays
        tree.write(path, RUNTIME, "0")
        above = path.rstrip("/").rpartition("/")[0]
        while above:
            share = sum(_share(tree, f"{above}/{name}") for name in tree.below(above))
            period = number(tree.read(above, PERIOD)) or SECOND
            tree.write(above, RUNTIME, str(_ceil(share * period, SECOND)))
            above = above.rpartition("/")[0]


def _beside(tree: Hierarchy, group: str) -> list[str]:
    above = group.rpartition("/")[0]
    return [sibling for name in tree.below(above) if (sibling := f"{above}/{name}") != group]


def _share(tree: Hierarchy, group: str) -> int:
    """Microseconds of each second."""
    return _ceil(number(tree.read(group, RUNTIME)) * SECOND, number(tree.read(group, PERIOD)) or SECOND)


def _ceil(value: int, by: int) -> int:
    return -(-value // by)


def _give(tree: Hierarchy, group: str, share: int) -> None:
    if share <= _share(tree, group):
        return
    for _ in tree.create(group):
        pass
    period = number(tree.read(group, PERIOD)) or SECOND
    try:
        tree.write(group, RUNTIME, str(_ceil(share * period, SECOND)))
    except KernelError as e:
        if e.code != errno.EINVAL:
            raise
        raise Unsupported(
            f"CpuRealtimeRuntime: this host has less than {share / SECOND:.0%} of its time left for real-time processes"
        ) from e
