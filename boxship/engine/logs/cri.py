"""The monitor's log format, one record a line: `TIME STREAM TAGS TEXT`. Pure.

TIME is RFC 3339 with nanoseconds, STREAM stdout or stderr, the first of TAGS `F` where the process wrote a newline
after TEXT and `P` where it did not. Source: Kubernetes, "CRI: Log format".
"""

from datetime import datetime
from typing import NamedTuple

from boxship.base.units import SECOND

STREAMS = {b"stdout": 1, b"stderr": 2}
LONGEST = 16 * 1024  # bytes of a line handed on in one piece, as dockerd does
_epochs: dict[bytes, int] = {}


class Record(NamedTuple):
    """time: as written; `nanoseconds` reads it.  stream: 1 stdout, 2 stderr.  whole: a newline follows the text."""

    time: bytes
    stream: int
    whole: bool
    text: bytes


class Line(NamedTuple):
    """One line of output. time: nanoseconds since 1970.  text: with its newline, if there was one."""

    time: int
    stream: int
    text: bytes


def parse(line: bytes) -> Record | None:
    """Return the record of one line without its newline; None for what is no record, as after a full disk."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in STREAMS:
        return None
    return Record(parts[0], STREAMS[parts[1]], parts[2][:1] == b"F", parts[3] if len(parts) == 4 else b"")


def nanoseconds(stamp: bytes) -> int:
    """Return the time of a record since 1970; 0 if it is none. Seconds are remembered, since neighbours share them."""
    second, zone = stamp[:19], stamp[19:]
    digits = zone[1:10] if zone[:1] == b"." else b""
    fraction = digits.rstrip(b"Z+-:")
    offset = zone[1 + len(fraction) :] if digits else zone
    key = second + offset
    epoch = _epochs.get(key)
    if epoch is None:
        epoch = _epoch(key)
    try:
        return epoch + int(fraction.ljust(9, b"0") or b"0")
    except ValueError:
        return 0


def _epoch(key: bytes) -> int:
    try:
        seconds = int(datetime.fromisoformat(key.decode().replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
    if len(_epochs) > 256:
        _epochs.clear()
    _epochs[key] = seconds * SECOND
    return _epochs[key]


class Splitter:
    """Records from bytes in any chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Record]:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        return [record for line in lines if (record := parse(line)) is not None]

    @property
    def rest(self) -> int:
        """Bytes of a record that has not ended yet."""
        return len(self._rest)


class Joiner:
    """Lines from records: pieces of one line are put together again, each stream by itself, up to LONGEST bytes."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[bytes]] = {}
        self._begun: dict[int, int] = {}

    def feed(self, record: Record) -> Line | None:
        """Return the line that `record` completes, if it does."""
        pieces = self._pieces.get(record.stream)
        if record.whole and not pieces:
            return Line(nanoseconds(record.time), record.stream, record.text + b"\n")
        if pieces is None:
            pieces = self._pieces[record.stream] = []
        if not pieces:
            self._begun[record.stream] = nanoseconds(record.time)
        pieces.append(record.text + b"\n" if record.whole else record.text)
        if record.whole or sum(map(len, pieces)) >= LONGEST:
            return self._take(record.stream)
        return None

    def _take(self, stream: int) -> Line:
        pieces = self._pieces.pop(stream)
        return Line(self._begun.pop(stream), stream, b"".join(pieces))

    @property
    def begun(self) -> bool:
        """Tell whether a line is begun and not ended."""
        return bool(self._pieces)

    def flush(self) -> list[Line]:
        """Return the lines begun and never ended, oldest first."""
        streams = sorted(self._pieces, key=lambda stream: self._begun[stream])
        return [self._take(stream) for stream in streams]
