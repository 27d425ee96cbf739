"""What is seen of a container, and the record that ties wish and observation together."""

import enum

import msgspec

from boxship.model.container import ContainerSpec
from boxship.model.network import EndpointStatus


class State(enum.StrEnum):
    """Docker's words. CREATED also stands for a container whose first start failed."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    REMOVING = "removing"
    DEAD = "dead"


class Desired(enum.StrEnum):
    """What the user wants of a container. Written by requests; an exit that no restart policy answers
    turns RUNNING into STOPPED (or REMOVED with auto_remove), since the one run that was asked for is over."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    REMOVED = "removed"


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the desired state is to be reached. Stored with it, so that a crash forgets nothing; empty once reached.

    signal:    number to stop with; 0 is the container's own stop signal.
    signalled: when that signal was sent, nanoseconds since 1970; 0 is not yet.
    grace:     seconds between it and KILL; None is the container's own, -1 is for ever.
    restart:   stop what runs, then run again.
    volumes:   a removal takes the anonymous volumes along.
    """

    signal: int = 0
    signalled: int = 0
    grace: int | None = None
    restart: bool = False
    volumes: bool = False


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One health probe; start and end in nanoseconds since 1970; output cut to 4096 bytes."""

    start: int
    end: int
    exit_code: int
    output: str


class HealthStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """status: starting, healthy, unhealthy. log: the last five probes, oldest first."""

    status: str = "starting"
    failing_streak: int = 0
    log: tuple[ProbeResult, ...] = ()


class MountPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mount of a container as resolved at creation: Docker's MountPoint.

    type: bind, volume, tmpfs, image.  name: of the volume.  source: path on the host ("" for tmpfs).
    mode: the options as the user wrote them, "ro,z".  anonymous: the volume was named by us.
    options: what the mount needs beyond, for tmpfs its mount options.
    id_map: how owners are translated, as the user wrote it (engine/volumes/idmaps.py); "" is not at all.
    place: where the host has it for this container alone, when the source itself is not what is mounted.
    added: to a running container; the runtime was not told of it.
    """

    type: str
    destination: str
    source: str = ""
    name: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = True
    propagation: str = ""
    anonymous: bool = False
    no_copy: bool = False
    subpath: str = ""
    recursive: bool = True
    read_only_recursive: str = ""  # "" as far as the kernel can, "disabled", "forced"
    create_source: bool = False
    options: tuple[str, ...] = ()
    id_map: str = ""
    place: str = ""
    added: bool = False


class ContainerStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Observed; written by the engine only. Times are nanoseconds since 1970, 0 is never.

    pid:           of the first process in the host's pid namespace; 0 unless running.
    conmon_pid:    of the monitor.
    restart_count: restarts by policy since the user's last start.
    restart_at:    while RESTARTING: when the next start is due.
    restart_delay: the back-off used last, nanoseconds.
    ports:         published ports in force: "80/tcp" -> ((host address, host port), …).
    """

    state: State = State.CREATED
    pid: int = 0
    conmon_pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: int = 0
    finished_at: int = 0
    restart_count: int = 0
    restart_at: int = 0
    restart_delay: int = 0
    has_started: bool = False
    stopped_by_user: bool = False
    health: HealthStatus | None = None
    networks: dict[str, EndpointStatus] = {}
    ports: dict[str, tuple[tuple[str, int], ...]] = {}


class Container(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One container: wish, observation and what was settled at creation.

    id:       64 hex digits.  name: without the leading slash.  created: nanoseconds since 1970.
    image_id: "sha256:…".  group: id of the group whose network namespace it lives in; its own id unless joined.
    mounts:   resolved mount points.  path/args: what is executed, entry point and command together.
    """

    id: str
    name: str
    created: int
    image_id: str
    group: str
    spec: ContainerSpec
    desired: Desired = Desired.STOPPED
    wish: Wish = Wish()
    status: ContainerStatus = ContainerStatus()
    mounts: tuple[MountPoint, ...] = ()
    path: str = ""
    args: tuple[str, ...] = ()
    driver: str = "overlay2"
    layers: tuple[str, ...] = ()  # directories of the image's layers, lowest first
    runtime: str = ""
    log_path: str = ""
    platform: str = "linux"
