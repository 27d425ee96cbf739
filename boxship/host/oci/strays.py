"""Dead processes of containers that nobody collects.

When `exec` fails, crun may end before its child in the container, which then belongs to whoever is init here. A pid
namespace cannot end while one of its dead is uncollected, and not every init is quick. So we take such children over.
"""

import asyncio
import os
from contextlib import suppress

from boxship.host.process import children, stat
from boxship.host.syscalls import prctl

PR_SET_CHILD_SUBREAPER = 36
_dying: set[int] = set()


def adopt() -> None:
    """Make this process the parent of its descendants' orphans, for as long as it lives."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def collect() -> None:
    """Collect our dead children from other pid namespaces, and those of them that still die as soon as they are dead;
    children in our own namespace are their starters' business. To be called on the loop."""
    for pid in children(os.getpid()):
        seen = stat(pid)
        if seen is None or not _elsewhere(pid):
            continue
        if seen.state == "Z":
            _bury(pid)
        elif pid not in _dying:
            _await_death(pid)


def _bury(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _await_death(pid: int) -> None:
    """It may have a little to do yet when the runtime that forked it has ended."""
    loop = asyncio.get_running_loop()
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return

    def dead() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        _dying.discard(pid)
        _bury(pid)

    _dying.add(pid)
    loop.add_reader(fd, dead)


def _elsewhere(pid: int) -> bool:
    with suppress(OSError):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return len(line.split()) > 2
    return False
