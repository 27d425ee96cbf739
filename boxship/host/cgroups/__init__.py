"""Control groups of this host, whichever version it has."""

from boxship.base.errors import KernelError, Unsupported
from boxship.host import syscalls
from boxship.host.api.cgroups import BlockEntry, BlockStats, Cgroups, CgroupStats, CpuStats, MemoryStats, PidsStats
from boxship.host.cgroups.parse import Layout, layout
from boxship.host.cgroups.v1 import V1
from boxship.host.cgroups.v2 import V2

__all__ = [
    "BlockEntry",
    "BlockStats",
    "CgroupStats",
    "Cgroups",
    "CpuStats",
    "MemoryStats",
    "PidsStats",
    "detect",
    "favordynmods",
]
# Controllers that make a host one of the first version.
_LIMITING = frozenset({"memory", "cpu", "cpuset", "pids", "blkio", "freezer", "devices"})


def mounted() -> Layout:
    with open("/proc/self/mountinfo", errors="replace") as file:
        return layout(file.read())


def detect() -> Cgroups:
    """Raises Unsupported when the host has no control groups mounted at all."""
    found = mounted()
    if _LIMITING & found.v1.keys():
        return V1(found)
    if found.unified:
        return V2(found)
    raise Unsupported("no control groups are mounted on this host (want cgroup2 at /sys/fs/cgroup)")


def favordynmods() -> str:
    """Let processes enter groups without waiting for a grace period of the kernel, 7 to 20 ms at each start.

    The second version's tree has the switch, but it rules all hierarchies. It stays on after us. Returns "" when it is
    in force, else the reason why not.
    """
    found = mounted()
    if not found.unified:
        return "no cgroup2 tree is mounted"
    if "favordynmods" in found.options:
        return ""
    kept = [word for word in found.options if word not in ("rw", "ro")]
    try:
        syscalls.mount(None, found.unified, None, syscalls.MS_REMOUNT, ",".join([*kept, "favordynmods"]))
    except KernelError as e:
        return str(e)
    return "" if "favordynmods" in mounted().options else "the kernel does not know it (Linux 6.0 does)"
