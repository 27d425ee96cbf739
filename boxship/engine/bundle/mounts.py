"""What is mounted into a container, in order: the kernel's file systems, then what user and engine bring."""

from collections.abc import Iterable, Sequence
from typing import Any

from boxship.base.errors import Invalid
from boxship.engine.bundle import security
from boxship.engine.bundle.namespaces import cgroup_mode
from boxship.engine.bundle.process import INIT, runs_init
from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts, Surroundings
from boxship.model.status import Container, MountPoint

Mount = dict[str, Any]

SHM_SIZE = 64 << 20
NO_SURPRISES = ("nosuid", "noexec", "nodev")
PROPAGATIONS = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
_ALWAYS_WRITABLE = ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
_OPPOSITES = {
    **{name: f"no{name}" for name in ("exec", "suid", "dev", "atime", "diratime", "relatime")},
    "rw": "ro",
    "async": "sync",
}
_OPPOSITES |= {value: name for name, value in _OPPOSITES.items()}


def mounts(container: Container, host: HostFacts, around: Surroundings) -> list[Mount]:
    """Return OCI `mounts`. Raises Invalid when a mount must be read-only to its depth and cannot."""
    spec = container.spec.host
    brought = [*_brought(container, host), *_temporary(container), *_engine_files(container, around)]
    taken = {mount["destination"] for mount in brought}
    own = [m for m in _kernel(spec, host, around) if not _hidden(m["destination"], taken)]
    if spec.readonly_rootfs:
        own = [m if m["destination"] in _ALWAYS_WRITABLE else _read_only(m) for m in own]
    return own + sorted(brought, key=lambda m: len(m["destination"].strip("/").split("/")))


def propagation(points: Iterable[MountPoint]) -> str:
    """Return `linux.rootfsPropagation` that lets the mounts' own propagation through; "" when none needs it."""
    wanted = {point.propagation.removeprefix("r") for point in points}
    if "shared" in wanted:
        return "shared"
    return "rslave" if "slave" in wanted else ""


def tmpfs_options(user: Sequence[str], base: Sequence[str] = NO_SURPRISES) -> list[str]:
    """Return `base` and then the user's options; a later opposite (`exec` after `noexec`) replaces the former."""
    options = list(base)
    for option in user:
        name = option.partition("=")[0]
        options = [o for o in options if o.partition("=")[0] not in (name, _OPPOSITES.get(name))]
        options.append(option)
    return options


def _kernel(spec: HostSpec, host: HostFacts, around: Surroundings) -> list[Mount]:
    asked = security.writable_cgroups(spec)
    writable_cgroups = spec.privileged if asked is None else asked
    built = [
        _mount("/proc", "proc", "proc", NO_SURPRISES),
        _mount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        _mount(
            "/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
        ),
        _sysfs(spec),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", (*NO_SURPRISES, "rw" if writable_cgroups else "ro")),
        _mount("/dev/mqueue", "mqueue", "mqueue", NO_SURPRISES),
    ]
    if cgroup_mode(spec, around, host) == "private":
        built[4]["options"].append("relatime")
    shm = _shm(spec, around)
    return [*built, shm] if shm else built


def _sysfs(spec: HostSpec) -> Mount:
    return _mount("/sys", "sysfs", "sysfs", (*NO_SURPRISES, "rw" if spec.privileged else "ro"))


def _shm(spec: HostSpec, around: Surroundings) -> Mount | None:
    """/dev/shm: none at all, one that is shared with others, or one of its own."""
    mode = spec.ipc_mode or around.ipc
    if mode == "none":
        return None
    source = around.shm or ("/dev/shm" if mode == "host" else "")
    if source:
        return _mount("/dev/shm", "bind", source, ("rbind", "rprivate"))
    size = spec.shm_size or SHM_SIZE
    return _mount("/dev/shm", "tmpfs", "shm", (*NO_SURPRISES, "mode=1777", f"size={size}"))


def _brought(container: Container, host: HostFacts) -> list[Mount]:
    return [brought(point, host) for point in container.mounts]


def brought(point: MountPoint, host: HostFacts) -> Mount:
    """Return one of the container's mount points as OCI mount. Raises Invalid as `mounts` does."""
    return _tmpfs(point) if point.type == "tmpfs" else _bind(point, host)


def _temporary(container: Container) -> list[Mount]:
    """`--tmpfs`, which Docker does not count among the container's mount points."""
    known = {point.destination for point in container.mounts}
    return [
        _mount(target, "tmpfs", "tmpfs", tmpfs_options([o for o in text.split(",") if o]))
        for target, text in (container.spec.host.tmpfs or {}).items()
        if target not in known
    ]


def _tmpfs(point: MountPoint) -> Mount:
    options = tmpfs_options(point.options)
    if not point.rw and "ro" not in options:
        options.append("ro")
    return _mount(point.destination, "tmpfs", "tmpfs", options)


def _bind(point: MountPoint, host: HostFacts) -> Mount:
    spread = point.propagation if point.propagation in PROPAGATIONS else "rprivate"
    if not point.recursive:  # of one mount both mean the same, but crun takes "rprivate" for a wish for all below
        spread = spread.removeprefix("r")
    options = ["rbind" if point.recursive else "bind", spread]
    if not point.rw:
        options.append(_how_read_only(point, host))
    return _mount(point.destination, "bind", point.source, options)


def _how_read_only(point: MountPoint, host: HostFacts) -> str:
    """`rro` reaches mounts below the source too; Docker falls back to `ro` unless the user forced it."""
    if point.read_only_recursive == "disabled" or not point.recursive:
        return "ro"
    if host.recursive_read_only:
        return "rro"
    if point.read_only_recursive == "forced":
        raise Invalid(
            f"mount {point.destination}: a recursive read-only mount was forced, and this kernel or runtime cannot"
        )
    return "ro"


def _engine_files(container: Container, around: Surroundings) -> list[Mount]:
    """Host name, hosts and resolver files unless the user brought their own; and the init program."""
    taken = {point.destination for point in container.mounts}
    access = "ro" if container.spec.host.readonly_rootfs else "rw"
    return [
        _mount(target, "bind", source, ("rbind", "rprivate", access))
        for target, source in around.files.items()
        if target not in taken
    ]


def init_mount(container: Container, host: HostFacts, around: Surroundings) -> list[Mount]:
    """The init program, when one runs. Raises Invalid when the host has none."""
    if not runs_init(container.spec.host, around):
        return []
    if not host.init_path:
        raise Invalid("--init: this host has no static init program (docker-init, tini-static or catatonit)")
    return [_mount(INIT, "bind", host.init_path, ("bind", "ro"))]


def _hidden(destination: str, taken: set[str]) -> bool:
    """True when the user mounts here, or mounts all of /dev."""
    return destination in taken or ("/dev" in taken and destination.startswith("/dev/"))


def _read_only(mount: Mount) -> Mount:
    return {**mount, "options": [*(o for o in mount["options"] if o not in ("rw", "ro")), "ro"]}


def _mount(destination: str, kind: str, source: str, options: Iterable[str]) -> Mount:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}
