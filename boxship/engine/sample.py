"""One reading of what a container uses, and how the kernel's texts become numbers. Pure."""

import msgspec

from boxship.base.counters import CgroupStats
from boxship.base.units import SECOND


class Traffic(msgspec.Struct, frozen=True):
    """Counters of one interface since it was made."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One reading. time: nanoseconds since 1970.  system: CPU time of the whole machine, ns.  networks: by interface
    name; None without a network of its own.  memory_total: of the machine, the limit where there is none."""

    time: int
    cgroup: CgroupStats
    system: int
    cpus: int
    memory_total: int
    networks: dict[str, Traffic] | None = None


def parse_net_dev(text: str) -> dict[str, Traffic]:
    """Return the counters of all interfaces but lo. Source: proc_pid_net(5), net/dev."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        n = [int(word) for word in numbers.split()]
        if name.strip() != "lo" and len(n) >= 12:
            found[name.strip()] = Traffic(*n[0:4], *n[8:12])
    return found


def parse_cpu_time(stat: str, tick: int) -> tuple[int, int]:
    """Return CPU time of the whole machine in nanoseconds and the CPUs online, from /proc/stat; `tick` ns a tick."""
    lines = stat.splitlines()
    total = sum(int(word) for word in lines[0].split()[1:8])
    return total * tick, sum(1 for line in lines[1:] if line[:3] == "cpu")


def nanoseconds_a_tick(ticks_a_second: int) -> int:
    return SECOND // ticks_a_second
