"""Frames that carry several streams over one connection: four bytes of stream number, four of length, the payload.

Source: Docker Engine API, "Stream format" of ContainerAttach. Pure.
"""

import struct
from collections.abc import Iterator

STDIN, STDOUT, STDERR, SYSTEM_ERROR = range(4)
_HEADER = struct.Struct(">BxxxL")


def frame(stream: int, payload: bytes) -> bytes:
    """Return `payload` as one frame. `stream` is STDOUT, STDERR or, for a message of ours, SYSTEM_ERROR."""
    return _HEADER.pack(stream, len(payload)) + payload


class Parser:
    """Frames from bytes that come in any chunks."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the (stream, payload) pairs that `chunk` completes."""
        self._rest += chunk
        while len(self._rest) >= _HEADER.size:
            stream, length = _HEADER.unpack_from(self._rest)
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_HEADER.size : end])
            del self._rest[:end]
            yield stream, payload
