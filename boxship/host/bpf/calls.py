"""The system call bpf(2), as far as we use it: maps, programs, and programs at control groups.

Each call names what it failed at. Source: bpf(2), linux/bpf.h.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from boxship.base.errors import KernelError
from boxship.host import syscalls

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT_KEY, PROG_LOAD = range(6)
PROG_ATTACH, PROG_DETACH, PROG_BY_ID, OBJECT_INFO, PROG_QUERY = 8, 9, 13, 15, 16
LPM_TRIE, LRU_HASH = 11, 9
NO_PREALLOCATION = 1
SOCK_ADDR = 18  # BPF_PROG_TYPE_CGROUP_SOCK_ADDR
INET6_CONNECT, UDP6_SENDMSG, UDP6_RECVMSG, INET6_GETPEERNAME = 11, 15, 20, 30
ALLOW_MULTI = 2
MOST = 64  # programs of one kind at one group
LICENSE = b"Apache-2.0\0"
_ENOENT = 2


class Attached(NamedTuple):
    """A program at a group. id: the kernel's."""

    id: int
    name: str


def _call(command: int, about: str, attributes: bytes) -> int:
    return syscalls.bpf(command, about, attributes.ljust(144, b"\0"))


def _name(name: str) -> bytes:
    return name.encode()[:15].ljust(16, b"\0")


def make_map(kind: int, name: str, key: int, value: int, entries: int, flags: int = 0) -> int:
    """Return a descriptor. key, value: sizes in bytes."""
    given = struct.pack("=IIIIIII16s", kind, key, value, entries, flags, 0, 0, _name(name))
    return _call(MAP_CREATE, f"make map {name}", given)


def update(descriptor: int, key: bytes, value: bytes) -> None:
    held, holding = _buffer(key), _buffer(value)
    _call(MAP_UPDATE, "write into a map", struct.pack("=IIQQQ", descriptor, 0, _at(held), _at(holding), 0))


def delete(descriptor: int, key: bytes) -> None:
    """Safe to repeat."""
    held = _buffer(key)
    try:
        _call(MAP_DELETE, "delete from a map", struct.pack("=IIQ", descriptor, 0, _at(held)))
    except KernelError as e:
        if e.code != _ENOENT:
            raise


def keys(descriptor: int, size: int) -> Iterator[bytes]:
    last, following = _buffer(bytes(size)), _buffer(bytes(size))
    known = False
    while True:
        given = struct.pack("=IIQQ", descriptor, 0, _at(last) if known else 0, _at(following))
        try:
            _call(MAP_NEXT_KEY, "read a map", given)
        except KernelError as e:
            if e.code == _ENOENT:
                return
            raise
        yield bytes(following)
        ctypes.memmove(last, following, size)
        known = True


def load(name: str, program: bytes, hook: int) -> int:
    """Return a descriptor of a program for a hook on socket addresses; the kernel's complaint is in the error."""
    code, license_, said = _buffer(program), _buffer(LICENSE), _buffer(bytes(1 << 16))

    def attempt(level: int) -> int:
        log = (level, len(said), _at(said)) if level else (0, 0, 0)
        given = struct.pack("=IIQQIIQII16sII", SOCK_ADDR, len(program) // 8, _at(code), _at(license_), *log, 0, 0,
                            _name(name), 0, hook)  # fmt: skip
        return _call(PROG_LOAD, f"load program {name}", given)

    try:
        return attempt(0)
    except KernelError as first:
        try:
            return attempt(1)
        except KernelError as e:
            lines = bytes(said).split(b"\0")[0].decode(errors="replace").strip().splitlines()
            raise KernelError(f"{e}{': ' + ' / '.join(lines[-3:]) if lines else ''}", first.code) from e


def attach(group: int, program: int, hook: int) -> None:
    """Beside those of others."""
    _call(PROG_ATTACH, "attach a program", struct.pack("=IIII", group, program, hook, ALLOW_MULTI))


def detach(group: int, program: int, hook: int) -> None:
    """Safe to repeat."""
    try:
        _call(PROG_DETACH, "detach a program", struct.pack("=IIII", group, program, hook, 0))
    except KernelError as e:
        if e.code != _ENOENT:
            raise


def attached(group: int, hook: int) -> list[Attached]:
    """Return the programs that somebody attached to the group, not to those above it."""
    numbers = (ctypes.c_uint32 * MOST)()
    given = ctypes.create_string_buffer(struct.pack("=IIIIQI", group, hook, 0, 0, ctypes.addressof(numbers), MOST), 144)
    syscalls.bpf_into(PROG_QUERY, "list programs", given)
    (count,) = struct.unpack_from("=I", given.raw, 24)
    found = []
    for number in numbers[:count]:
        try:
            program = by_id(number)
        except KernelError:  # it went meanwhile
            continue
        try:
            found.append(Attached(number, _name_of(program)))
        finally:
            os.close(program)
    return found


def by_id(number: int) -> int:
    return _call(PROG_BY_ID, f"open program {number}", struct.pack("=I", number))


def _name_of(program: int) -> str:
    told = _buffer(bytes(128))
    _call(OBJECT_INFO, "ask about a program", struct.pack("=IIQ", program, len(told), _at(told)))
    return bytes(told)[64:80].split(b"\0")[0].decode(errors="replace")


def _buffer(content: bytes) -> "ctypes.Array[ctypes.c_char]":
    return (ctypes.c_char * len(content)).from_buffer_copy(content)


def _at(buffer: "ctypes.Array[ctypes.c_char]") -> int:
    return ctypes.addressof(buffer)
