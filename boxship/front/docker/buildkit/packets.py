"""Cutting streams of length-prefixed messages, and making those that ask for files. Pure."""

from collections.abc import Iterator

from boxship.base.errors import Invalid

HEAD = 5  # bytes before each message: a flag for compression and the length
LIMIT = 64 << 20


class Cutter:
    """Cuts what comes in pieces into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole now. Raises Invalid for compressed or giant ones."""
        whole = self._rest + data if self._rest else data
        at, end = 0, len(whole)
        while at + HEAD <= end:
            size = int.from_bytes(whole[at + 1 : at + HEAD], "big")
            if whole[at] or size > LIMIT:
                raise Invalid("a packet is compressed or too large")
            after = at + HEAD + size
            if after > end:
                break
            yield whole[at + HEAD : after]
            at = after
        self._rest = whole[at:]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def request(id: int) -> bytes:
    """Return the framed packet that asks for the contents of the file told of as the `id`th."""
    body = b"\x08\x01\x18" + varint(id)
    return b"\0" + len(body).to_bytes(4, "big") + body


FIN = b"\0\0\0\0\x02\x08\x03"
