"""Counters that the kernel keeps of a container. Pure data."""

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
