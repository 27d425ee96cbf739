"""Programs that lead sockets of the host from [::1]:PORT to where a port is published. Pure: only builds them.

IPv6 lets no packet from its loopback address leave the host, so its address cannot be translated on the way; it is
changed before there is a packet, where a program connects or sends. Answers show [::1]:PORT again. Only processes in
one network namespace are led, told by its cookie.

Map `ways`: (protocol, port) by longest prefix, so that a range takes a few entries -> (address, what to add to the
port). Map `back`: (socket, address, port) -> the port that was asked for.
Source: linux/bpf.h, struct bpf_sock_addr; the kernel's net/ipv6/udp.c.
"""

import struct
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from boxship.host.bpf.assembly import (
    HALF,
    WORD,
    Label,
    Line,
    add,
    add_register,
    assemble,
    call,
    constant,
    copy,
    give,
    if_equal,
    leave,
    load,
    map_of,
    network_order,
    put,
    store,
    store_long,
    unless_equal,
    unless_same,
)  # fmt: skip

# struct bpf_sock_addr
ADDRESS, PORT, PROTOCOL = 8, 24, 36
WORDS = range(0, 16, 4)
ONE = struct.unpack("=I", struct.pack("!I", 1))[0]  # the last word of ::1
CONTEXT, ASKED, FRAME = 6, 7, 10  # registers that calls leave alone
KEY, BACK, VALUE = -8, -40, -48  # on the stack
KEY_SIZE, WAY_SIZE, BACK_SIZE, BACK_VALUE = 8, 20, 32, 4
EXACT = 16  # bits of the key that are no port
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


def forth(ways: int, back: int, cookie: int, datagrams: bool) -> bytes:
    """Return the program for sockets that connect, or send `datagrams` unconnected. ways, back: maps.

    A datagram without connection cannot go to an IPv4 address: the kernel does not allow it."""
    return assemble([
        copy(CONTEXT, 1),
        *_is_loopback(),
        copy(1, CONTEXT), call("netns cookie"), constant(2, cookie), unless_same(0, 2, "out"),
        put(WORD, FRAME, KEY, 32),
        load(WORD, 2, CONTEXT, PROTOCOL), store(HALF, FRAME, KEY + 4, 2),
        load(WORD, ASKED, CONTEXT, PORT), store(HALF, FRAME, KEY + 6, ASKED),
        map_of(1, ways), copy(2, FRAME), add(2, KEY), call("lookup"), if_equal(0, 0, "out"),
        *(_unless_mapped() if datagrams else ()),
        *(line for n in WORDS for line in (load(WORD, 2, 0, n), store(WORD, CONTEXT, ADDRESS + n, 2))),
        load(HALF, 3, 0, 16), copy(2, ASKED), network_order(2), add_register(2, 3), network_order(2),
        store(WORD, CONTEXT, PORT, 2),
        *_back_key(),
        store(WORD, FRAME, VALUE, ASKED),
        map_of(1, back), copy(2, FRAME), add(2, BACK), copy(3, FRAME), add(3, VALUE), give(4, 0), call("update"),
        Label("out"), give(0, 1), leave(),
    ])  # fmt: skip


def answer(back: int) -> bytes:
    """Return the program that shows a socket where it asked, for the senders of datagrams and peers' names."""
    return assemble([
        copy(CONTEXT, 1),
        *_back_key(),
        map_of(1, back), copy(2, FRAME), add(2, BACK), call("lookup"), if_equal(0, 0, "out"),
        give(2, 0), *(store(WORD, CONTEXT, ADDRESS + n, 2) for n in WORDS[:3]),
        give(2, ONE), store(WORD, CONTEXT, ADDRESS + 12, 2),
        load(WORD, 2, 0, 0), store(WORD, CONTEXT, PORT, 2),
        Label("out"), give(0, 1), leave(),
    ])  # fmt: skip


def _is_loopback() -> Iterator[Line]:
    for n in WORDS:
        yield load(WORD, 2, CONTEXT, ADDRESS + n)
        yield unless_equal(2, ONE if n == 12 else 0, "out")


def _unless_mapped() -> Iterator[Line]:
    """Addresses of containers do not begin with zeros; IPv4 ones written as IPv6 do."""
    yield load(WORD, 2, 0, 0)
    yield if_equal(2, 0, "out")


def _back_key() -> Iterator[Line]:
    yield copy(1, CONTEXT)
    yield call("socket cookie")
    yield copy(9, 0)
    yield store_long(FRAME, BACK, 9)
    for n in WORDS:
        yield load(WORD, 2, CONTEXT, ADDRESS + n)
        yield store(WORD, FRAME, BACK + 8 + n, 2)
    yield load(WORD, 2, CONTEXT, PORT)
    yield store(WORD, FRAME, BACK + 24, 2)
    yield put(WORD, FRAME, BACK + 28, 0)


def keys(protocol: str, low: int, size: int) -> Iterator[bytes]:
    """Yield the keys of `ways` that stand for a run of ports: the largest blocks that fit."""
    number, end = PROTOCOLS[protocol], low + size
    while low < end:
        block = (low & -low) or 1 << 16
        while low + block > end:
            block >>= 1
        yield struct.pack("=IH", EXACT + 17 - block.bit_length(), number) + struct.pack("!H", low)
        low += block


def way(address: str, shift: int) -> bytes:
    """Return a value of `ways`. shift: the container's port less the host's."""
    found = ip_address(address)
    packed = found.packed if found.version == 6 else IPv6Address(f"::ffff:{address}").packed
    return packed + struct.pack("=HH", shift & 0xFFFF, 0)
