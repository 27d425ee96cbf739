"""What this host can do for containers, read once when a daemon starts."""

import os
import re
import resource
import shutil

from boxship.base.facts import HostFacts
from boxship.host.api.cgroups import Cgroups

INIT_PROGRAMS = ("docker-init", "tini-static", "catatonit", "tini")
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec/docker:/usr/libexec/podman"
_ULIMITS = tuple(name.removeprefix("RLIMIT_").lower() for name in dir(resource) if name.startswith("RLIMIT_"))
_KERNEL_WITH_MOUNT_SETATTR = (5, 12)
_SELF = "/proc/self"

# In the kernel's own order, linux/capability.h; bit 0 first.
_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
    "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
    "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)


def host_facts(cgroups: Cgroups, init_path: str = "") -> HostFacts:
    """init_path: as configured; "" looks for one."""
    machine = os.uname()
    kernel = _version(machine.release)
    with open(f"{_SELF}/status", encoding="ascii", errors="replace") as file:
        held = capabilities(file.read())
    return HostFacts(
        capabilities=held,
        kernel=kernel,
        architecture=machine.machine,
        cpus=os.cpu_count() or 1,
        memory_nodes=_text("/sys/devices/system/node/has_memory") or "0",
        unified=cgroups.version == 2,
        controls=cgroups.controls,
        hard_limits={name: resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1] for name in _ULIMITS},
        oom_score_adj=_number(f"{_SELF}/oom_score_adj"),
        init_path=init_path or find_init(),
        recursive_read_only=kernel >= _KERNEL_WITH_MOUNT_SETATTR,
        apparmor=os.path.exists("/sys/kernel/security/apparmor/profiles"),
        selinux=os.path.exists("/sys/fs/selinux/enforce"),
    )


def capabilities(status: str) -> tuple[str, ...]:
    """Return what /proc/PID/status says of the bounding set and of what we may hand on, both."""
    masks = [int(found, 16) for found in re.findall(r"^Cap(?:Bnd|Prm):\s*([0-9a-f]+)$", status, re.MULTILINE)]
    both = masks[0] & masks[1] if len(masks) == 2 else 0
    return tuple(f"CAP_{name}" for bit, name in enumerate(_CAPABILITIES.split()) if both >> bit & 1)


def find_init(search: str = SEARCH) -> str:
    """Return the path of a static init program, "" without one. It must run in any root file system."""
    for name in INIT_PROGRAMS:
        path = shutil.which(name, path=search)
        if path is not None and is_static(path):
            return os.path.realpath(path)
    return ""


def is_static(path: str) -> bool:
    """True for an ELF program that asks for no dynamic loader (has no PT_INTERP header)."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:4] != b"\x7fELF" or head[4] != 2:
        return False
    offset, size, count = (int.from_bytes(head[start:end], "little") for start, end in ((32, 40), (54, 56), (56, 58)))
    kinds = [int.from_bytes(head[offset + n * size : offset + n * size + 4], "little") for n in range(count)]
    return 3 not in kinds


def _version(release: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _text(path: str) -> str:
    """ "" where there is no such file."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _number(path: str) -> int:
    with open(path, encoding="ascii") as file:
        return int(file.read())
