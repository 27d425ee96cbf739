"""Settings of the engine, settled at a daemon's start; a reload changes runtimes, their default, and ulimits."""

from dataclasses import dataclass, field
from pathlib import Path

from boxship.model.container import LogSpec, Ulimit


@dataclass(slots=True, kw_only=True)
class EngineOptions:
    """data_root survives a reboot, exec_root does not.

    cgroup_parent:    cgroup below which each container has one of its own, "/boxship".
    runtimes:         name -> program of the OCI runtimes that may be asked for.
    log:              driver and options for containers that name none.
    init:             give containers an init process unless they say otherwise.
    shutdown_timeout: seconds containers get to stop when a daemon is told to stop them.
    boot_id:          of the running kernel: a record from another boot means the machine went down.
    """

    data_root: Path
    exec_root: Path
    cgroup_parent: str = "/boxship"
    default_runtime: str = "crun"
    runtimes: dict[str, str] = field(default_factory=dict)
    default_ulimits: tuple[Ulimit, ...] = ()
    log: LogSpec = field(default_factory=lambda: LogSpec(type="json-file"))
    init: bool = False
    init_path: str = ""
    seccomp_profile: str = ""
    cgroupns_mode: str = "private"
    ipc_mode: str = "private"
    shm_size: int = 64 << 20
    cdi_dirs: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    userns_remap: str = ""
    no_new_privileges: bool = False
    shutdown_timeout: int = 15
    boot_id: str = ""

    def container_dir(self, container_id: str) -> Path:
        return self.data_root / "containers" / container_id

    @property
    def trash(self) -> Path:
        return self.data_root / "trash"
