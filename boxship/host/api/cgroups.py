"""Control groups, as the engine and the runtime see them. Types and a Protocol only.

A group is named by its path below every hierarchy's root, "/boxship/<container id>"; hosts of the second version
have one hierarchy, those of the first one per controller.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class CpuStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Times in nanoseconds since the group was made. per_cpu: () where the kernel does not count it.
    periods: of the CPU quota; throttled_periods of them held the group back, for throttled in all."""

    total: int = 0
    user: int = 0
    system: int = 0
    per_cpu: tuple[int, ...] = ()
    periods: int = 0
    throttled_periods: int = 0
    throttled: int = 0


class MemoryStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes. limit: None without one.  peak: 0 where the kernel does not keep it.  failures: how often the limit was
    hit.  details: memory.stat by the kernel's own names.  oom_kills: processes killed for want of memory."""

    usage: int = 0
    limit: int | None = None
    peak: int = 0
    failures: int = 0
    details: dict[str, int] = {}
    oom_kills: int = 0


class BlockEntry(msgspec.Struct, frozen=True):
    """operation: Read, Write, Sync, Async, Discard, Total; lower case from the second version."""

    major: int
    minor: int
    operation: str
    value: int


class BlockStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes and requests by device since the group was made."""

    bytes: tuple[BlockEntry, ...] = ()
    requests: tuple[BlockEntry, ...] = ()


class PidsStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Threads count. limit: None without one."""

    current: int = 0
    limit: int | None = None


class CgroupStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reading of one group. What the host has no controller for is None.
    unified: read from a second version's tree, which decides how Docker's clients count memory."""

    cpu: CpuStats = CpuStats()
    memory: MemoryStats | None = None
    pids: PidsStats | None = None
    block: BlockStats = BlockStats()
    unified: bool = False


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
