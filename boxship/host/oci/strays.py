"""Dead processes of containers that nobody collects.

When `exec` fails, crun may end before its child in the container, which then belongs to whoever is init here. A pid
namespace cannot end while one of its dead is uncollected, and not every init is quick. So we take such children over.
"""

import os
from contextlib import suppress

from boxship.host.process import children, stat
from boxship.host.syscalls import prctl

PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Make this process the parent of its descendants' orphans, for as long as it lives."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def collect() -> None:
    """Collect our dead children from other pid namespaces; those of our own are their starters' business."""
    for pid in children(os.getpid()):
        seen = stat(pid)
        if seen is not None and seen.state == "Z" and _elsewhere(pid):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _elsewhere(pid: int) -> bool:
    with suppress(OSError):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return len(line.split()) > 2
    return False
