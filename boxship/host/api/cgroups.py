"""Control groups, as the engine and the runtime see them. Types and a Protocol only.

A group is named by its path below every hierarchy's root, "/boxship/<container id>"; hosts of the second version
have one hierarchy, those of the first one per controller.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from boxship.base.counters import BlockEntry, BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats

__all__ = ["BlockEntry", "BlockStats", "CgroupStats", "Cgroups", "CpuStats", "MemoryStats", "PidsStats"]


class Cgroups(Protocol):
    """All calls are synchronous and take well under a millisecond, but for those that say otherwise."""

    @property
    def version(self) -> int:
        """1 (also on hybrid hosts, whose controllers are in the first version's hierarchies) or 2."""
        ...

    @property
    def controls(self) -> frozenset[str]:
        """Which limits this host can enforce: names of base.facts.CONTROLS."""
        ...

    def create(self, path: str) -> None:
        """Make the group in every hierarchy. May be repeated."""
        ...

    def remove(self, path: str) -> None:
        """Remove the group and all below it, everywhere. Nothing happens if there is none.
        Raises KernelError ("… device or resource busy") while processes are in it."""
        ...

    def exists(self, path: str) -> bool: ...

    def below(self, path: str) -> Iterator[str]:
        """Yield the names of the groups right below `path`, those of any hierarchy, each once."""
        ...

    def pids(self, path: str) -> tuple[int, ...]:
        """Return the processes in the group and all below it, as the host numbers them; () without one."""
        ...

    def add(self, path: str, pid: int) -> None:
        """Move a process into the group, in every hierarchy. Takes up to 20 ms without favordynmods."""
        ...

    def admit(self, path: str, resources: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make room above a group, which need not be there yet, for limits (OCI's form) that must fit into what the
        groups above have. Return those that a runtime can set. Raises Unsupported naming what the host lacks."""
        ...

    def complete(self, path: str, resources: Mapping[str, Any]) -> None:
        """Set those of `resources` that `admit` kept back. Raises Unsupported for what the host does not take."""
        ...

    def kill(self, path: str) -> None:
        """Send SIGKILL to every process in the group and below, those being forked meanwhile too."""
        ...

    async def freeze(self, path: str) -> None:
        """Stop all processes of the group; returns once they stand still. Raises KernelError (timeout: 10 s)."""
        ...

    async def thaw(self, path: str) -> None: ...

    def frozen(self, path: str) -> bool: ...

    def stats(self, path: str) -> CgroupStats:
        """Read all counters. Raises NotFound when there is no such group."""
        ...

    def oom_kills(self, path: str) -> int:
        """How many processes of the group were killed for want of memory; 0 without such a group."""
        ...
