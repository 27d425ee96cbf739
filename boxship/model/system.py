"""What is told of a node as a whole: its machine, its settings, how much it holds, what that takes on disk."""

import msgspec

from boxship.model.image import Image
from boxship.model.status import Container
from boxship.model.volume import Volume


class RuntimeFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One OCI runtime that works here. path: its program; version: as it says itself."""

    path: str
    version: str = ""
    arguments: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is true of the daemon and its machine, settled at start and after a reload.

    id: of the installation, kept in the data root.  memory: bytes.  architecture: as `uname -m` says.
    cgroup_version: 1 or 2.  limits: those this kernel can set, names of model.runtime.CONTROLS.
    driver_status: pairs to show of the storage driver.
    address_pools: (base, size) of networks to come.  monitor: version of conmon.
    """

    id: str = ""
    name: str = ""
    version: str = ""
    commit: str = ""
    python: str = ""
    built: str = ""
    kernel: str = ""
    os: str = ""
    os_version: str = ""
    architecture: str = "x86_64"
    cpus: int = 0
    memory: int = 0
    labels: tuple[str, ...] = ()
    debug: bool = False
    ipv4_forwarding: bool = True
    bridge_filter_ipv4: bool = False
    bridge_filter_ipv6: bool = False
    cgroup_driver: str = "cgroupfs"
    cgroup_version: int = 1
    limits: frozenset[str] = frozenset()
    security_options: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    runtimes: dict[str, RuntimeFacts] = {}
    default_runtime: str = ""
    log_driver: str = "json-file"
    data_root: str = ""
    monitor: str = ""
    driver_status: tuple[tuple[str, str], ...] = ()
    log_drivers: tuple[str, ...] = ("journald", "json-file", "local", "none", "syslog")
    network_drivers: tuple[str, ...] = ("bridge", "host", "ipvlan", "macvlan", "null")
    volume_drivers: tuple[str, ...] = ("local",)
    address_pools: tuple[tuple[str, int], ...] = ()
    insecure_registries: tuple[str, ...] = ("::1/128", "127.0.0.0/8")
    registry_mirrors: tuple[str, ...] = ()
    cdi_dirs: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    proxies: tuple[str, str, str] = ("", "", "")  # http, https, no proxy
    init_binary: str = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many there are. paused ones are not counted as running."""

    running: int = 0
    paused: int = 0
    stopped: int = 0
    images: int = 0
    listeners: int = 0

    @property
    def containers(self) -> int:
        return self.running + self.paused + self.stopped


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What things take on disk, in bytes; None for a kind that was not asked for.

    images:     with the bytes it shares with other images, and how many containers use it.
    containers: with the bytes of the writable layer and of everything in sight.
    volumes:    with the bytes in it and how many containers use it.
    layers:     bytes of all layers, each counted once.
    """

    layers: int = 0
    images: tuple[tuple[Image, int, int], ...] | None = None
    containers: tuple[tuple[Container, int, int], ...] | None = None
    volumes: tuple[tuple[Volume, int, int], ...] | None = None
