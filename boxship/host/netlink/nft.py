"""Elements of nftables sets and maps as netlink messages.

The library of nftables first reads every table of the host to understand one line of text; the more firewalls there
are on a host, the longer a container would wait for its port. An element needs none of that: the type of its set says
how its bytes look. Source: linux/netfilter/nf_tables.h; libnftables for the layout of keys.
"""

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from ipaddress import ip_network
from typing import NamedTuple

from boxship.host.api.network import ElementChange
from boxship.host.netlink import wire

BATCH_BEGIN, BATCH_END = 0x10, 0x11
SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
NEW_ELEMENTS, DELETE_ELEMENTS = SUBSYSTEM << 8 | 12, SUBSYSTEM << 8 | 14
UNSPEC, INET = 0, 1  # NFPROTO_
LIST_TABLE, LIST_SET, LIST_ELEMENTS, LIST_ELEMENT = 1, 2, 3, 1
KEY, DATA, FLAGS, KEY_END = 1, 2, 3, 10
VALUE = 1  # NFTA_DATA_VALUE
NESTED = 0x8000
INTERVAL_END = 1
TYPES = {  # of what a packet has, as sets are declared with `typeof`
    "meta l4proto": "inet_proto",
    "tcp dport": "inet_service",
    "ip daddr": "ipv4_addr",
    "ip6 daddr": "ipv6_addr",
}
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
CHUNK = 400  # elements in one message; a message has 64 KiB at most


class Kind(NamedTuple):
    """How a set is declared: types of the key's and the value's fields, and whether keys are ranges."""

    key: tuple[str, ...]
    value: tuple[str, ...]
    interval: bool


@cache
def kind(declared: str) -> Kind:
    """Read `type ipv4_addr . inet_service : ipv4_addr; flags interval`, or `typeof ip daddr . th dport`."""
    types, _, flags = declared.partition(";")
    key, _, value = types.removeprefix("type ").removeprefix("typeof ").partition(":")
    return Kind(_fields(key), _fields(value), "interval" in flags)


def _fields(text: str) -> tuple[str, ...]:
    return tuple(TYPES.get(field.strip(), field.strip()) for field in text.split(" . ")) if text.strip() else ()


def batch(table: str, changes: Sequence[ElementChange]) -> list[wire.Request]:
    """Return the messages of one transaction: its beginning, the changes, its end."""
    requests = [frame(begin=True)]
    for change in changes:
        for start in range(0, len(change.elements), CHUNK):
            requests.append(_request(table, change, change.elements[start : start + CHUNK]))
    return [*requests, frame(begin=False)]


def frame(begin: bool) -> wire.Request:
    """Return the message that begins or ends a transaction."""
    body = struct.pack("=BBH", UNSPEC, 0, struct.unpack("=H", struct.pack("!H", SUBSYSTEM))[0])
    return wire.Request(BATCH_BEGIN if begin else BATCH_END, 0, body, "change the packet filter")


def _request(table: str, change: ElementChange, elements: Sequence[str]) -> wire.Request:
    packed = b"".join(
        wire.attribute(LIST_ELEMENT | NESTED, element)
        for text in elements
        for element in pack(kind(change.declared), text, with_value=not change.delete)
    )
    body = struct.pack("=BBH", INET, 0, 0) + wire.text(LIST_TABLE, table) + wire.text(LIST_SET, change.set)
    body += wire.attribute(LIST_ELEMENTS | NESTED, packed)
    verb = "delete" if change.delete else "add"
    about = f"{verb} {len(elements)} elements of {table} {change.set}"
    flags = wire.ACK if change.delete else wire.ACK | wire.CREATE
    return wire.Request(DELETE_ELEMENTS if change.delete else NEW_ELEMENTS, flags, body, about)


def pack(kind: Kind, text: str, with_value: bool = True) -> Iterator[bytes]:
    """Yield what the kernel keeps for an element as nft writes it: a range in a set of one field is two of them."""
    key, _, value = text.partition(" : ")
    low, high = _ends(kind.key, key)
    data = _data(DATA, _ends(kind.value, value)[0]) if with_value and kind.value else b""
    if not kind.interval:
        yield _data(KEY, low) + data
    elif len(kind.key) > 1:
        yield _data(KEY, low) + data + _data(KEY_END, high)
    else:
        yield _data(KEY, low) + data
        after = int.from_bytes(high, "big") + 1
        if after < 1 << 8 * len(high):
            yield _data(KEY, after.to_bytes(len(high), "big")) + wire.attribute(FLAGS, struct.pack("!I", INTERVAL_END))


def _data(attribute: int, value: bytes) -> bytes:
    return wire.attribute(attribute | NESTED, wire.attribute(VALUE, value))


def _ends(types: Sequence[str], text: str) -> tuple[bytes, bytes]:
    """Return the lowest and the highest value; each field of several is filled up to four bytes."""
    pairs = [_field(name, part.strip()) for name, part in zip(types, text.split(" . "), strict=True)]
    if len(pairs) == 1:
        return pairs[0]
    return b"".join(_filled(low) for low, _ in pairs), b"".join(_filled(high) for _, high in pairs)


def _filled(field: bytes) -> bytes:
    return field + bytes(-len(field) % 4)


def _field(name: str, text: str) -> tuple[bytes, bytes]:
    if name in ("ipv4_addr", "ipv6_addr"):
        block = ip_network(text)
        return block.network_address.packed, block.broadcast_address.packed
    if name == "inet_service":
        low, _, high = text.partition("-")
        return struct.pack("!H", int(low)), struct.pack("!H", int(high or low))
    if name == "inet_proto":
        number = bytes((PROTOCOLS[text],))
        return number, number
    if name.startswith("numgen "):
        number = struct.pack("=I", int(text))
        return number, number
    link = text.strip('"').encode().ljust(16, b"\0")
    return link, link
