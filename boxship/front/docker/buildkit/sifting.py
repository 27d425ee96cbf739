"""HTTP/2 for messages by the ten thousand: DATA frames of some streams go past the state machine.

h2 takes about a tenth of a millisecond for a frame, and a client tells of each file of a context in a frame of its own.
So frames are cut here; those of a sifted stream go to its sink, all others to h2, which never sees the difference: flow
control of what went past is ours, by WINDOW_UPDATE frames. Leans on names of grpclib that are not promised
(`H2Protocol`, `connection`, `_transport`): tests hold them in place. Source: RFC 9113, sections 4, 6.1 and 6.9.
"""

import struct
from typing import Protocol

from grpclib.protocol import H2Protocol

HEAD = 9  # bytes before each frame
DATA, WINDOW_UPDATE, PADDED = 0, 8, 8


class Sink(Protocol):
    """Takes the bytes of one stream; they count as read only once `credit` is called for them."""

    def feed(self, data: bytes, size: int) -> None:
        """size: what the frame has taken of the window."""
        ...


class Sifting(H2Protocol):
    """A connection in the client's role. Its sinks are found by the number of their stream."""

    def sift(self, stream_id: int, sink: Sink) -> None:
        self._sinks[stream_id] = sink

    def unsift(self, stream_id: int) -> None:
        self._sinks.pop(stream_id, None)

    def connection_made(self, transport: object) -> None:
        self._sinks: dict[int, Sink] = {}
        self._rest = b""
        super().connection_made(transport)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        whole = self._rest + data if self._rest else data
        begin = at = 0
        end = len(whole)
        while at + HEAD <= end:
            after = at + HEAD + (whole[at] << 16 | whole[at + 1] << 8 | whole[at + 2])
            if after > end:
                break
            if whole[at + 3] == DATA and self._sinks:
                sink = self._sinks.get(int.from_bytes(whole[at + 5 : at + HEAD], "big") & 0x7FFFFFFF)
                if sink is not None:
                    if begin < at:
                        super().data_received(whole[begin:at])
                    sink.feed(_payload(whole, at, after), after - at - HEAD)
                    begin = after
            at = after
        if begin < at:
            super().data_received(whole[begin:at])
        self._rest = bytes(whole[at:])

    def credit(self, stream_id: int, size: int) -> None:
        """Let the other side send `size` bytes more, on this stream and in all."""
        if not size or self.connection.is_closing():
            return
        self.connection._transport.write(_window(0, size) + _window(stream_id, size))


def _payload(whole: bytes, at: int, after: int) -> bytes:
    if whole[at + 4] & PADDED:
        return bytes(whole[at + HEAD + 1 : after - whole[at + HEAD]])
    return bytes(whole[at + HEAD : after])


def _window(stream_id: int, size: int) -> bytes:
    return struct.pack(">BHBBII", 0, 4, WINDOW_UPDATE, 0, stream_id, size)
