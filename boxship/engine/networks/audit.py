"""Does the kernel hold what it should of networks, and nothing else? Pure: expected, seen, and what differs.

Inside its own namespace a container that may change the network (NET_ADMIN) is left alone: what it did there is its
own matter, unless the whole interface is gone.
"""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from boxship.base.ids import short
from boxship.host.api.network import BridgeLink, HostSeen, InterfaceSeen, LinkSeen, NeighbourSeen, Plug
from boxship.model.network import Network


class Bridge(NamedTuple):
    """One bridge of ours. wanted: what `ensure_bridge` would make."""

    network: Network
    wanted: BridgeLink


class Tenant(NamedTuple):
    """One container with a namespace. plugs: by network. admin: whether it may change its own network.
    pinned: whether it is to be, which a container of a host network is not."""

    id: str
    name: str
    plugs: Mapping[str, Plug]
    admin: bool = False


# What differs, each with all that is needed to mend it.


class BridgeFault(NamedTuple):
    network: Network
    text: str


class RouteFault(NamedTuple):
    network: Network
    subnet: str
    source: str
    text: str


class EntryFault(NamedTuple):
    network: Network
    entry: NeighbourSeen
    text: str


class PinFault(NamedTuple):
    container: str
    text: str


class PlugFault(NamedTuple):
    """gone: the interface or its other end is not there; otherwise only something about it is wrong."""

    container: str
    network: str
    gone: bool
    text: str


class ResolverFault(NamedTuple):
    container: str
    text: str


class ForwardFault(NamedTuple):
    text: str


class LoopbackFault(NamedTuple):
    text: str


class StrayFault(NamedTuple):
    """A link in a bridge of ours, or a pinned namespace, that belongs to nobody."""

    link: str
    group: str
    text: str


Fault = (
    BridgeFault | RouteFault | EntryFault | PinFault | PlugFault | ResolverFault | ForwardFault | LoopbackFault
    | StrayFault
)  # fmt: skip


def of_host(
    bridges: Iterable[Bridge], tenants: Collection[Tenant], seen: HostSeen, pinned: Collection[str], forwards: bool
) -> list[Fault]:
    """Return what differs outside of containers, in the order in which it is to be mended."""
    found: list[Fault] = []
    if forwards and not seen.forwards:
        found.append(ForwardFault("the host does not forward packets any more"))
    bridges = list(bridges)
    for bridge in bridges:
        found += _bridge(bridge, seen)
    for tenant in tenants:
        if tenant.id not in pinned:
            found.append(PinFault(tenant.id, f"network namespace of container {tenant.name} is not pinned"))
        found += _ends(tenant, seen.links)
    return [*found, *_entries(bridges, tenants, seen)]


def _bridge(bridge: Bridge, seen: HostSeen) -> list[Fault]:
    network, name = bridge.network, bridge.wanted.name
    link = seen.links.get(name)
    if link is None:
        return [BridgeFault(network, f"bridge {name} is missing")]
    if not link.up:
        return [BridgeFault(network, f"bridge {name} is down")]
    present = {address for index, address in seen.addresses if index == link.index}
    wanted = set(bridge.wanted.addresses)
    if present != wanted:
        words = [f"lacks {a}" for a in sorted(wanted - present)] + [f"has {a}" for a in sorted(present - wanted)]
        return [BridgeFault(network, f"bridge {name} {' and '.join(words)}")]
    if bridge.wanted.mac and link.mac != bridge.wanted.mac:
        return [BridgeFault(network, f"bridge {name} has the hardware address {link.mac}")]
    if bridge.wanted.mtu and link.mtu != bridge.wanted.mtu:
        return [BridgeFault(network, f"bridge {name} has the MTU {link.mtu}")]
    there = {r.to for r in seen.routes if r.link == link.index}
    wrong = [(str(ip_network(a, strict=False)), a.partition("/")[0]) for a in sorted(wanted)]
    return [
        RouteFault(network, subnet, source, f"no route leads to {subnet} by bridge {name}")
        for subnet, source in wrong
        if subnet not in there
    ]


def _ends(tenant: Tenant, links: Mapping[str, LinkSeen]) -> Iterable[Fault]:
    """The other ends of a container's interfaces."""
    for network, plug in tenant.plugs.items():
        if plug.kind != "veth" or not plug.host_link:
            continue
        end, bridge = links.get(plug.host_link), links.get(plug.link)
        what = f"link {plug.host_link} of container {tenant.name}"
        if end is None:
            yield PlugFault(tenant.id, network, True, f"{what} is missing")
        elif bridge is not None and end.master != bridge.index:
            yield PlugFault(tenant.id, network, False, f"{what} is not in bridge {plug.link}")
        elif not end.up:
            yield PlugFault(tenant.id, network, False, f"{what} is down")


def _entries(bridges: Iterable[Bridge], tenants: Iterable[Tenant], seen: HostSeen) -> Iterable[Fault]:
    """Entries that somebody made by hand and that lead astray; those of the kernel are about its own addresses."""
    ours = {seen.links[b.wanted.name].index: b for b in bridges if b.wanted.name in seen.links}
    ports = {link.index: ours[link.master] for link in seen.links.values() if link.master in ours}
    names = {link.index: name for name, link in seen.links.items()}
    plugs = [plug for tenant in tenants for plug in tenant.plugs.values() if plug.kind == "veth"]
    macs = {plug.mac: plug.host_link for plug in plugs}
    addresses = {a.partition("/")[0]: plug.mac for plug in plugs for a in plug.addresses}
    for entry in seen.neighbours:
        if entry.link in ours and entry.address in addresses:
            if addresses[entry.address] != entry.mac:
                text = f"neighbour {entry.address} is fixed to {entry.mac}"
                yield EntryFault(ours[entry.link].network, entry, text)
        elif not entry.address and entry.mac in macs:
            bridge = ports.get(entry.link) or ours.get(entry.link)
            if bridge is not None and names[entry.link] != macs[entry.mac]:
                text = f"frames to {entry.mac} are sent to {names[entry.link]} for good"
                yield EntryFault(bridge.network, entry, text)


def inside(tenant: Tenant, seen: Mapping[str, InterfaceSeen]) -> list[PlugFault]:
    """Return what differs in the namespace of a container."""
    found = []
    loopback = seen.get("lo")
    for network, plug in tenant.plugs.items():
        if loopback is not None and not loopback.up and not tenant.admin:
            found.append(PlugFault(tenant.id, network, False, f"loopback of container {tenant.name} is down"))
            loopback = None
        shown = seen.get(plug.interface)
        what = f"interface {plug.interface} of container {tenant.name}"
        if shown is None:
            found.append(PlugFault(tenant.id, network, True, f"{what} is missing"))
        elif not tenant.admin and (wrong := _wrong(plug, shown)):
            found.append(PlugFault(tenant.id, network, False, f"{what} {wrong}"))
    return found


def _wrong(plug: Plug, shown: InterfaceSeen) -> str:
    if not shown.up:
        return "is down"
    lacks, extra = set(plug.addresses) - set(shown.addresses), set(shown.addresses) - set(plug.addresses)
    lacks = {a for a in lacks if not ip_address(a.partition("/")[0]).is_link_local}
    if lacks or extra:
        return " and ".join([*(f"lacks {a}" for a in sorted(lacks)), *(f"has {a}" for a in sorted(extra))])
    if plug.mac and shown.mac != plug.mac:
        return f"has the hardware address {shown.mac}"
    gone = set(plug.gateways) - set(shown.gateways)
    return f"has no default route through {', '.join(sorted(gone))}" if gone else ""


def strays(
    bridges: Iterable[Bridge], expected: Collection[str], seen: HostSeen, pinned: Collection[str],
    known: Collection[str], prefix: str,
) -> list[StrayFault]:  # fmt: skip
    """Return what belongs to nobody. prefix: of the host's ends of our links; what else somebody puts into a bridge
    of ours is theirs. expected: such ends that are somebody's. known: groups that have a namespace."""
    ours = {seen.links[b.wanted.name].index for b in bridges if b.wanted.name in seen.links}
    found = [
        StrayFault("", group, f"network namespace {short(group)} is pinned but belongs to no container")
        for group in sorted(set(pinned) - set(known))
    ]
    for link in seen.links.values():
        if link.master in ours and link.name.startswith(prefix) and link.name not in expected:
            text = f"link {link.name} is in a bridge of ours but belongs to no container"
            found.append(StrayFault(link.name, "", text))
    return found
