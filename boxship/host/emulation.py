"""Can this machine run a program: by itself, or with an emulator that somebody has registered with the kernel?

Source: ELF, e_machine; Linux, Documentation/admin-guide/binfmt-misc.rst.
"""

import platform
from pathlib import Path

HEAD = 128  # bytes of a program that tell; as many as the kernel looks at
REGISTERED = Path("/proc/sys/fs/binfmt_misc")
_ELF = b"\x7fELF"
_NATIVE = {
    "x86_64": (62, 3),
    "aarch64": (183, 40),
    "armv7l": (40,),
    "riscv64": (243,),
    "s390x": (22,),
    "ppc64le": (21,),
}


def runs(head: bytes, *, machine: str = "", registered: Path = REGISTERED) -> bool:
    """Tell whether the kernel can begin a program. head: its first bytes; what is no ELF, a script, counts as runnable.
    machine: as uname tells it."""
    if not head.startswith(_ELF) or len(head) < 20:
        return True
    native = _NATIVE.get(machine or platform.machine())
    if native is None or int.from_bytes(head[18:20], "little" if head[5] == 1 else "big") in native:
        return True
    return any(_takes(entry, head) for entry in _entries(registered))


def _entries(registered: Path) -> list[str]:
    try:
        if (registered / "status").read_text().strip() != "enabled":
            return []
        return [path.read_text() for path in registered.iterdir() if path.name not in ("status", "register")]
    except OSError:  # nothing is mounted there
        return []


def _takes(entry: str, head: bytes) -> bool:
    lines = entry.splitlines()
    said = dict(line.partition(" ")[::2] for line in lines)
    if lines[:1] != ["enabled"] or not said.get("magic"):
        return False
    magic = bytes.fromhex(said["magic"])
    mask = bytes.fromhex(said["mask"]) if said.get("mask") else b"\xff" * len(magic)
    at = int(said.get("offset", "0"))
    part = head[at : at + len(magic)]
    return len(part) == len(magic) and all(a & m == b & m for a, b, m in zip(part, magic, mask, strict=True))
