"""Which published ports are reached at [::1] of the host, and where they lead. Pure.

A port counts that was asked for without an address of the host, at :: or at ::1. It leads to the container itself, by
IPv6 where it has that; a port that several share leads to 127.0.0.1, where the firewall lets them take turns.
"""

from collections.abc import Callable, Iterable, Sequence

from boxship.engine.networks.ports import ANY4, ANY6, Published, Wanted
from boxship.engine.networks.rules import Target
from boxship.host.api.network import Way

HERE4, HERE6 = "127.0.0.1", "::1"
Free = Callable[[str, int, int], bool]  # protocol, first, last: whether no program of the host has them at [::1]


def ways(
    ports: Iterable[Published], asked: Sequence[Wanted], target: Target, shared: bool, free: Free
) -> tuple[Way, ...]:
    """Return the ways of one container. asked: what `ports` were given for."""
    found: dict[tuple[str, int], Way] = {}
    for p in sorted(ports, key=lambda p: p.address == ANY4):  # IPv6 first: it stays
        if p.address in (ANY6, HERE6) or (p.address == ANY4 and _asked_anywhere(p, asked) and _all_free(p, free)):
            way = _way(p, target, shared)
            if way is not None:
                found.setdefault((p.protocol, p.host_port), way)
    return tuple(found.values())


def _asked_anywhere(p: Published, asked: Sequence[Wanted]) -> bool:
    return any(not w.address and w.protocol == p.protocol and _gives(w, p) for w in asked)


def _gives(w: Wanted, p: Published) -> bool:
    inside = w.port <= p.port and p.port + p.size <= w.port + w.size
    return inside and (not w.low or w.low <= p.host_port < w.high + w.size)


def _all_free(p: Published, free: Free) -> bool:
    return free(p.protocol, p.host_port, p.host_port + p.size - 1)


def _way(p: Published, target: Target, shared: bool) -> Way | None:
    address, port = target.ipv6 or target.ipv4, p.port
    if shared and p.address == ANY4:
        address, port = HERE4, p.host_port
    if not address:
        return None
    return Way(protocol=p.protocol, host_port=p.host_port, address=address, port=port, size=p.size)
