"""The kernel's text formats of control groups and of where they are mounted. Pure."""

from typing import NamedTuple

from boxship.host.api.cgroups import BlockEntry

NO_LIMIT = 1 << 62  # the first version says "no limit" by a number near 2**63, rounded to pages


class Layout(NamedTuple):
    """v1: controller (or name=systemd) -> mount point.  unified: mount point of the second version's tree, "" without
    one.  options: of that tree's super block."""

    v1: dict[str, str]
    unified: str
    options: tuple[str, ...] = ()


_FLAGS = frozenset({"rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode", "favordynmods"})


def layout(mountinfo: str) -> Layout:
    """Source: proc_pid_mountinfo(5). The first of several mounts of a hierarchy counts."""
    v1: dict[str, str] = {}
    unified, options = "", tuple[str, ...]()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point, kind = before.split(" ")[4], after.split(" ")
        words = tuple(kind[2].split(","))
        if kind[0] == "cgroup":
            for word in words:
                if word not in _FLAGS and not word.startswith("release_agent="):
                    v1.setdefault(word, point)
        elif kind[0] == "cgroup2" and not unified:
            unified, options = point, words
    return Layout(v1, unified, options)


def flat(text: str) -> dict[str, int]:
    """Return `name number` lines; others are left out."""
    found = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if number.isdecimal():
            found[name] = int(number)
    return found


def number(text: str, default: int = 0) -> int:
    text = text.strip()
    return int(text) if text.isdecimal() else default


def limit(text: str) -> int | None:
    """Return None for "max", for the first version's huge numbers and for nothing at all."""
    value = number(text, NO_LIMIT)
    return value if value < NO_LIMIT else None


def block_v1(text: str) -> tuple[BlockEntry, ...]:
    """Parse `8:0 Read 4096` lines; the sum without a device at the end is left out."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and ":" in words[0]:
            major, minor = words[0].split(":")
            found.append(BlockEntry(int(major), int(minor), words[1], int(words[2])))
    return tuple(found)


def block_v2(text: str) -> tuple[tuple[BlockEntry, ...], tuple[BlockEntry, ...]]:
    """Return (bytes, requests) of io.stat, whose lines are `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`."""
    sizes: list[BlockEntry] = []
    requests: list[BlockEntry] = []
    for line in text.splitlines():
        device, *pairs = line.split()
        major, colon, minor = device.partition(":")
        if not colon:
            continue
        values = dict(pair.partition("=")[::2] for pair in pairs)
        for target, names in ((sizes, ("rbytes", "wbytes")), (requests, ("rios", "wios"))):
            for operation, name in zip(("read", "write"), names, strict=True):
                if name in values:
                    target.append(BlockEntry(int(major), int(minor), operation, int(values[name])))
    return tuple(sizes), tuple(requests)
