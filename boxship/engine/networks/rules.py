"""The nftables table as text: one fixed set of chains, and sets and maps whose elements say everything else.

A network or a container never adds a rule, so the cost of a packet does not grow with their number, and a change is
the difference of two sets of elements, made in one transaction. No I/O.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from boxship.engine.networks import opening
from boxship.engine.networks.ports import ANY4, ANY6, Published
from boxship.host.api.network import ElementChange

LOOPBACK6 = "::1"
SLOTS = 120  # of a shared port: a number that many numbers divide
_TURN = f"numgen inc mod {SLOTS}"
Elements = Mapping[str, frozenset[str]]  # set or map -> its elements, as nft writes them

_SETS = {
    "bridges": "type ifname",
    "internal": "type ifname",
    "unprotected4": "type ifname",
    "unprotected6": "type ifname",
    "loops": "type ifname . ifname",
    "masq4": "type ipv4_addr; flags interval",
    "masq6": "type ipv6_addr; flags interval",
    "own4": "type ipv4_addr . ipv4_addr; flags interval",
    "own6": "type ipv6_addr . ipv6_addr; flags interval",
    "routed4": "type ipv4_addr . inet_proto . inet_service; flags interval",
    "routed6": "type ipv6_addr . inet_proto . inet_service; flags interval",
}
_MAPS = {
    "any4": "type inet_proto . inet_service : ipv4_addr . inet_service",
    "any6": "type inet_proto . inet_service : ipv6_addr . inet_service",
    "host4": "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
    "host6": "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service",
    "any4_ranges": "type inet_proto . inet_service : ipv4_addr; flags interval",
    "any6_ranges": "type inet_proto . inet_service : ipv6_addr; flags interval",
    "host4_ranges": "type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval",
    "host6_ranges": "type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval",
    "any4_shared": f"typeof meta l4proto . tcp dport . {_TURN} : ip daddr . tcp dport",
    "any6_shared": f"typeof meta l4proto . tcp dport . {_TURN} : ip6 daddr . tcp dport",
    "host4_shared": f"typeof ip daddr . meta l4proto . tcp dport . {_TURN} : ip daddr . tcp dport",
    "host6_shared": f"typeof ip6 daddr . meta l4proto . tcp dport . {_TURN} : ip6 daddr . tcp dport",
}
DECLARED = {**_SETS, **_MAPS}

# A published port is looked up by host address first, then by port alone; ranges come after single ports. A port that
# several containers share has an element for each of its slots, which the kernel goes round in turn.
# Loopback addresses are for this host: the kernel would let a translated packet through that came from outside.
# IPv6 knows no way for packets from its loopback address to leave the host: what is published there is led elsewhere
# before there is a packet (loopback.py). The rest is refused at once instead of timing out.
# While a bridge is down, the host's other routes would lead what is published to whoever is there: it stays here.
# Between the ports of one bridge frames may pass the filter as well (br_netfilter); `loops` lets them.
_CHAINS = """
  chain user { }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @host4
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any4
    dnat ip to ip daddr . meta l4proto . th dport . TURN map @host4_shared
    dnat ip to ip daddr . meta l4proto . th dport map @host4_ranges
    meta nfproto ipv4 dnat ip to meta l4proto . th dport . TURN map @any4_shared
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any4_ranges
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @host6
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6
    dnat ip6 to ip6 daddr . meta l4proto . th dport . TURN map @host6_shared
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @host6_ranges
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport . TURN map @any6_shared
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6_ranges
  }
  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges ip saddr 127.0.0.0/8 drop
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 return
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip6 daddr ::1 return
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    ct status dnat ip saddr . ip daddr @own4 masquerade
    ct status dnat ip6 saddr . ip6 daddr @own6 masquerade
    oifname @bridges return
    ip saddr @masq4 masquerade
    ip6 saddr @masq6 masquerade
  }
  chain leaving {
    type filter hook postrouting priority 90; policy accept;
    ct status dnat oifname != @bridges oifname != "lo" ip daddr . ip daddr @own4 drop
    ct status dnat oifname != @bridges oifname != "lo" ip6 daddr . ip6 daddr @own6 drop
  }
  chain into {
    ct state established,related accept
    ct status dnat accept
    meta nfproto ipv4 oifname @unprotected4 accept
    meta nfproto ipv6 oifname @unprotected6 accept
    ip daddr . meta l4proto . th dport @routed4 accept
    ip6 daddr . meta l4proto . th dport @routed6 accept
    drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @loops accept
    jump user
    iifname @internal drop
    oifname @internal drop
    oifname @bridges jump into
  }
""".replace("TURN", _TURN)
# A second table that does nothing but be there: while some table looks at connections and translates, the kernel goes
# on doing so for those that are established, even if somebody empties the first table before it is repaired.
_STATE = """
table inet {table}_state {{
  chain prerouting {{ type nat hook prerouting priority -90; policy accept; }}
  chain tracked {{ type filter hook prerouting priority -150; policy accept; }}
}}
flush chain inet {table}_state tracked
add rule inet {table}_state tracked ct state new continue
"""
CHAINS = ("guard", "prerouting", "output", "postrouting", "leaving", "into", "forward", "publish")


class Walls(NamedTuple):
    """What the table has to know of one network. subnets: of both families. apart: its containers are kept from
    each other, published ports excepted."""

    bridge: str
    subnets: tuple[str, ...] = ()
    masquerade4: bool = True
    masquerade6: bool = True
    internal: bool = False
    apart: bool = False
    unprotected4: bool = False
    unprotected6: bool = False


class Target(NamedTuple):
    """Where the published ports of a container lead. routed: no translation, the ports are opened as they are."""

    ipv4: str = ""
    ipv6: str = ""
    routed4: bool = False
    routed6: bool = False


def of_network(walls: Walls) -> Elements:
    name = f'"{walls.bridge}"'
    found = {"bridges": {name}}
    if not walls.apart:
        found["loops"] = {f"{name} . {name}"}
    for flag, sets in (
        (walls.internal, "internal"),
        (walls.unprotected4, "unprotected4"),
        (walls.unprotected6, "unprotected6"),
    ):
        if flag:
            found[sets] = {name}
    for subnet in walls.subnets:
        family = "6" if ":" in subnet else "4"
        found.setdefault("own" + family, set()).add(f"{subnet} . {subnet}")
        if (walls.masquerade6 if family == "6" else walls.masquerade4) and not walls.internal:
            found.setdefault("masq" + family, set()).add(subnet)
    return {sets: frozenset(elements) for sets, elements in found.items()}


def of_ports(ports: Iterable[Published], target: Target) -> Elements:
    """Return the elements that publish `ports` at `target`; runs of ports that keep their number become one."""
    found: dict[str, set[str]] = {}
    for (protocol, address, same), run in groupby(sorted(ports, key=_run_key), _run_key_head):
        for sets, element in _elements(protocol, address, _joined(run, same), target):
            found.setdefault(sets, set()).add(element)
    return {sets: frozenset(elements) for sets, elements in found.items()}


def _run_key(p: Published) -> tuple[str, str, bool, int, int]:
    return p.protocol, p.address, p.port == p.host_port, p.host_port, p.port


def _run_key_head(p: Published) -> tuple[str, str, bool]:
    return _run_key(p)[:3]


def _joined(run: Iterable[Published], same: bool) -> list[tuple[Published, Published]]:
    """Only ports that keep their number can be joined: a range of the table cannot change it."""
    return list(_runs(run)) if same else [(one, one) for port in run for one in port.each()]


def _runs(ports: Iterable[Published]) -> Iterator[tuple[Published, Published]]:
    """Join neighbours into (first, last)."""
    first = last = None
    for port in ports:
        end = port._replace(port=port.port + port.size - 1, host_port=port.host_port + port.size - 1)
        if first is not None and last is not None and port.host_port == last.host_port + 1:
            last = end
            continue
        if first is not None and last is not None:
            yield first, last
        first, last = port, end
    if first is not None and last is not None:
        yield first, last


def _elements(
    protocol: str, address: str, runs: Iterable[tuple[Published, Published]], target: Target
) -> Iterator[tuple[str, str]]:
    family = "6" if ":" in address else "4"
    to, routed = (target.ipv6, target.routed6) if family == "6" else (target.ipv4, target.routed4)
    anywhere = address in (ANY4, ANY6)
    start = "" if anywhere else f"{address} . "
    for first, last in runs if to and address != LOOPBACK6 else ():
        span = f"{first.host_port}-{last.host_port}" if last != first else str(first.host_port)
        if routed:
            inner = f"{first.port}-{last.port}" if last != first else str(first.port)
            yield f"routed{family}", f"{to} . {protocol} . {inner}"
        elif last != first:
            yield f"{'any' if anywhere else 'host'}{family}_ranges", f"{start}{protocol} . {span} : {to}"
        else:
            yield f"{'any' if anywhere else 'host'}{family}", f"{start}{protocol} . {span} : {to} . {first.port}"


def merge(parts: Iterable[Elements]) -> Elements:
    found: dict[str, set[str]] = {}
    for part in parts:
        for sets, elements in part.items():
            found.setdefault(sets, set()).update(elements)
    return {sets: frozenset(elements) for sets, elements in found.items()}


def whole(table: str, elements: Elements, closed: bool = False, opened: bool = False) -> str:
    """Return the script that makes the table as it should be. The user's chain and its rules stay.

    closed: nothing is forwarded but from and to our bridges, as on a host that forwards only because of us.
    opened: what is published is marked, see opening.py."""
    lines = [f"table inet {table} {{"]
    lines += [f"  set {name} {{ {kind}; }}" for name, kind in _SETS.items()]
    lines += [f"  map {name} {{ {kind}; }}" for name, kind in _MAPS.items()]
    last = [f"add rule inet {table} forward iifname != @bridges oifname != @bridges drop"] if closed else []
    declared = "\n".join([*lines, *(f"  chain {c} {{ }}" for c in ("user", "publish", "into")), "}"])
    flushed = [f"flush set inet {table} {name}" for name in _SETS] + [
        f"flush map inet {table} {name}" for name in _MAPS
    ]
    return "\n".join(
        [
            declared,
            *_flush_chains(table),
            *flushed,
            f"table inet {table} {{{_CHAINS}}}",
            *last,
            *opening.own_chains(table, opened),
            *_adds(table, elements),
            _STATE.format(table=table),
        ]
    )


def _flush_chains(table: str) -> list[str]:
    """A chain with a hook has to be there with its hook before it can be flushed: declare, then empty."""
    heads = []
    for chunk in _CHAINS.split("  chain ")[1:]:
        name, _, body = chunk.partition(" {")
        hook = next((line.strip() for line in body.splitlines() if line.strip().startswith("type ")), "")
        if name != "user":
            heads.append(f"add chain inet {table} {name} {{ {hook} }}" if hook else f"add chain inet {table} {name}")
            heads.append(f"flush chain inet {table} {name}")
    return heads


def change(old: Elements, new: Elements) -> tuple[ElementChange, ...]:
    """Return what turns `old` into `new`, deletions first; () when they are equal."""
    gone = {sets: elements - new.get(sets, frozenset()) for sets, elements in old.items()}
    come = {sets: elements - old.get(sets, frozenset()) for sets, elements in new.items()}
    return tuple(
        ElementChange(set=sets, declared=DECLARED[sets], elements=tuple(sorted(elements)), delete=delete)
        for found, delete in ((gone, True), (come, False))
        for sets, elements in found.items()
        if elements
    )


def _adds(table: str, elements: Elements) -> list[str]:
    return [
        f"add element inet {table} {sets} {{ {', '.join(sorted(found))} }}" for sets, found in elements.items() if found
    ]


def remove(table: str) -> str:
    """Return the script that takes both tables away, whether or not they are there."""
    return "\n".join(f"table inet {name} {{ }}\ndelete table inet {name}" for name in (table, f"{table}_state"))
