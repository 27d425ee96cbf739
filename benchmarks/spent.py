"""CPU time of a daemon and all that it starts, by a control group of its own: what a busy machine does not change.

    with counted("boxship") as spent:
        start the daemon
    before = spent()

What is started while the context is open is counted for as long as it runs.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def counted(name: str) -> Iterator[Callable[[], float]]:
    """Give what tells the milliseconds so far. `forget` takes the group away once its last program has ended."""
    group = _root() / f"bench-{name}-{os.getpid()}"
    group.mkdir()
    before = _here()
    (group / "cgroup.procs").write_text("0")
    try:
        yield lambda: _milliseconds(group)
    finally:
        (before / "cgroup.procs").write_text("0")


def forget() -> None:
    for group in _root().glob(f"bench-*-{os.getpid()}"):
        with contextlib.suppress(OSError):
            group.rmdir()


def _milliseconds(group: Path) -> float:
    words = (group / "cpu.stat").read_text().split()
    return int(words[words.index("usage_usec") + 1]) / 1000


def _root() -> Path:
    """Raises RuntimeError where the kernel has no control groups of version 2."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    raise RuntimeError("no cgroup2 is mounted: CPU time cannot be told")


def _here() -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return _root() / line[3:].lstrip("/")
    raise RuntimeError("this process is in no control group of version 2")
