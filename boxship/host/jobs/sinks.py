"""Where a tar goes that is being made: into a descriptor, or nowhere, when only what it is like is wanted."""

import hashlib
import os
import queue
import threading
from typing import BinaryIO, NamedTuple, Protocol

from isal import isal_zlib

from boxship.host.jobs.splitform import Writer

GATHER = 1 << 18  # bytes kept back to be dealt with together
SMALL = 1 << 16  # files up to this size are copied through memory
CHUNK = 1 << 20
AHEAD = 4  # pieces that may wait for the one who adds them up


class Sink(Protocol):
    """Takes a tar's parts in their order."""

    def literal(self, piece: bytes) -> None:
        """Take a header, or what follows a body."""
        ...

    def contents(self, name: bytes, fd: int, size: int) -> None:
        """Take a file's body, exactly `size` bytes whatever the file has become: its header has promised them."""
        ...


class Stream:
    """Writes it to a descriptor. Raises BrokenPipeError once nobody reads."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._kept: list[bytes] = []
        self._size = 0

    def literal(self, piece: bytes) -> None:
        self._kept.append(piece)
        self._size += len(piece)
        if self._size >= GATHER:
            self.flush()

    def contents(self, name: bytes, fd: int, size: int) -> None:
        left = size
        if size <= SMALL:
            while left and (piece := os.read(fd, left)):
                self.literal(piece)
                left -= len(piece)
        else:
            self.flush()
            while left and (sent := os.sendfile(self._sink, fd, None, min(left, CHUNK))):
                left -= sent
        while left:
            self.literal(bytes(min(left, GATHER)))
            left -= min(left, GATHER)

    def flush(self) -> None:
        rest = memoryview(b"".join(self._kept))
        self._kept, self._size = [], 0
        while rest:
            rest = rest[os.write(self._sink, rest) :]


class Sealed(NamedTuple):
    """diff_id: "sha256:…" of the tar.  size: bytes in regular files.  tar_size: bytes of the tar."""

    diff_id: str
    size: int
    tar_size: int


class Seal:
    """Adds a tar up and writes its split form, while the files stay where they are. Must be closed, by `close` or by
    ending the process."""

    def __init__(self, split: BinaryIO) -> None:
        self._writer = Writer(split)
        self._hash = hashlib.sha256()
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._size = 0
        self._tar_size = 0
        self._pieces: queue.Queue[bytes] = queue.Queue(AHEAD)
        self._adding = threading.Thread(target=self._add_up, daemon=True)
        self._adding.start()

    def _add_up(self) -> None:
        """Beside the reading: adding up lets go of Python's lock."""
        while piece := self._pieces.get():
            self._hash.update(piece)

    def literal(self, piece: bytes) -> None:
        self._writer.literal(piece)
        self._keep(piece)

    def contents(self, name: bytes, fd: int, size: int) -> None:
        self._size += size
        if not size:
            return
        hidden = name.startswith(b".wh.") or b"/.wh." in name  # which a whiteout's name keeps from being extracted
        if not hidden:
            self._writer.file(name.removeprefix(b"./").lstrip(b"/"), size)
        crc, left = 0, size
        while left:
            piece = os.read(fd, min(left, CHUNK)) or bytes(min(left, CHUNK))
            left -= len(piece)
            if hidden:
                self._writer.literal(piece)
            else:
                crc = isal_zlib.crc32(piece, crc)
            self._keep(piece)
        if not hidden:
            self._writer.crc(crc)

    def _keep(self, piece: bytes) -> None:
        self._kept.append(piece)
        self._kept_size += len(piece)
        if self._kept_size >= GATHER:
            self._flush()

    def _flush(self) -> None:
        self._tar_size += self._kept_size
        if self._kept:
            self._pieces.put(b"".join(self._kept) if len(self._kept) > 1 else self._kept[0])
        self._kept, self._kept_size = [], 0

    def close(self) -> Sealed:
        """Write the rest and return what it all is."""
        self._flush()
        self._pieces.put(b"")
        self._writer.close()
        self._adding.join()
        return Sealed("sha256:" + self._hash.hexdigest(), self._size, self._tar_size)
