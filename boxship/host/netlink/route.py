"""The rtnetlink messages we send, each as a function with the arguments of the `ip` command it stands for."""

import errno
import struct
from ipaddress import ip_address, ip_interface, ip_network

from boxship.host.netlink.wire import (
    ACK,
    CREATE,
    DUMP,
    EXCLUDE,
    REPLACE,
    Request,
    attribute,
    number,
    octet,
    text,
)

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, GETROUTE = 24, 26
DELNEIGH, GETNEIGH = 29, 30

AF_BRIDGE, AF_INET, AF_INET6 = 7, 2, 10
IFF_UP = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_PROTINFO = 1, 3, 4, 5, 10, 12
IFLA_LINKINFO, IFLA_NET_NS_FD, IFLA_LINK_NETNSID = 18, 28, 37
INFO_KIND, INFO_DATA = 1, 2
VETH_INFO_PEER = 1
NF_CALL_IPTABLES, NF_CALL_IP6TABLES = 36, 37
BRPORT_MODE, BRPORT_ISOLATED = 4, 33  # hairpin is called mode
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
IFA_F_NODAD = 0x02
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
NDA_DST, NDA_LLADDR = 1, 2
NTF_MASTER = 0x04
NUD_NOARP, NUD_PERMANENT = 0x40, 0x80
PROTOCOL_KERNEL = 2
TABLE_MAIN, PROTOCOL_BOOT, SCOPE_UNIVERSE, SCOPE_LINK, UNICAST = 254, 3, 0, 253, 1

_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, change mask
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix, flags, scope, index
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst, src, tos, table, protocol, scope, type, flags

GONE = (errno.ENODEV,)
THERE = (errno.EEXIST,)


def _mac(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def _link(index: int = 0, up: bool | None = None) -> bytes:
    change = 0 if up is None else IFF_UP
    return _LINK.pack(0, 0, index, IFF_UP if up else 0, change)


def new_bridge(name: str) -> Request:
    info = attribute(IFLA_LINKINFO, text(INFO_KIND, "bridge"))
    body = _link() + text(IFLA_IFNAME, name) + info
    return Request(NEWLINK, ACK | CREATE | EXCLUDE, body, f"create bridge {name}", THERE)


def filter_bridge(index: int, about: str) -> Request:
    """Let frames between the bridge's ports pass the packet filter."""
    filters = octet(NF_CALL_IPTABLES, 1) + octet(NF_CALL_IP6TABLES, 1)
    info = attribute(IFLA_LINKINFO, text(INFO_KIND, "bridge") + attribute(INFO_DATA, filters))
    return Request(NEWLINK, ACK, _link(index) + info, about)


def new_veth(name: str, peer: str, peer_space: int) -> Request:
    """A pair: `name` where the request is made, `peer` in the namespace of the descriptor `peer_space`."""
    other = _link() + text(IFLA_IFNAME, peer) + number(IFLA_NET_NS_FD, peer_space)
    info = text(INFO_KIND, "veth") + attribute(INFO_DATA, attribute(VETH_INFO_PEER, other))
    body = _link() + text(IFLA_IFNAME, name) + attribute(IFLA_LINKINFO, info)
    return Request(NEWLINK, ACK | CREATE | EXCLUDE, body, f"create veth {name}")


def new_macvlan(name: str, parent: int, mode: str, space: int) -> Request:
    """A macvlan of link `parent` that appears as `name` in the namespace of the descriptor `space`."""
    info = text(INFO_KIND, "macvlan") + attribute(INFO_DATA, number(1, MACVLAN_MODES[mode]))
    body = _link() + number(IFLA_LINK, parent) + text(IFLA_IFNAME, name)
    body += number(IFLA_NET_NS_FD, space) + attribute(IFLA_LINKINFO, info)
    return Request(NEWLINK, ACK | CREATE | EXCLUDE, body, f"create macvlan {name}")


def new_ipvlan(name: str, parent: int, mode: str, space: int) -> Request:
    """An ipvlan of link `parent`. mode: "l2 bridge", of the words of both tables."""
    layer, _, flag = mode.partition(" ")
    settings = attribute(1, struct.pack("=H", IPVLAN_MODES[layer])) + attribute(
        2, struct.pack("=H", IPVLAN_FLAGS[flag])
    )
    info = text(INFO_KIND, "ipvlan") + attribute(INFO_DATA, settings)
    body = _link() + number(IFLA_LINK, parent) + text(IFLA_IFNAME, name)
    body += number(IFLA_NET_NS_FD, space) + attribute(IFLA_LINKINFO, info)
    return Request(NEWLINK, ACK | CREATE | EXCLUDE, body, f"create ipvlan {name}")


def nothing_of_kind(kind: str) -> Request:
    """A link that no kernel makes, for lack of a parent: the way it refuses tells whether it knows the kind."""
    body = _link() + attribute(IFLA_LINKINFO, text(INFO_KIND, kind))
    return Request(NEWLINK, ACK | CREATE | EXCLUDE, body, f"ask for links of kind {kind}")


def set_link(
    index: int,
    about: str,
    *,
    up: bool | None = None,
    master: int | None = None,
    name: str = "",
    mac: str = "",
    mtu: int = 0,
) -> Request:
    """Change what is given, leave the rest. master 0 takes the link out of its bridge."""
    body = _link(index, up)
    body += number(IFLA_MASTER, master) if master is not None else b""
    body += text(IFLA_IFNAME, name) if name else b""
    body += attribute(IFLA_ADDRESS, _mac(mac)) if mac else b""
    body += number(IFLA_MTU, mtu) if mtu else b""
    return Request(NEWLINK, ACK, body, about)


def set_port(index: int, about: str, *, isolated: bool, hairpin: bool) -> Request:
    """Set how a bridge treats one of its ports."""
    port = octet(BRPORT_MODE, hairpin) + octet(BRPORT_ISOLATED, isolated)
    body = _LINK.pack(AF_BRIDGE, 0, index, 0, 0) + attribute(IFLA_PROTINFO | 0x8000, port)
    return Request(SETLINK, ACK, body, about)


def delete_link(name: str) -> Request:
    return Request(DELLINK, ACK, _link() + text(IFLA_IFNAME, name), f"delete link {name}", GONE)


def find_link(name: str) -> Request:
    return Request(GETLINK, 0, _link() + text(IFLA_IFNAME, name), f"look up link {name}")


def all_links() -> Request:
    return Request(GETLINK, DUMP, _link(), "list links")


def add_address(index: int, address: str) -> Request:
    """`address` with prefix. IPv6 skips duplicate detection: we are who gives addresses here."""
    interface = ip_interface(address)
    family = AF_INET if interface.version == 4 else AF_INET6
    body = _ADDRESS.pack(family, interface.network.prefixlen, IFA_F_NODAD if family == AF_INET6 else 0, 0, index)
    body += attribute(IFA_LOCAL, interface.ip.packed) + attribute(IFA_ADDRESS, interface.ip.packed)
    if family == AF_INET and interface.network.prefixlen < 31:
        body += attribute(IFA_BROADCAST, interface.network.broadcast_address.packed)
    return Request(NEWADDR, ACK | CREATE | REPLACE, body, f"add address {address}", THERE)


def delete_address(index: int, address: str) -> Request:
    interface = ip_interface(address)
    family = AF_INET if interface.version == 4 else AF_INET6
    body = _ADDRESS.pack(family, interface.network.prefixlen, 0, 0, index) + attribute(IFA_LOCAL, interface.ip.packed)
    return Request(DELADDR, ACK, body, f"delete address {address}", (errno.EADDRNOTAVAIL,))


def all_addresses() -> Request:
    return Request(GETADDR, DUMP, _ADDRESS.pack(0, 0, 0, 0, 0), "list addresses")


def default_route(index: int, gateway: str) -> Request:
    via = ip_address(gateway)
    family = AF_INET if via.version == 4 else AF_INET6
    scope = SCOPE_LINK if via.is_unspecified else SCOPE_UNIVERSE  # by the link, through no router
    body = _ROUTE.pack(family, 0, 0, 0, TABLE_MAIN, PROTOCOL_BOOT, scope, UNICAST, 0)
    body += b"" if via.is_unspecified else attribute(RTA_GATEWAY, via.packed)
    body += number(RTA_OIF, index)
    return Request(NEWROUTE, ACK | CREATE | REPLACE, body, f"add default route via {gateway}")


def all_routes() -> Request:
    return Request(GETROUTE, DUMP, _ROUTE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0), "list routes")


def subnet_route(index: int, subnet: str, source: str) -> Request:
    """The route to the hosts behind a link that the kernel makes with an address of the link."""
    block, via = ip_network(subnet), ip_address(source)
    family, scope = (AF_INET, SCOPE_LINK) if via.version == 4 else (AF_INET6, SCOPE_UNIVERSE)
    body = _ROUTE.pack(family, block.prefixlen, 0, 0, TABLE_MAIN, PROTOCOL_KERNEL, scope, UNICAST, 0)
    body += attribute(RTA_DST, block.network_address.packed) + number(RTA_OIF, index)
    body += attribute(RTA_PREFSRC, via.packed) if via.version == 4 else b""
    return Request(NEWROUTE, ACK | CREATE | REPLACE, body, f"add route to {subnet}")


def all_neighbours(family: int = 0) -> Request:
    """Neighbours of links, or with AF_BRIDGE the forwarding entries of bridges."""
    return Request(GETNEIGH, DUMP, _NEIGHBOUR.pack(family, 0, 0, 0, 0), "list neighbours")


def delete_neighbour(index: int, address: str) -> Request:
    packed = ip_address(address)
    family = AF_INET if packed.version == 4 else AF_INET6
    body = _NEIGHBOUR.pack(family, index, 0, 0, 0) + attribute(NDA_DST, packed.packed)
    return Request(DELNEIGH, ACK, body, f"forget neighbour {address}", (errno.ENOENT,))


def delete_forwarding(index: int, mac: str) -> Request:
    """Let a bridge forget behind which of its ports an address is."""
    body = _NEIGHBOUR.pack(AF_BRIDGE, index, 0, NTF_MASTER, 0) + attribute(NDA_LLADDR, _mac(mac))
    return Request(DELNEIGH, ACK, body, f"forget forwarding of {mac}", (errno.ENOENT,))
