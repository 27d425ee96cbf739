"""Monitors that are not children of this daemon: those of an earlier one, and those that nobody recorded."""

import asyncio
import os
from contextlib import suppress

import msgspec

from boxship.host.oci.layout import Layout
from boxship.host.oci.record import Identified, Record, identify, lives, read


async def ended(process: Identified) -> None:
    """Return when `process`, anybody's child, has ended; at once for nobody."""
    if not process.pid:
        return
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    end: asyncio.Future[None] = loop.create_future()
    loop.add_reader(pidfd, _resolve, end)
    try:
        if lives(process):
            await end
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def bundles(layout: Layout) -> list[str]:
    """Return the ids of all bundles."""
    with suppress(FileNotFoundError):
        return sorted(os.listdir(layout.bundles))
    return []


def reconstruct(layout: Layout, id: str, monitors: dict[str, int]) -> Record:
    """Return the record of a container, as far as it can be told when a daemon died before it wrote one down.

    monitors: of `running_monitors`, for that case.
    """
    known = read(layout.record(id)) or Record(runtime=_runtime_of(layout, id), cgroup=_cgroup_of(layout, id))
    if not known.monitor.pid and id in monitors:
        known = msgspec.structs.replace(known, monitor=identify(monitors[id]))
    if not known.first.pid:
        known = msgspec.structs.replace(known, first=_first_of(layout, id))
    return known


def _runtime_of(layout: Layout, id: str) -> str:
    """Name of the runtime that has state of a container, "" when none has."""
    root = os.path.dirname(layout.runtime_root("any"))
    with suppress(FileNotFoundError):
        return next((name for name in sorted(os.listdir(root)) if os.path.exists(f"{root}/{name}/{id}")), "")
    return ""


def _cgroup_of(layout: Layout, id: str) -> str:
    with suppress(OSError, msgspec.DecodeError, LookupError, TypeError):
        with open(layout.config(id), "rb") as file:
            return str(msgspec.json.decode(file.read())["linux"]["cgroupsPath"])
    return ""


def running_monitors(layout: Layout) -> dict[str, int]:
    """Return id -> pid of all conmons that work for this exec root, by their command lines. Reads all of /proc."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        words = _command_line(name)
        if "-c" not in words or "--exit-dir" not in words:
            continue
        id = words[words.index("-c") + 1]
        if words[words.index("--exit-dir") + 1] == layout.exits:
            found[id] = int(name)
    return found


def _first_of(layout: Layout, id: str) -> Identified:
    """The process in conmon's pid file, if it is still in a cgroup of the container's."""
    with suppress(OSError, ValueError):
        with open(layout.pidfile(id), encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            if id in file.read():
                return identify(pid)
    return Identified()


def _command_line(pid: str) -> list[str]:
    with suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")]
    return []


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
