"""The kernel's memory of connections, as far as changes of published ports must make it forget.

A UDP sender that never pauses keeps its entry alive, and with it the way its packets went before a port was published
or moved. Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import socket
import struct
from collections.abc import Collection

from boxship.host.netlink import wire

NETFILTER = 12  # NETLINK_NETFILTER
GET, DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK; IPCTNL_MSG_CT_GET, _DELETE
TUPLE_ORIGINAL = 1
TUPLE_PROTOCOL = 2
PROTOCOL_NUMBER, PROTOCOL_DESTINATION = 1, 3
NESTED = 0x8000
UDP = 17
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def forget_udp(ports: Collection[int]) -> int:
    """Forget the connections that were made to these UDP ports; return how many. Needs CAP_NET_ADMIN."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER) as channel:
        channel.bind((0, 0))
        found = [(family, entry) for family in FAMILIES for entry in _entries(channel, family) if _port(entry) in ports]
        for number, (family, entry) in enumerate(found):
            body = _head(family) + wire.attribute(TUPLE_ORIGINAL | NESTED, entry)
            channel.send(wire.Request(DELETE, wire.ACK, body, "forget a connection").packed(number))
            channel.recv(1 << 16)  # it may have ended by itself meanwhile, which is as good
        return len(found)


def _head(family: int) -> bytes:
    return struct.pack("=BBH", family, 0, 0)


def _entries(channel: socket.socket, family: int) -> list[bytes]:
    """The original directions of all entries of a family."""
    channel.send(wire.Request(GET, wire.DUMP, _head(family), "list connections").packed(0))
    found: list[bytes] = []
    while True:
        for message in wire.messages(channel.recv(1 << 18)):
            if message.kind in (wire.DONE, wire.ERROR):
                return found
            entry = wire.attributes(message.body[4:]).get(TUPLE_ORIGINAL)
            if entry is not None:
                found.append(entry)


def _port(entry: bytes) -> int:
    """Return the destination port of a UDP entry, 0 for others."""
    protocol = wire.attributes(wire.attributes(entry).get(TUPLE_PROTOCOL, b""))
    if protocol.get(PROTOCOL_NUMBER, b"\0")[0] != UDP:
        return 0
    return int.from_bytes(protocol.get(PROTOCOL_DESTINATION, b"\0\0"), "big")
