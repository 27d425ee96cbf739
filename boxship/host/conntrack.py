"""The kernel's memory of connections, as far as changes of published ports must make it forget.

A UDP sender that never pauses keeps its entry alive, and with it the way its packets went before a port was published
or moved. The kernel looks through its table itself and tells UDP entries only: there may be a million others.
Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import errno
import socket
import struct
from collections.abc import Collection, Iterator, Mapping

from boxship.host.netlink import wire

NETFILTER = 12  # NETLINK_NETFILTER
GET, DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK; IPCTNL_MSG_CT_GET, _DELETE
TUPLE_ORIGINAL, FILTER = 1, 25
TUPLE_PROTOCOL = 2
PROTOCOL_NUMBER, PROTOCOL_DESTINATION = 1, 3
ORIGINAL_FLAGS, REPLY_FLAGS = 1, 2
NUMBER_COUNTS, DESTINATION_COUNTS = 1 << 3, 1 << 5  # CTA_FILTER_F_CTA_PROTO_NUM, _DST_PORT
NESTED = 0x8000
UDP = 17
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
FEW = 1  # so many ports are looked for one by one: a look at the table costs more than what it finds


def forget_udp(ports: Mapping[int, Collection[int]]) -> int:
    """Forget the connections that were made to these UDP ports, by IP version; return how many. Needs CAP_NET_ADMIN.

    Takes the kernel some 40 ms for each version, however little it finds."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER) as channel:
        channel.bind((0, 0))
        found = [
            (FAMILIES[version], entry)
            for version, wanted in ports.items()
            for port in (wanted if len(wanted) <= FEW else (0,))
            for entry in _entries(channel, FAMILIES[version], port)
            if _port(entry) in wanted
        ]
        for number, (family, entry) in enumerate(found):
            body = _head(family) + wire.attribute(TUPLE_ORIGINAL | NESTED, entry)
            channel.send(wire.Request(DELETE, wire.ACK, body, "forget a connection").packed(number))
            channel.recv(1 << 16)  # it may have ended by itself meanwhile, which is as good
        return len(found)


def _head(family: int) -> bytes:
    return struct.pack("=BBH", family, 0, 0)


def _entries(channel: socket.socket, family: int, port: int) -> list[bytes]:
    """The original directions of the UDP entries of a family; of one port unless 0. A kernel that cannot choose
    (before Linux 5.8) tells all entries, which is the same but slower."""
    try:
        return list(_dump(channel, _head(family) + _only(port)))
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        return list(_dump(channel, _head(family)))


def _only(port: int) -> bytes:
    protocol = wire.attribute(PROTOCOL_NUMBER, bytes((UDP,)))
    flags = NUMBER_COUNTS
    if port:
        protocol += wire.attribute(PROTOCOL_DESTINATION, struct.pack("!H", port))
        flags |= DESTINATION_COUNTS
    original = wire.attribute(TUPLE_PROTOCOL | NESTED, protocol)
    chosen = wire.number(ORIGINAL_FLAGS, flags) + wire.number(REPLY_FLAGS, 0)
    return wire.attribute(TUPLE_ORIGINAL | NESTED, original) + wire.attribute(FILTER | NESTED, chosen)


def _dump(channel: socket.socket, body: bytes) -> Iterator[bytes]:
    channel.send(wire.Request(GET, wire.DUMP, body, "list connections").packed(0))
    while True:
        for message in wire.messages(channel.recv(1 << 18)):
            if message.kind == wire.DONE:
                return
            if message.kind == wire.ERROR:
                (number,) = struct.unpack_from("=i", message.body)
                raise OSError(-number, "list connections")
            entry = wire.attributes(message.body[4:]).get(TUPLE_ORIGINAL)
            if entry is not None:
                yield entry


def _port(entry: bytes) -> int:
    """Return the destination port of a UDP entry, 0 for others."""
    protocol = wire.attributes(wire.attributes(entry).get(TUPLE_PROTOCOL, b""))
    if protocol.get(PROTOCOL_NUMBER, b"\0")[0] != UDP:
        return 0
    return int.from_bytes(protocol.get(PROTOCOL_DESTINATION, b"\0\0"), "big")
