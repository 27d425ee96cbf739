"""Put a layer's tar together again, from its split form (splitform) and the files of its tree.

As a job it runs in a child of its own that has made the tree its root directory, so that no link in it leads out, and
packs what it writes: Python's lock would make several layers in one process wait for each other at every file.
"""

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Protocol

import zstandard
from isal import isal_zlib

from boxship.base.errors import Invalid
from boxship.host.memory import give_back

CHUNK = 1 << 18
GATHER = 1 << 19  # bytes that are packed at a time
_TIDY = 8 << 20  # bytes after which free memory goes back: blocks that grow leave holes, 20 MiB for a layer of 64
_HEAD = 9  # bytes of a record's kind and length
_GZIP = 31  # window bits: 32 KiB, with gzip's header
Open = Callable[[str], BinaryIO]
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Packer:
    """Compresses what comes, writes it, and knows what it became. Make it before the root changes: what it needs is
    loaded now. sink: a descriptor.  passed: one of a small file that always tells how many bytes have been taken.
    wanted: how many there must be."""

    def __init__(self, sink: int, passed: int, level: int, wanted: int) -> None:
        self._sink = sink
        self._passed = passed
        self._packer: Any = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _GZIP)
        self._hash = hashlib.sha256()
        self._taken = 0
        self._tidy = _TIDY
        self._wanted = wanted
        self.size = 0

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def take(self, piece: memoryview) -> None:
        packed = self._packer.compress(piece)
        self._taken += len(piece)
        os.pwrite(self._passed, self._taken.to_bytes(8, "big"), 0)
        self._write(packed)
        if self._taken >= self._tidy:
            self._tidy = self._taken + _TIDY
            give_back()

    def close(self) -> None:
        """Raises Invalid when bytes are missing: a split form that was cut off looks whole to its reader."""
        if self._taken != self._wanted:
            raise _short("its split form")
        self._write(self._packer.flush())

    def _write(self, packed: bytes) -> None:
        self._hash.update(packed)
        self.size += len(packed)
        rest = memoryview(packed)
        while rest:
            rest = rest[os.write(self._sink, rest) :]


def pack(split: BinaryIO, packer: Packer, open_file: Open | None = None) -> None:
    """Hand the tar of a tree, of the root directory if no other is opened, to `packer`. A reader that went away ends it
    silently. Raises Invalid when the tree, or the split form, is no longer what it was."""
    with suppress(BrokenPipeError):
        for piece in gathered(assemble(split, open_file or _open)):
            packer.take(piece)
        packer.close()


def _open(path: str) -> BinaryIO:
    """Never waits, even if the name has become a pipe."""
    try:
        fd = os.open(f"/{path}", _FLAGS)
    except OSError as e:
        raise Invalid(f"layer cannot be put together again: {path}: {e.strerror}") from e
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Invalid(f"layer cannot be put together again: {path} is not a regular file any more")
    return io.FileIO(fd)


def gathered(pieces: Iterator[bytes]) -> Iterator[memoryview]:
    """Join small pieces until they are GATHER bytes or a little more; each view is good until the next is asked for.
    The same pieces are always joined alike."""
    buffer, size = bytearray(GATHER + CHUNK), 0
    view = memoryview(buffer)
    for piece in pieces:
        buffer[size : size + len(piece)] = piece
        size += len(piece)
        if size >= GATHER:
            yield view[:size]
            size = 0
    yield view[:size]


def assemble(split: BinaryIO, open_file: Open) -> Iterator[bytes]:
    """Yield the tar again, in pieces. `open_file` opens a path of the layer's tree.
    Raises Invalid when a file, or the split form itself, is no longer what it was."""
    reader: Any = zstandard.ZstdDecompressor().stream_reader(split)
    try:
        yield from _assembled(io.BufferedReader(reader, CHUNK), open_file)
    except zstandard.ZstdError as e:
        raise Invalid(f"layer cannot be put together again: its split form is damaged: {e}") from e


def _assembled(reader: "_Readable", open_file: Open) -> Iterator[bytes]:
    path, crc = "", 0
    while head := reader.read(_HEAD):
        if len(head) < _HEAD:
            raise _short("its split form")
        kind, length = head[:1], int.from_bytes(head[1:], "big")
        if kind == b"L":
            yield from _pieces(reader, length, "its split form")
        elif kind == b"F":
            path = _exactly(reader, int.from_bytes(_exactly(reader, 2), "big")).decode(errors="surrogateescape")
            crc = 0
            with open_file(path) as file:
                for piece in _pieces(file, length, path):
                    crc = isal_zlib.crc32(piece, crc)
                    yield piece
        elif length != crc:
            raise Invalid(f"layer cannot be put together again: {path} has changed since")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _pieces(source: _Readable, length: int, name: str) -> Iterator[bytes]:
    while length:
        piece = source.read(min(CHUNK, length))
        if not piece:
            raise _short(name)
        length -= len(piece)
        yield piece


def _exactly(source: _Readable, length: int) -> bytes:
    found = source.read(length)
    if len(found) < length:
        raise _short("its split form")
    return found


def _short(name: str) -> Invalid:
    return Invalid(f"layer cannot be put together again: {name} is shorter than it was")
