"""Tar headers: POSIX ustar, with a pax record in front for what does not fit. Pure.

Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header". Numbers are octal text.
"""

from collections.abc import Mapping
from typing import NamedTuple

BLOCK = 512
END = bytes(2 * BLOCK)
FILE, HARD_LINK, LINK, CHARACTER, DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_BIGGEST_ID = 0o7777777
_BIGGEST = 0o77777777777
_NO_LINK = bytes(100)
_NONE = (0, 0)  # no device
_BLANKS = 8 * ord(" ")  # the sum's own field, while it is summed up


class Member(NamedTuple):
    """name: as archived, directories end in a slash.  mtime: seconds.  attributes: extended ones."""

    name: bytes
    kind: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    attributes: Mapping[str, bytes] = {}


def header(m: Member) -> bytes:
    """Return the member's header blocks."""
    prefix, name = (b"", m.name) if len(m.name) <= 100 else _split(m.name)
    if name is not None and m.name.isascii() and m.target.isascii() and not m.attributes and _fits(m):
        return _ustar(m, prefix, name)
    records = [_record(b"SCHILY.xattr." + key.encode("utf-8", "surrogateescape"), m.attributes[key])
               for key in sorted(m.attributes)]  # fmt: skip
    if name is None or not m.name.isascii():
        records.append(_record(b"path", m.name))
    if len(m.target) > 100 or not m.target.isascii():
        records.append(_record(b"linkpath", m.target))
    for key, value, most in ((b"uid", m.uid, _BIGGEST_ID), (b"gid", m.gid, _BIGGEST_ID), (b"size", m.size, _BIGGEST)):
        if value > most:
            records.append(_record(key, b"%d" % value))
    if not 0 <= m.mtime <= _BIGGEST:
        records.append(_record(b"mtime", b"%d" % m.mtime))
    fields = _ustar(m, prefix, m.name[:100] if name is None else name)
    return _extended(b"".join(records)) + fields if records else fields


def _fits(m: Member) -> bool:
    return (
        m.uid <= _BIGGEST_ID
        and m.gid <= _BIGGEST_ID
        and m.size <= _BIGGEST
        and 0 <= m.mtime <= _BIGGEST
        and len(m.target) <= 100
    )


def _ustar(m: Member, prefix: bytes, name: bytes) -> bytes:
    """Headers come by the ten thousand: what is the same in nearly all is made once."""
    front = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(100, b"\0"),
        m.mode & 0o7777,
        m.uid if m.uid < _BIGGEST_ID else _BIGGEST_ID,
        m.gid if m.gid < _BIGGEST_ID else _BIGGEST_ID,
        m.size if m.size < _BIGGEST else _BIGGEST,
        min(max(m.mtime, 0), _BIGGEST),
    )
    link = m.target[:100].ljust(100, b"\0") if m.target else _NO_LINK
    tail = _TAIL if not prefix and m.device == _NONE else _tail(m, prefix)
    total = _BLANKS + sum(front.translate(None, b"\0")) + sum((m.kind + link + tail).translate(None, b"\0"))
    return b"%b%06o\0 %b%b%b" % (front, total, m.kind, link, tail)


def _tail(m: Member, prefix: bytes) -> bytes:
    major, minor = m.device
    device = b"%07o\0%07o\0" % (min(major, _BIGGEST_ID), min(minor, _BIGGEST_ID))
    return b"ustar\x0000" + bytes(64) + device + prefix.ljust(155, b"\0") + bytes(12)


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    """Return (prefix, name) for the ustar fields; name None if it does not fit."""
    if len(name) <= 100:
        return b"", name
    slash = name.rfind(b"/", 0, 156)
    while slash > 0 and len(name) - slash - 1 <= 100:
        if slash < len(name) - 1:
            return name[:slash], name[slash + 1 :]
        slash = name.rfind(b"/", 0, slash)
    return b"", None


def _record(key: bytes, value: bytes) -> bytes:
    """Return `length key=value\\n`, whose length counts its own digits."""
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(body) + len(b"%d" % length) != length:
        length = len(body) + len(b"%d" % length)
    return b"%d" % length + body


def _extended(records: bytes) -> bytes:
    head = _ustar(Member(b"", b"x", size=len(records)), b"", b"././@PaxHeader")
    return head + records + padding(len(records))


def padding(size: int) -> bytes:
    """Return the zeros that follow `size` bytes of contents."""
    return bytes(-size % BLOCK)


_TAIL = _tail(Member(b"", FILE), b"")
