"""Facts about this machine, as `docker info` shows them. Read once; nothing here changes anything."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

# By number, as capabilities(7) has them; later kernels only add to the end.
_NAMES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"""
CAPABILITIES = tuple(f"CAP_{name}" for name in _NAMES.split())


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """system: the distribution's own name for itself.  system_id, system_version: of os-release.
    memory, swap: bytes.  cpus: that we may run on.  capabilities: those we can give away (the bounding set).
    missing: capabilities that the kernel has and we cannot give."""

    kernel: str
    architecture: str
    system: str
    system_id: str
    system_version: str
    hostname: str
    cpus: int
    memory: int
    swap: int
    capabilities: tuple[str, ...]
    missing: tuple[str, ...]
    seccomp: bool
    apparmor: bool
    selinux: bool
    cgroup_namespaces: bool
    user_namespaces: bool
    ipv4_forwarding: bool
    bridge_filter_ipv4: bool
    bridge_filter_ipv6: bool


def read(proc: Path = Path("/proc"), sys: Path = Path("/sys"), etc: Path = Path("/etc")) -> Machine:
    """Facts that cannot be read are "", 0 or False."""
    release = os_release(_text(etc / "os-release") or _text(Path("/usr/lib/os-release")))
    memory = _kilobytes(_text(proc / "meminfo"))
    status = _pairs(_text(proc / "self/status"))
    able, lacking = capabilities(status.get("CapBnd", "0"), int(_text(proc / "sys/kernel/cap_last_cap") or "40"))
    return Machine(
        kernel=os.uname().release, architecture=os.uname().machine,
        system=release.get("PRETTY_NAME") or release.get("NAME") or "Linux",
        system_id=release.get("ID", ""), system_version=release.get("VERSION_ID", ""),
        hostname=socket.gethostname(), cpus=len(os.sched_getaffinity(0)),
        memory=memory.get("MemTotal", 0), swap=memory.get("SwapTotal", 0),
        capabilities=able, missing=lacking,
        seccomp="Seccomp" in status,
        apparmor=_text(sys / "module/apparmor/parameters/enabled").startswith("Y"),
        selinux=(sys / "fs/selinux/enforce").exists(),
        cgroup_namespaces=(proc / "self/ns/cgroup").exists(),
        user_namespaces=_text(proc / "sys/user/max_user_namespaces").strip() not in ("", "0"),
        ipv4_forwarding=_text(proc / "sys/net/ipv4/ip_forward").startswith("1"),
        bridge_filter_ipv4=_text(proc / "sys/net/bridge/bridge-nf-call-iptables").startswith("1"),
        bridge_filter_ipv6=_text(proc / "sys/net/bridge/bridge-nf-call-ip6tables").startswith("1"),
    )  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _pairs(text: str) -> dict[str, str]:
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon}


def _kilobytes(text: str) -> Mapping[str, int]:
    return {name: int(value.split()[0]) * 1024 for name, value in _pairs(text).items() if value[:1].isdecimal()}


def os_release(text: str) -> dict[str, str]:
    """Source: os-release(5); values may be quoted as in a shell."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            quote = value[:1] if value[:1] in "\"'" and value[:1] else ""
            found[name] = value[1:-1].replace("\\", "") if quote and value.endswith(quote) else value
    return found


def capabilities(mask: str, last: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names of those in the hexadecimal `mask` and of those missing from it, up to the kernel's `last`."""
    bits = int(mask, 16)
    named = [(number, name) for number, name in enumerate(CAPABILITIES) if number <= last]
    able = tuple(name for number, name in named if bits >> number & 1)
    return able, tuple(name for number, name in named if not bits >> number & 1)
