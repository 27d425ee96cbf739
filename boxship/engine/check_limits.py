"""Whether limits can be as asked, at creation and at an update. Pure; dockerd's rules and texts."""

from collections.abc import Iterable

from boxship.base.errors import Conflict, Invalid
from boxship.model.container import HostSpec, HostUpdate, Ulimit

LEAST_MEMORY = 6 << 20
NANO = 1_000_000_000
UNLIMITED = -1
_ULIMITS = "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
ULIMITS = frozenset(_ULIMITS.split())


def limits(asked: HostSpec, cpus: int, update: bool = False) -> None:
    """Raise Invalid for limits that no host could keep. `cpus`: how many this one has."""
    _memory(asked, update)
    _cpu(asked, cpus)
    for weight in (asked.blkio_weight, *(device.weight for device in asked.blkio_weight_device or ())):
        if weight and not 10 <= weight <= 1000:
            raise Invalid("Range of blkio weight is from 10 to 1000")
    ulimits(asked.ulimits or ())
    for title, text in (("cpus", asked.cpuset_cpus), ("mems", asked.cpuset_mems)):
        wanted = numbers(text, title)
        if title == "cpus" and max(wanted, default=0) >= cpus:
            raise Invalid(f"Requested CPUs are not available - requested {text}, available: 0-{cpus - 1}")


def _memory(asked: HostSpec, update: bool) -> None:
    memory, swap, reserved = asked.memory, asked.memory_swap, asked.memory_reservation
    if memory and memory < LEAST_MEMORY:
        raise Invalid("Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        raise Invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0 and not update:
        raise Invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    swappiness = asked.memory_swappiness
    if swappiness is not None and not -1 <= swappiness <= 100:
        raise Invalid(f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if reserved and reserved < LEAST_MEMORY:
        raise Invalid("Minimum memory reservation allowed is 6MB")
    if 0 < memory < reserved:
        raise Invalid("Minimum memory limit can not be less than memory reservation limit, see usage")


def _cpu(asked: HostSpec, cpus: int) -> None:
    if asked.nano_cpus > 0 and asked.cpu_period > 0:
        raise Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if asked.nano_cpus > 0 and asked.cpu_quota > 0:
        raise Invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if not 0 <= asked.nano_cpus <= cpus * NANO:
        raise Invalid(f"Range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    if asked.cpu_period and not 1000 <= asked.cpu_period <= 1_000_000:
        raise Invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < asked.cpu_quota < 1000:
        raise Invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if asked.cpu_realtime_period and asked.cpu_realtime_runtime > asked.cpu_realtime_period:
        raise Invalid("cpu real-time runtime cannot be higher than cpu real-time period")


def ulimits(asked: Iterable[Ulimit]) -> None:
    """Raise Invalid for limits that the kernel does not know, and for soft ones above the hard one."""
    for limit in asked:
        if limit.name not in ULIMITS:
            raise Invalid(f"invalid ulimit type: {limit.name}")
        if limit.hard != UNLIMITED and (limit.soft == UNLIMITED or limit.soft > limit.hard):
            raise Invalid(f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}")


def numbers(text: str, title: str) -> set[int]:
    """Return the numbers of a list like `0-2,4`."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) > 8191:
            raise Invalid(f"Invalid value {text} for cpuset {title}")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def change(present: HostSpec, update: HostUpdate) -> None:
    """Raise Conflict where `update` clashes with limits in force that it does not touch."""
    if update.nano_cpus and (present.cpu_period or present.cpu_quota):
        part = "Period" if present.cpu_period else "Quota"
        raise Conflict(f"Conflicting options: Nano CPUs cannot be updated as CPU {part} has already been set")
    for part, value in (("Period", update.cpu_period), ("Quota", update.cpu_quota)):
        if value and present.nano_cpus:
            raise Conflict(f"Conflicting options: CPU {part} cannot be updated as NanoCPUs has already been set")
    memory = update.memory or 0
    if memory > present.memory_swap > 0 and not update.memory_swap:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    if update.restart_policy and update.restart_policy.name not in ("", "no") and present.auto_remove:
        raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
