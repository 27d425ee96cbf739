"""Whatever compression a layer or archive comes in: plain bytes out, with the digests of both forms."""

import bz2
import contextlib
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol, cast

import zstandard
from isal import igzip, isal_zlib

from boxship.base.errors import Invalid

CHUNK = 1 << 18
GZIP, ZSTD, BZIP2, XZ = "gzip", "zstd", "bzip2", "xz"
_MAGICS = {GZIP: b"\x1f\x8b", ZSTD: b"\x28\xb5\x2f\xfd", BZIP2: b"BZh", XZ: b"\xfd7zXZ\0"}
_FAULTS = (
    zlib.error,
    cast(type[Exception], isal_zlib.error),
    zstandard.ZstdError,
    lzma.LZMAError,
    igzip.BadGzipFile,
    EOFError,
    ValueError,
)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Counted(io.RawIOBase):
    """The bytes as they come, with their digest."""

    def __init__(self, source: Callable[[int], bytes], hashed: bool = True) -> None:
        self._source = source
        self._ahead = b""
        self._hash = hashlib.sha256()
        self.hashed = hashed
        self.size = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def head(self, size: int) -> bytes:
        """Return the first bytes and keep them for reading; fewer only if there are no more."""
        while len(self._ahead) < size and (more := self._source(CHUNK)):
            self._ahead += more
        return self._ahead[:size]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = CHUNK if size < 0 else size
        piece = self._ahead[:size] if self._ahead else self._source(size)
        self._ahead = self._ahead[size:]
        self.size += len(piece)
        if self.hashed:
            self._hash.update(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def is_compressed(head: bytes) -> bool:
    """Tell by its first six bytes whether a stream is compressed in a way we can read."""
    return compression_of(head) != ""


def compression_of(head: bytes) -> str:
    """Return GZIP, ZSTD, BZIP2, XZ, or "" for what is none of these."""
    return next((name for name, magic in _MAGICS.items() if head.startswith(magic)), "")


def _reader(counted: _Counted, compression: str) -> _Readable:
    """Return a reader of plain bytes; none of them holds more than a few chunks, however well its input shrank."""
    source = cast(BinaryIO, counted)
    if compression == GZIP:
        found: _Readable = igzip.IGzipFile(fileobj=source, mode="rb")  # type: ignore[no-untyped-call]
        return found
    if compression == ZSTD:
        return zstandard.ZstdDecompressor().stream_reader(source, read_size=CHUNK, read_across_frames=True)
    if compression == BZIP2:
        return bz2.BZ2File(source)
    return lzma.LZMAFile(source) if compression == XZ else counted


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Raises Invalid for what decompressors say of damaged data; what the source itself raises passes."""
    try:
        yield
    except _FAULTS as e:
        raise Invalid(f"broken compressed data: {e}") from e
    except OSError as e:
        if type(e) is not OSError or e.errno is not None:
            raise
        raise Invalid(f"broken compressed data: {e}") from e  # bz2's own words for it


class Intake:
    """Reads a source to its end, plain. size: plain bytes so far. The digests are right once `read` gave b"".
    compression: GZIP, ZSTD, BZIP2, XZ, or "" once the first byte was read."""

    def __init__(self, source: Callable[[int], bytes]) -> None:
        self._source = _Counted(source)
        self._reader: _Readable | None = None
        self._hash = hashlib.sha256()
        self.size = 0
        self.compression = ""

    @property
    def digest(self) -> str:
        """Of the bytes as they came."""
        return self._source.digest if self._source.hashed else self.diff_id

    @property
    def packed_size(self) -> int:
        """Bytes as they came, so far."""
        return self._source.size

    @property
    def diff_id(self) -> str:
        """Of the plain bytes."""
        return "sha256:" + self._hash.hexdigest()

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next plain bytes, b"" at the end. Raises Invalid for broken compression."""
        if self._reader is None:
            self.compression = compression_of(self._source.head(6))
            self._reader = _reader(self._source, self.compression)
            self._source.hashed = self._reader is not self._source
        with _understood():
            piece = self._reader.read(size)
        self._hash.update(piece)
        self.size += len(piece)
        return piece


def plain(source: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return a function that reads the plain bytes of `source`, without digests."""
    counted = _Counted(source, hashed=False)
    reader: list[_Readable] = []

    def read(size: int) -> bytes:
        if not reader:
            reader.append(_reader(counted, compression_of(counted.head(6))))
        with _understood():
            return reader[0].read(size)

    return read
