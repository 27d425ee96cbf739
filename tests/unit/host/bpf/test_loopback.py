"""Runs of ports as keys of the map, and programs as bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.host.bpf import loopback
from boxship.host.bpf.assembly import Label, assemble, give, if_equal, leave, map_of


@given(st.integers(0, 65535), st.integers(1, 65536))
def test_keys_stand_for_the_run_and_nothing_else(low: int, size: int) -> None:
    size = min(size, 65536 - low)
    found: list[int] = []
    for key in loopback.keys("udp", low, size):
        bits, protocol = struct.unpack_from("=IH", key)
        (first,) = struct.unpack_from("!H", key, 6)
        assert protocol == 17
        block = 1 << (32 - bits)
        assert first % block == 0
        found += [first, first + block]
    assert found[0] == low
    assert found[-1] == low + size
    assert all(found[n] == found[n + 1] for n in range(1, len(found) - 1, 2))


def test_ten_thousand_ports_take_a_few_keys() -> None:
    assert len(list(loopback.keys("udp", 20000, 10000))) < 20


def test_ways() -> None:
    assert loopback.way("10.1.0.2", -1)[:18] == bytes(10) + b"\xff\xff\x0a\x01\x00\x02" + struct.pack("=H", 65535)
    assert loopback.way("fd00::2", 0)[:16].hex() == "fd000000000000000000000000000002"


def test_jumps_count_instructions_and_long_constants_are_two() -> None:
    program = assemble([if_equal(0, 0, "out"), map_of(1, 7), Label("out"), give(0, 1), leave()])
    assert len(program) == 5 * 8
    assert struct.unpack_from("=h", program, 2) == (2,)


def test_a_jump_to_nowhere_is_an_error() -> None:
    with pytest.raises(KeyError):
        assemble([if_equal(0, 0, "nowhere")])
