"""Many conversations over one connection of bytes: frames of a kind, a number and a payload. Pure.

    9 bytes of head (kind, number of the conversation, length of the payload; big-endian), then the payload.

Either side begins a conversation with MESSAGE under a number of its own: the daemon's are even, the client's odd. DATA
carries bytes, END ends the sender's half, FAILED ends it with a sentence that says why.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from boxship.base.errors import Invalid

MESSAGE, DATA, END, FAILED = 1, 2, 3, 4
KINDS = frozenset((MESSAGE, DATA, END, FAILED))
LARGEST = 1 << 20  # bytes of a payload
_HEAD = struct.Struct(">BII")


class Frame(NamedTuple):
    kind: int
    number: int
    payload: bytes = b""

    def told(self) -> Any:
        """Return a MESSAGE's JSON value."""
        return json.loads(self.payload)


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    return _HEAD.pack(kind, number, len(payload)) + payload


def message(number: int, value: Any) -> bytes:
    return frame(MESSAGE, number, json.dumps(value).encode())


def pieces(number: int, data: bytes) -> Iterator[bytes]:
    """Yield the DATA frames for bytes of any length."""
    for at in range(0, len(data), LARGEST):
        yield frame(DATA, number, data[at : at + LARGEST])


class Frames:
    """Takes bytes apart as they come."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that is whole. Raises Invalid for what is none."""
        self._held += data
        while len(self._held) >= _HEAD.size:
            kind, number, size = _HEAD.unpack_from(self._held)
            if kind not in KINDS or size > LARGEST:
                raise Invalid(f"not a frame: kind {kind}, {size} bytes")
            end = _HEAD.size + size
            if len(self._held) < end:
                return
            payload = bytes(self._held[_HEAD.size : end])
            del self._held[:end]
            yield Frame(kind, number, payload)
