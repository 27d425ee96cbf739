"""Netlink messages as bytes."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from boxship.host import firewall
from boxship.host.netlink import route, wire


def test_attributes_are_padded_to_four_bytes() -> None:
    assert wire.text(3, "eth0") == struct.pack("=HH", 9, 3) + b"eth0\0\0\0\0"
    assert wire.number(4, 1500) == struct.pack("=HHI", 8, 4, 1500)
    assert wire.octet(1, 1) == struct.pack("=HHB", 5, 1, 1) + b"\0\0\0"


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40), max_size=8))
def test_what_is_packed_can_be_read(values: dict[int, bytes]) -> None:
    packed = b"".join(wire.attribute(kind, value) for kind, value in values.items())
    assert wire.attributes(packed) == values


@given(st.binary(max_size=60))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    wire.attributes(data)
    list(wire.messages(data))


def test_requests_carry_length_and_sequence() -> None:
    request = wire.Request(16, wire.ACK, b"body", "do it")
    packed = request.packed(7) + request.packed(8)
    assert [(m.kind, m.sequence, m.body) for m in wire.messages(packed)] == [(16, 7, b"body"), (16, 8, b"body")]


def test_addresses() -> None:
    four = wire.attributes(route.add_address(3, "10.1.0.2/16").body[8:])
    assert four[route.IFA_LOCAL] == bytes((10, 1, 0, 2))
    assert four[route.IFA_BROADCAST] == bytes((10, 1, 255, 255))
    assert route.IFA_BROADCAST not in wire.attributes(route.add_address(3, "10.1.0.2/31").body[8:])
    six = route.add_address(3, "fd00::2/64")
    assert six.body[:3] == bytes((route.AF_INET6, 64, route.IFA_F_NODAD))


def test_set_link_changes_only_what_is_given() -> None:
    request = route.set_link(5, "x", mtu=1400)
    assert struct.unpack_from("=BxHiII", request.body) == (0, 0, 5, 0, 0)
    assert wire.attributes(request.body[16:]) == {route.IFLA_MTU: struct.pack("=I", 1400)}
    assert struct.unpack_from("=BxHiII", route.set_link(5, "x", up=False).body)[3:] == (0, 1)


def test_a_veth_pair_names_its_peer_and_where_it_lives() -> None:
    body = route.new_veth("bv1", "eth0", 9).body
    info = wire.attributes(wire.attributes(body[16:])[route.IFLA_LINKINFO])
    peer = wire.attributes(wire.attributes(info[route.INFO_DATA])[route.VETH_INFO_PEER][16:])
    assert wire.string(info[route.INFO_KIND]) == "veth"
    assert wire.string(peer[route.IFLA_IFNAME]) == "eth0"
    assert wire.integer(peer[route.IFLA_NET_NS_FD]) == 9


def test_changes_of_the_packet_filter_name_table_and_author() -> None:
    head = bytes(4)
    change = wire.Message(10 << 8 | 2, 1, head + wire.text(1, "boxship"))
    done = wire.Message(firewall.GENERATION, 1, head + wire.attribute(2, struct.pack(">I", 4321)), 77)
    assert firewall.subject(change) == "boxship"
    assert firewall.authors(done) == {4321, 77}
    assert next(wire.messages(wire.HEADER.pack(16, 5, 0, 1, 77))).port == 77
