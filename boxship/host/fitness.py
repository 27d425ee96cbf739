"""Look at what this machine has for containers. Tries things where only trying tells, and undoes them at once."""

import os
import platform
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from boxship.base.errors import KernelError, PlatformError
from boxship.base.fitness import Disk, Probed
from boxship.host import cgroups, loopback, machine, syscalls
from boxship.host.jobs import libarchive
from boxship.host.oci.facts import find_init
from boxship.host.oci.programs import SEARCH

T = TypeVar("T")
LINKS = ("bridge", "veth", "vxlan", "macvlan", "ipvlan", "wireguard")
PATIENCE = 10.0  # seconds
# What our own table is made of: translation by maps, connection tracking, ranges.
TRIAL = """
add table inet boxship_doctor
add map inet boxship_doctor ports { type inet_service : ipv4_addr . inet_service; flags interval; }
add chain inet boxship_doctor pre { type nat hook prerouting priority -100; }
add rule inet boxship_doctor pre dnat ip to tcp dport map @ports
add chain inet boxship_doctor post { type nat hook postrouting priority 100; }
add rule inet boxship_doctor post ip saddr 10.0.0.0/8 masquerade
add chain inet boxship_doctor pass { type filter hook forward priority 0; }
add rule inet boxship_doctor pass ct state established,related accept
"""


def probe(data_root: str = "/var/lib/boxship", socket_path: str = "/run/boxship.sock") -> Probed:
    """Return what there is; what needs root is only tried as root. Leaves nothing behind."""
    facts = machine.read()
    root = os.geteuid() == 0
    release = machine.os_release(_text(Path("/etc/os-release")) or _text(Path("/usr/lib/os-release")))
    found = cgroups.mounted()
    place = nearest(Path(data_root))
    numbers = [int(part) for part in facts.kernel.split("-")[0].split(".")[:2]]
    return Probed(
        root=root,
        kernel=(numbers[0], numbers[1]),
        release=facts.kernel,
        distribution=(release.get("ID", ""), *release.get("ID_LIKE", "").split()),
        python=(int(platform.python_version_tuple()[0]), int(platform.python_version_tuple()[1])),
        programs=programs(),
        missing_capabilities=facts.missing,
        namespaces=tuple(entry.name for entry in Path("/proc/self/ns").iterdir()),
        v1=tuple(name for name in found.v1 if not name.startswith("name=")),
        v2=tuple(_text(Path(found.unified, "cgroup.controllers")).split()) if found.unified else None,
        favordynmods="favordynmods" in found.options,
        overlay=overlay(place) if root else None,
        nftables=apart(nftables) if root else None,
        loopback=loopback.trial() if root else None,
        links=apart(links) if root and shutil.which("ip", path=SEARCH) else None,
        user_namespaces=int(_text(Path("/proc/sys/user/max_user_namespaces")) or "0"),
        seccomp=facts.seccomp,
        disk=disk(place),
        socket_path=socket_path,
        socket=answering(socket_path),
    )


def programs() -> dict[str, str]:
    search = f"{os.environ.get('PATH', '')}:{SEARCH}"
    found = {name: shutil.which(name, path=search) or "" for name in ("crun", "runc", "conmon", "nft")}
    return {**found, "libarchive": _archive_library(), "init": find_init()}


def _archive_library() -> str:
    try:
        libarchive.load()
    except (PlatformError, OSError, AttributeError):
        return ""
    return libarchive.name()


def nearest(path: Path) -> Path:
    """Return the first directory at or above `path` that exists."""
    return next(place for place in (path, *path.parents) if place.is_dir())


def disk(place: Path) -> Disk:
    numbers = os.statvfs(place)
    return Disk(
        path=str(place),
        kind=_filesystem(place),
        free=numbers.f_bavail * numbers.f_frsize,
        total=numbers.f_blocks * numbers.f_frsize,
        inodes=100 * numbers.f_favail // numbers.f_files if numbers.f_files else 100,
    )


def _filesystem(place: Path) -> str:
    """Return the kind of the mount that holds `place`."""
    best, kind = "", ""
    real = os.path.realpath(place)
    for line in _text(Path("/proc/self/mountinfo")).splitlines():
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4]
        if os.path.commonpath([real, point]) == point and len(point) >= len(best):
            best, kind = point, after.split(" ")[0]
    return kind


def overlay(place: Path) -> str:
    """Mount two layers below `place` and take them away again; return why that failed, "" if it did not."""
    try:
        with tempfile.TemporaryDirectory(prefix=".boxship-doctor-", dir=place) as folder:
            lower, upper, work, merged = (Path(folder, name) for name in ("lower", "upper", "work", "merged"))
            for path in (lower, upper, work, merged):
                path.mkdir()
            syscalls.mount("overlay", merged, "overlay", 0, f"lowerdir={lower},upperdir={upper},workdir={work}")
            try:
                (merged / "trial").touch()
            finally:
                syscalls.umount2(merged)
    except (KernelError, OSError) as e:
        return str(e)
    return ""


def apart(trial: Callable[[], T]) -> T | None:
    """Do `trial` in a thread with a network namespace of its own, which goes with it; None where there can be none."""
    results: list[T] = []

    def inside() -> None:
        try:
            syscalls.unshare(syscalls.CLONE_NEWNET)
        except KernelError:
            return
        results.append(trial())

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    return results[0] if results else None


def nftables() -> str:
    """Return why our kind of table cannot be made, "" if it can."""
    program = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:{SEARCH}")
    return _tried([program, "-f", "-"], TRIAL) if program else "there is no nft to try it with"


def links() -> dict[str, str]:
    """Return kind of link -> why it cannot be made, "" if it can."""
    found = {}
    program = shutil.which("ip", path=SEARCH) or "ip"
    more = {"veth": ["peer", "name", "trialpeer"], "vxlan": ["id", "7", "dstport", "4789"]}
    for kind in LINKS:
        base = ["link", "tryveth"] if kind in ("macvlan", "ipvlan") else []
        found[kind] = _tried(
            [program, "link", "add", *base, "name", f"try{kind}", "type", kind, *more.get(kind, [])], ""
        )
    return found


def _tried(command: list[str], text: str) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (lines[0] if lines else f"{command[0]} ended with code {done.returncode}")


def answering(path: str) -> Literal["answers", "denied", "silent", "absent"]:
    """Ask the daemon at a socket whether it is there."""
    if not os.path.exists(path):
        return "absent"
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(path)
            sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: boxship\r\nConnection: close\r\n\r\n")
            return "answers" if b" 200 " in sock.recv(64) else "silent"
    except PermissionError:
        return "denied"
    except OSError:
        return "silent"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
