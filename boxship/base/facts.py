"""What the ground tells of a host and the engine reasons about: words that both floors need and neither owns."""

import msgspec


class HostFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What this host can do; read once at the daemon's start.

    capabilities:  bounding set, "CAP_CHOWN" and so on.
    kernel:        (major, minor).  architecture: as `uname -m`.
    memory_nodes:  NUMA nodes that have memory, as a list: "0-1".
    unified:       one cgroup v2 tree rules all controllers.
    controls:      limits that can be enforced, names of CONTROLS.
    hard_limits:   the daemon's own hard limits by ulimit name ("nofile"); -1 is unlimited, absent is unknown.
    oom_score_adj: the daemon's own.
    init_path:     a static init program, "" when the host has none.
    recursive_read_only: kernel and runtime can make whole mount trees read-only.
    """

    capabilities: tuple[str, ...] = ()
    kernel: tuple[int, int] = (6, 1)
    architecture: str = "x86_64"
    cpus: int = 1
    memory_nodes: str = "0"
    unified: bool = True
    controls: frozenset[str] = frozenset()
    hard_limits: dict[str, int] = {}
    oom_score_adj: int = 0
    init_path: str = ""
    recursive_read_only: bool = True
    apparmor: bool = False
    selinux: bool = False


# What HostFacts.controls may hold.
CONTROLS = frozenset(
    {
        "memory",
        "swap",
        "memory_reservation",
        "oom_kill_disable",
        "swappiness",
        "kernel_memory_tcp",
        "cpu_shares",
        "cpu_cfs",
        "cpu_realtime",
        "cpuset",
        "pids",
        "blkio_weight",
        "blkio_weight_device",
        "blkio_throttle",
        "hugetlb",
        "devices",
    }
)


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user as looked up in the container's own /etc/passwd and /etc/group."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


class DeviceNode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device of the host. kind: "c" or "b"; mode: permission bits; path: on the host."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0


class IdMap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`size` ids from `container` on are `host` and following on the host."""

    container: int
    host: int
    size: int
