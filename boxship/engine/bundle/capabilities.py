"""Which Linux capabilities a container gets. Source: capabilities(7) and dockerd's default set."""

from collections.abc import Iterable, Sequence

from boxship.base.errors import Invalid
from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts


def _named(text: str) -> tuple[str, ...]:
    return tuple(f"CAP_{name}" for name in text.split())


# In the kernel's own order (linux/capability.h).
ALL = _named(
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
    "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
    "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
DEFAULT = _named(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE"
)


def check(spec: HostSpec, host: HostFacts) -> None:
    """Raise Invalid, in dockerd's words, for a capability that does not exist or that this host does not have."""
    for option, names in (("CapAdd", spec.cap_add), ("CapDrop", spec.cap_drop)):
        for name in _normal(names or ()):
            if name != "ALL" and name not in ALL:
                raise Invalid(f'invalid {option}: unknown capability: "{name}"')
            if option == "CapAdd" and name != "ALL" and name not in host.capabilities:
                raise Invalid(
                    f"invalid {option}: capability not supported by your kernel or not available in the current "
                    f'environment: "{name}"'
                )


def granted(spec: HostSpec, host: HostFacts) -> tuple[str, ...]:
    """Return the container's capabilities in the kernel's order. The host's bounding set is never exceeded."""
    wanted = set(ALL if spec.privileged else _tweaked(_normal(spec.cap_add or ()), _normal(spec.cap_drop or ())))
    return tuple(name for name in ALL if name in wanted and name in host.capabilities)


def warnings(spec: HostSpec, host: HostFacts) -> tuple[str, ...]:
    """Say which of all capabilities a privileged container must go without."""
    asked_all = spec.privileged or "ALL" in _normal(spec.cap_add or ())
    missing = [name for name in ALL if name not in host.capabilities] if asked_all else []
    if not missing:
        return ()
    return (f"This host withholds {', '.join(missing)} from the daemon: the container runs without.",)


def sets(names: Sequence[str]) -> dict[str, list[str]]:
    """Return OCI `process.capabilities`; nothing is inheritable, so that other users get none by exec."""
    return {kind: list(names) for kind in ("bounding", "effective", "permitted")}


def _tweaked(add: Sequence[str], drop: Sequence[str]) -> set[str]:
    """Docker's rule: a single drop wins over ALL added, a single add over ALL dropped."""
    if "ALL" in add:
        return set(ALL) - set(drop)
    if "ALL" in drop:
        return set(add)
    return (set(DEFAULT) - set(drop)) | set(add)


def _normal(names: Iterable[str]) -> tuple[str, ...]:
    upper = (name.strip().upper() for name in names)
    return tuple(n if n == "ALL" or n.startswith("CAP_") else f"CAP_{n}" for n in upper)
