"""What can be mounted into a container that runs. Types and a Protocol only."""

from typing import Protocol

import msgspec

Owner = tuple[int, int]


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """One mount, as the OCI runtime would be told of it.

    target:  absolute in the container; links in it stay in its root.
    source:  on the host; "" for a tmpfs.
    options: "ro", "rro" and what tmpfs knows, `size=1048576`.
    spread:  private, rprivate, slave, rslave, shared, rshared.
    owner:   of a mount point that is made, and of a tmpfs; None is us.
    """

    target: str
    source: str = ""
    options: tuple[str, ...] = ()
    recursive: bool = True
    spread: str = "rprivate"
    owner: Owner | None = None


class Inside(Protocol):
    """Calls take some milliseconds: they wait for a thread. `pid` is a process in the container."""

    def add(self, pid: int, addition: Addition) -> None:
        """Mount it where the process sees it; a missing mount point is made. Raises KernelError."""
        ...

    def remove(self, pid: int, target: str) -> None:
        """Take away what is mounted last at `target`, if anything is. Raises Conflict while it is in use."""
        ...

    def mounted(self, pid: int) -> frozenset[str]:
        """Return all mount points that the process sees. Raises KernelError when it is gone."""
        ...

    def show(self, pid: int, inside: str, target: str) -> None:
        """Mount at `target` on the host what the process has at `inside`."""
        ...
