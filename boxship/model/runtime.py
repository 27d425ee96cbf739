"""What an OCI bundle is made from besides the container's own record: facts of the host and of its surroundings."""

from typing import Any

import msgspec

from boxship.model.container import Ulimit


class HostFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What this host can do; read once at the daemon's start.

    capabilities:  bounding set, "CAP_CHOWN" and so on.
    kernel:        (major, minor).  architecture: as `uname -m`.
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


class Surroundings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was settled for one start of one container.

    rootfs:       mounted root file system.
    cgroup:       path below each hierarchy's root, "/boxship/<id>".
    identity:     who runs the first process; its groups include those of `group_add`.
    netns:        path of the network namespace; "" shares the host's.
    namespaces:   OCI namespace type -> path, for `container:` modes: {"pid": "/proc/7/ns/pid", "ipc": …}.
    hostname:     as the container sees it; also of a joined or host namespace.
    files:        container path -> host path, of hostname, hosts, resolv.conf.
    shm:          host directory for /dev/shm; "" makes a tmpfs of the container's own.
    devices:      path given in spec.host.devices -> the nodes found there (several below a directory).
    block:        path given in a throttle or weight option -> (major, minor).
    host_devices: every device of the host, for --privileged.
    cdi:          parsed CDI specs of the host, later ones win.
    link_env:     variables that links give.
    uid_map:      of the user namespace; () runs in the host's.
    seccomp:      the daemon's own default profile as JSON text; None means the built-in one.
    ulimits, no_new_privileges, init, cgroupns, ipc: the daemon's defaults, for containers that do not say.
    """

    rootfs: str
    cgroup: str
    identity: Identity = Identity()
    netns: str = ""
    namespaces: dict[str, str] = {}
    hostname: str = ""
    files: dict[str, str] = {}
    shm: str = ""
    devices: dict[str, tuple[DeviceNode, ...]] = {}
    block: dict[str, tuple[int, int]] = {}
    host_devices: tuple[DeviceNode, ...] = ()
    cdi: tuple[dict[str, Any], ...] = ()
    link_env: tuple[str, ...] = ()
    uid_map: tuple[IdMap, ...] = ()
    gid_map: tuple[IdMap, ...] = ()
    seccomp: str | None = None
    ulimits: tuple[Ulimit, ...] = ()
    no_new_privileges: bool = False
    init: bool = False
    cgroupns: str = "private"
    ipc: str = "private"


class Bundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """config: OCI config.json.  warnings: what was clamped or left out, one sentence each."""

    config: dict[str, Any]
    warnings: tuple[str, ...] = ()
