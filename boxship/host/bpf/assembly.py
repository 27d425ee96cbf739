"""Instructions of the kernel's BPF machine as bytes, with labels for jumps. Pure.

Only what our programs use. Source: linux Documentation/bpf/standardization/instruction-set.rst.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

WORD, HALF = 0x00, 0x08  # BPF_W, BPF_H
FROM_MAP = 1  # BPF_PSEUDO_MAP_FD
CALLS = {"lookup": 1, "update": 2, "socket cookie": 46, "netns cookie": 122}


class Line(NamedTuple):
    """One instruction. label: where a jump leads, "" for none.  more: upper half of a constant of 64 bits."""

    code: int
    target: int = 0
    source: int = 0
    offset: int = 0
    constant: int = 0
    label: str = ""
    more: int | None = None


class Label(NamedTuple):
    name: str


def load(size: int, target: int, source: int, offset: int) -> Line:
    """target = *(source + offset)"""
    return Line(0x61 | size, target, source, offset)


def store(size: int, target: int, offset: int, source: int) -> Line:
    """*(target + offset) = source"""
    return Line(0x63 | size, target, source, offset)


def put(size: int, target: int, offset: int, constant: int) -> Line:
    """*(target + offset) = constant"""
    return Line(0x62 | size, target, 0, offset, constant)


def store_long(target: int, offset: int, source: int) -> Line:
    return Line(0x7B, target, source, offset)


def copy(target: int, source: int) -> Line:
    return Line(0xBF, target, source)


def give(target: int, constant: int) -> Line:
    return Line(0xB7, target, 0, 0, constant)


def add(target: int, constant: int) -> Line:
    return Line(0x07, target, 0, 0, constant)


def add_register(target: int, source: int) -> Line:
    return Line(0x0F, target, source)


def network_order(target: int) -> Line:
    """Between the machine's order of the two lowest bytes and the network's; the rest becomes 0."""
    return Line(0xDC, target, 0, 0, 16)


def constant(target: int, value: int) -> Line:
    return Line(0x18, target, 0, 0, value & 0xFFFFFFFF, more=value >> 32)


def map_of(target: int, descriptor: int) -> Line:
    return Line(0x18, target, FROM_MAP, 0, descriptor, more=0)


def unless_equal(target: int, constant: int, label: str) -> Line:
    """Compares the lower 32 bits."""
    return Line(0x56, target, 0, 0, constant, label)


def if_equal(target: int, constant: int, label: str) -> Line:
    return Line(0x15, target, 0, 0, constant, label)


def unless_same(target: int, source: int, label: str) -> Line:
    return Line(0x5D, target, source, 0, 0, label)


def call(name: str) -> Line:
    return Line(0x85, 0, 0, 0, CALLS[name])


def leave() -> Line:
    return Line(0x95)


def assemble(lines: Iterable[Line | Label]) -> bytes:
    """Return the program. Raises KeyError for a jump to nowhere."""
    places: dict[str, int] = {}
    plain: list[tuple[int, Line]] = []
    position = 0
    for line in lines:
        if isinstance(line, Label):
            places[line.name] = position
            continue
        plain.append((position, line))
        position += 1 if line.more is None else 2
    return b"".join(_packed(line, places[line.label] - place - 1 if line.label else 0) for place, line in plain)


def _packed(line: Line, jump: int) -> bytes:
    first = _instruction(line.code, line.target, line.source, jump or line.offset, line.constant)
    return first if line.more is None else first + _instruction(0, 0, 0, 0, line.more)


def _instruction(code: int, target: int, source: int, offset: int, constant: int) -> bytes:
    little = struct.pack("=H", 1)[0]
    registers = target | source << 4 if little else target << 4 | source
    return struct.pack("=BBhI", code, registers, offset, constant & 0xFFFFFFFF)
