"""What containers print, side by side: each line behind the name of its container. Reads streams, from many threads."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TextIO

from boxship.base.errors import PlatformError
from boxship.front.client.api import Client, segment
from boxship.front.client.wire import Connection, Reply

_COLOURS = tuple(f"\x1b[{code}m" for code in (36, 33, 32, 35, 34, "36;1", "33;1", "32;1", "35;1", "34;1"))
_PLAIN = "\x1b[0m"


class Printer:
    """Writes whole lines; safe for threads. prefix: with names. colour: by container."""

    def __init__(self, out: TextIO, err: TextIO, *, prefix: bool = True, colour: bool = False) -> None:
        self._out, self._err = out, err
        self._prefix, self._colour = prefix, colour
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._width = 0
        self.quiet = False

    def know(self, name: str) -> None:
        """Make room for a name before its first line comes."""
        with self._lock:
            if name not in self._names:
                self._names[name] = _COLOURS[len(self._names) % len(_COLOURS)]
                self._width = max(self._width, len(name))

    def line(self, name: str, text: str, stream: int = 1) -> None:
        """Write one line of a container; stream 2 is its standard error."""
        self.know(name)
        with self._lock:
            if self.quiet:
                return
            out = self._err if stream == 2 else self._out
            out.write(f"{self._head(name)}{text}\n")
            out.flush()

    def note(self, name: str, text: str) -> None:
        """Write a line of our own about a container."""
        self.know(name)
        with self._lock:
            if not self.quiet:
                colour = self._names[name] if self._colour else ""
                self._out.write(f"{colour}{name} {text}{_PLAIN if colour else ''}\n")
                self._out.flush()

    def _head(self, name: str) -> str:
        if not self._prefix:
            return ""
        head = f"{name.ljust(self._width)}  | "
        return f"{self._names[name]}{head}{_PLAIN}" if self._colour else head


class Taker(Protocol):
    """What takes lines: a Printer, or a list."""

    def line(self, name: str, text: str, stream: int = 1) -> None: ...


class _Kept:
    def __init__(self, found: list[str]) -> None:
        self._found = found

    def line(self, name: str, text: str, stream: int = 1) -> None:
        self._found.append(text)


class Lines:
    """Cuts the bytes of one container into lines, the two streams apart. A terminal's bytes are not framed."""

    def __init__(self, printer: Taker, name: str, *, terminal: bool) -> None:
        self._printer, self._name, self._terminal = printer, name, terminal
        self._held = bytearray()
        self._rest: dict[int, bytes] = {1: b"", 2: b""}

    def feed(self, data: bytes) -> None:
        if self._terminal:
            self._lines(1, data)
            return
        self._held += data
        while len(self._held) >= 8:
            size = int.from_bytes(self._held[4:8], "big")
            if len(self._held) < 8 + size:
                return
            stream, payload = self._held[0], bytes(self._held[8 : 8 + size])
            del self._held[: 8 + size]
            self._lines(2 if stream == 2 else 1, payload)

    def _lines(self, stream: int, data: bytes) -> None:
        *whole, rest = (self._rest[stream] + data).split(b"\n")
        self._rest[stream] = rest
        for line in whole:
            self._printer.line(self._name, line.rstrip(b"\r").decode(errors="replace"), stream)

    def end(self) -> None:
        for stream, rest in self._rest.items():
            if rest:
                self._printer.line(self._name, rest.decode(errors="replace"), stream)
        self._rest = {1: b"", 2: b""}


def attach(client: Client, id: str, name: str, printer: Printer) -> threading.Thread:
    """Connect with the output of a container, started or not; return the thread that prints it until it ends."""
    terminal = bool(client.get(f"/containers/{segment(id)}/json")["Config"]["Tty"])
    query = {"stream": True, "stdout": True, "stderr": True}
    connection, _reply = client.hijack(f"/containers/{segment(id)}/attach", query)
    return _thread(_taken(connection), Lines(printer, name, terminal=terminal))


def follow(client: Client, id: str, name: str, printer: Printer, query: Mapping[str, Any]) -> threading.Thread:
    """Print a container's log; return the thread that does it. query: of GET /containers/{id}/logs."""
    terminal = bool(client.get(f"/containers/{segment(id)}/json")["Config"]["Tty"])
    reply = client.stream("GET", f"/containers/{segment(id)}/logs", query)
    return _thread(_streamed(reply), Lines(printer, name, terminal=terminal))


def last_lines(client: Client, id: str, count: int) -> list[str]:
    """Return the last lines that a container has printed, on both streams."""
    query = {"stdout": True, "stderr": True, "tail": count}
    found: list[str] = []
    reply = client.stream("GET", f"/containers/{segment(id)}/logs", query)
    kept = Lines(_Kept(found), "", terminal=bool(client.get(f"/containers/{segment(id)}/json")["Config"]["Tty"]))
    for piece in _streamed(reply):
        kept.feed(piece)
    kept.end()
    return found[-count:]


def _taken(connection: Connection) -> Iterator[bytes]:
    with connection:
        while piece := connection.reader.some():
            yield piece


def _streamed(reply: Reply) -> Iterator[bytes]:
    yield from reply.parts()
    if reply.connection is not None:
        reply.connection.close()


def _thread(pieces: Iterator[bytes], lines: Lines) -> threading.Thread:
    def run() -> None:
        try:
            for piece in pieces:
                lines.feed(piece)
        except (OSError, PlatformError):
            pass  # the daemon went away: whoever waits for the end learns it from the events
        lines.end()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread
