"""What a machine has for containers, and what is to be said of that. Pure data."""

from typing import Literal

import msgspec

Level = Literal["ok", "note", "warning", "failure"]


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Of the data root, or of the nearest directory above it that exists. free, total: bytes; inodes: free percent."""

    path: str
    kind: str = ""
    free: int = 0
    total: int = 0
    inodes: int = 100


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at. None is what could not be tried, "" in a place for a reason that all is well.

    distribution: ID and ID_LIKE of os-release.  programs: name -> path, "" where there is none.
    missing_capabilities: what the kernel has and we may not use.  namespaces: kinds that the kernel has.
    v1: controllers of cgroup version 1.  v2: those of version 2, None without its tree.
    overlay, nftables, loopback (ports at [::1]): why they do not work.  links: kind of link -> why it cannot be made.
    user_namespaces: how many there may be.  socket: answers, denied, silent or absent.
    """

    root: bool
    kernel: tuple[int, int]
    release: str = ""
    distribution: tuple[str, ...] = ()
    python: tuple[int, int] = (3, 11)
    programs: dict[str, str] = {}
    missing_capabilities: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    v1: tuple[str, ...] = ()
    v2: tuple[str, ...] | None = None
    favordynmods: bool = False
    overlay: str | None = None
    nftables: str | None = None
    loopback: str | None = None
    links: dict[str, str] | None = None
    user_namespaces: int = 0
    seccomp: bool = False
    disk: Disk = Disk(path="/var/lib/boxship")
    socket_path: str = "/run/boxship.sock"
    socket: Literal["answers", "denied", "silent", "absent"] = "absent"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that matters. found: a sentence on what there is. mend: what to do about it, "" if nothing.

    failure: containers cannot run. warning: something users ask for will not work. note: worth knowing.
    """

    name: str
    level: Level
    found: str
    mend: str = ""
