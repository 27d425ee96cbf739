"""The form in which the tar of a layer is kept beside its extracted files: all of it but what these hold.

A zstd stream of records: kind (1 byte), length (8 bytes, big endian), then `L`: that many bytes of the tar as they
are; `F`: the contents of a file of that length, followed by the length of its path (2 bytes) and the path, relative to
the layer; `K`: the CRC-32 that the file before it had, in place of a length. Idea: vbatts/tar-split.
"""

from typing import BinaryIO

import zstandard

_LIMIT = 1 << 16  # records are handed to the compressor in pieces of about this size


class Writer:
    """Takes a tar's parts in their order."""

    def __init__(self, sink: BinaryIO) -> None:
        self._writer = zstandard.ZstdCompressor(level=1, write_checksum=True).stream_writer(sink, closefd=False)
        self._literal = bytearray()
        self._records = bytearray()

    def literal(self, piece: bytes | memoryview) -> None:
        """Keep bytes as they are."""
        self._literal += piece
        if len(self._literal) >= _LIMIT:
            self._settle()

    def file(self, path: bytes, size: int) -> None:
        """Note that the contents of a file come next; `crc` must follow."""
        self._settle()
        self._records += b"F" + size.to_bytes(8, "big") + len(path).to_bytes(2, "big") + path

    def crc(self, crc: int) -> None:
        """Tell how to know those contents again."""
        self._records += b"K" + crc.to_bytes(8, "big")

    def _settle(self) -> None:
        if self._literal:
            self._records += b"L" + len(self._literal).to_bytes(8, "big")
            self._records += self._literal
            self._literal.clear()
        if len(self._records) >= _LIMIT:
            self._writer.write(bytes(self._records))
            self._records.clear()

    def close(self) -> None:
        """Write the rest."""
        self._settle()
        self._writer.write(bytes(self._records))
        self._writer.close()  # type: ignore[no-untyped-call]
