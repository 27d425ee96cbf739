"""Netlink messages as bytes: headers, attributes, and the way back. Pure; knows no message by name."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # length, type

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUDE, CREATE = 0x100, 0x200, 0x400
ERROR, DONE = 2, 3
NESTED_MASK = 0x3FFF  # without the flags nested and network byte order


class Request(NamedTuple):
    """One message to the kernel. about: what it does, for the error text.
    tolerate: error numbers that mean the thing is as wanted."""

    kind: int
    flags: int
    body: bytes
    about: str
    tolerate: tuple[int, ...] = ()

    def packed(self, sequence: int) -> bytes:
        return HEADER.pack(HEADER.size + len(self.body), self.kind, self.flags | REQUEST, sequence, 0) + self.body


class Message(NamedTuple):
    """port: the socket that the message answers or, in what the kernel tells everybody, that caused it."""

    kind: int
    sequence: int
    body: bytes
    port: int = 0


def attribute(kind: int, value: bytes) -> bytes:
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def octet(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=B", value))


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def messages(data: bytes) -> Iterator[Message]:
    """Split what one recv gave."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, _, sequence, port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield Message(kind, sequence, data[offset + HEADER.size : offset + length], port)
        offset += length + (-length % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """Return the attributes by type; of a repeated one the last counts."""
    found, offset = {}, 0
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size:
            break
        found[kind & NESTED_MASK] = data[offset + ATTRIBUTE.size : offset + length]
        offset += length + (-length % 4)
    return found


def string(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode(errors="replace")


def integer(value: bytes) -> int:
    return int.from_bytes(value[:4], "little" if struct.pack("=H", 1)[0] else "big")


def signed(value: bytes | None) -> int:
    """Return a number that may be negative; -1 for none."""
    return struct.unpack("=i", value[:4])[0] if value else -1
