"""One chain of nftables that leads what is sent to a name server's port elsewhere, as netlink messages.

The library of nftables is not let into the namespace of a container: it reads all tables there first, and it has
died of tables that it cannot read; those in a running container are the container's to choose.
Source: linux/netfilter/nf_tables.h.
"""

import struct
from ipaddress import IPv4Address

from boxship.host.netlink import wire
from boxship.host.netlink.nft import NESTED, frame

IPV4 = 2  # NFPROTO_IPV4
NEW_TABLE, NEW_CHAIN, NEW_RULE, DELETE_RULE = 10 << 8 | 0, 10 << 8 | 3, 10 << 8 | 6, 10 << 8 | 8
APPEND = 0x800
OUTPUT, NAT_PRIORITY, ACCEPT = 3, -100, 1
NETWORK, TRANSPORT = 1, 2  # headers that a payload is counted from
LAYER4 = 16  # NFT_META_L4PROTO
PROTOCOLS = {"udp": 17, "tcp": 6}
DOMAIN = 53


def redirect(table: str, address: str, ports: dict[str, int]) -> list[wire.Request]:
    """Return the transaction that makes `table` lead port 53 of `address` to `ports` (by protocol) of the same
    address, for what is sent from within the namespace. May be repeated: rules of before are replaced."""
    head = struct.pack("=BBH", IPV4, 0, 0)
    named = head + wire.text(1, table)
    chain = named + wire.text(3, "output") + _nested(4, _long(1, OUTPUT) + _long(2, NAT_PRIORITY))
    chain += _long(5, ACCEPT) + wire.text(7, "nat")
    rules = named + wire.text(2, "output")
    about = f"redirect names to {address}"
    return [
        frame(begin=True),
        wire.Request(NEW_TABLE, wire.ACK | wire.CREATE, named, about),
        wire.Request(NEW_CHAIN, wire.ACK | wire.CREATE, chain, about),
        wire.Request(DELETE_RULE, wire.ACK, rules, about),
        *(
            wire.Request(
                NEW_RULE, wire.ACK | wire.CREATE | APPEND, rules + _nested(4, _rule(address, protocol, port)), about
            )
            for protocol, port in ports.items()
        ),
        frame(begin=False),
    ]


def _rule(address: str, protocol: str, port: int) -> bytes:
    there = IPv4Address(address).packed
    return b"".join((
        _payload(NETWORK, 16, 4), _equal(there),
        _expression("meta", _long(1, 1) + _long(2, LAYER4)), _equal(bytes((PROTOCOLS[protocol],))),
        _payload(TRANSPORT, 2, 2), _equal(struct.pack("!H", DOMAIN)),
        _immediate(1, there), _immediate(2, struct.pack("!H", port)),
        _expression("nat", _long(1, 1) + _long(2, IPV4) + _long(3, 1) + _long(5, 2)),
    ))  # fmt: skip


def _payload(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", _long(1, 1) + _long(2, base) + _long(3, offset) + _long(4, length))


def _equal(value: bytes) -> bytes:
    return _expression("cmp", _long(1, 1) + _long(2, 0) + _nested(3, wire.attribute(1, value)))


def _immediate(register: int, value: bytes) -> bytes:
    return _expression("immediate", _long(1, register) + _nested(2, wire.attribute(1, value)))


def _expression(name: str, values: bytes) -> bytes:
    return _nested(1, wire.text(1, name) + _nested(2, values))


def _nested(kind: int, values: bytes) -> bytes:
    return wire.attribute(kind | NESTED, values)


def _long(kind: int, value: int) -> bytes:
    return wire.attribute(kind, struct.pack("!i", value))
