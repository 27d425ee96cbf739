"""What an OCI bundle is made from besides the container's own record: facts of the host and of its surroundings."""

from typing import Any

import msgspec

from boxship.base.facts import CONTROLS, DeviceNode, HostFacts, Identity, IdMap
from boxship.model.container import Ulimit

__all__ = ["CONTROLS", "Bundle", "DeviceNode", "HostFacts", "IdMap", "Identity", "Surroundings"]


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
    uid_map, gid_map: of the user namespace; () runs in the host's.
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
