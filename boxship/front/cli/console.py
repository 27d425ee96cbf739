"""A terminal or a pipe on our side, an attached process on the other: bytes both ways until the process ends."""

import contextlib
import os
import selectors
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from boxship.base.errors import Invalid
from boxship.front.client.wire import Connection, Line, half_close, pending

CHUNK = 32 * 1024
DETACH_KEYS = b"\x10\x11"  # ctrl-p ctrl-q


class Detached(Exception):
    """The user typed the detach keys."""


def detach_keys(text: str) -> bytes:
    """Return the bytes of `ctrl-p,ctrl-q` or `a,b`; the default for "". Raises Invalid."""
    if not text:
        return DETACH_KEYS
    keys = bytearray()
    for word in text.split(","):
        if len(word) == 1:
            keys += word.encode()
        elif word.startswith("ctrl-") and len(word) == 6 and ("a" <= word[5].lower() <= "z" or word[5] in "@[\\]^_"):
            keys.append(ord(word[5].upper()) & 0x1F)
        else:
            raise Invalid(f"invalid detach keys ({text}): want letters or ctrl-a … ctrl-z, parted by commas")
    return bytes(keys)


class Frames:
    """Takes stdcopy apart: 8 bytes of head (stream, 3 zeros, length), then the payload."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (1 stdout, 2 stderr or 3 error, payload) of every frame that is whole."""
        self._held += data
        while len(self._held) >= 8:
            size = int.from_bytes(self._held[4:8], "big")
            if len(self._held) < 8 + size:
                return
            stream, payload = self._held[0], bytes(self._held[8 : 8 + size])
            del self._held[: 8 + size]
            yield stream, payload


class Typed:
    """Watches what is typed for the detach keys; a beginning that leads nowhere is let through."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._seen = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what to send on, and whether the keys are complete."""
        out = bytearray()
        for index in range(len(data)):
            self._seen += data[index : index + 1]
            if self._seen == self._keys:
                return bytes(out), True
            while self._seen and not self._keys.startswith(self._seen):
                out += self._seen[:1]
                self._seen = self._seen[1:]
        return bytes(out), False


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Hand every key to the process while open; leave our terminal as it was."""
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def size() -> tuple[int, int]:
    """Return height and width of our terminal, (0, 0) without one."""
    with contextlib.suppress(OSError):
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        return lines, columns
    return 0, 0


def on_resize(act: Callable[[int, int], Any]) -> None:
    """Call `act(height, width)` now and whenever our terminal changes its size."""

    def tell(*_: Any) -> None:
        height, width = size()
        if height and width:
            act(height, width)

    signal.signal(signal.SIGWINCH, tell)
    tell()


class Pump:
    """Moves bytes until the process's output ends. `terminal`: raw output, and detach keys are looked for."""

    def __init__(self, connection: Connection, *, terminal: bool, stdin: bool, keys: bytes = DETACH_KEYS) -> None:
        self._connection = connection
        self._frames = None if terminal else Frames()
        self._typed = Typed(keys) if terminal else None
        self._stdin = sys.stdin.fileno() if stdin else -1

    def run(self) -> None:
        """Return when all output has been written. Raises Detached."""
        sock = self._connection.sock
        while self._connection.reader.pending:
            self._show(self._connection.reader.some())
        if pending(sock) and not self._receive(sock):
            return
        with selectors.DefaultSelector() as waiting:
            waiting.register(sock, selectors.EVENT_READ)
            if self._stdin >= 0:
                _register(waiting, self._stdin)
            while True:
                for key, _ in waiting.select():
                    if key.fd == self._stdin:
                        if not self._send(sock):
                            waiting.unregister(self._stdin)
                    elif not self._receive(sock):
                        return

    def _receive(self, sock: Line) -> bool:
        try:
            data = sock.recv(CHUNK)
            while data and pending(sock):
                data += sock.recv(CHUNK)  # TLS keeps decrypted bytes that select cannot see
        except OSError:  # reset
            return False
        self._show(data)
        return bool(data)

    def _send(self, sock: Line) -> bool:
        """Send what was typed; False when our input has ended."""
        data = os.read(self._stdin, CHUNK)
        detached = False
        if self._typed and data:
            data, detached = self._typed.feed(data)
        with contextlib.suppress(OSError):  # it may be gone
            if data:
                sock.sendall(data)
            elif not detached and not self._typed:
                half_close(sock)
        if detached:
            raise Detached
        return bool(data) or bool(self._typed)

    def _show(self, data: bytes) -> None:
        if self._frames is None:
            write(1, data)
            return
        for stream, payload in self._frames.feed(data):
            write(1 if stream == 1 else 2, payload)


def _register(waiting: selectors.BaseSelector, fd: int) -> None:
    """A regular file is always ready and cannot be polled: give it through a pipe."""
    try:
        waiting.register(fd, selectors.EVENT_READ)
    except PermissionError:
        pipe = _piped(fd)
        os.dup2(pipe, fd)
        waiting.register(fd, selectors.EVENT_READ)


def _piped(fd: int) -> int:
    import threading

    source, (reading, writing) = os.dup(fd), os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), open(source, "rb", 0) as file, open(writing, "wb", 0) as pipe:
            while data := file.read(CHUNK):
                pipe.write(data)

    threading.Thread(target=feed, daemon=True).start()
    return reading


def write(fd: int, data: bytes) -> None:
    """Write all of `data` to our standard output or error, unbuffered."""
    (sys.stdout if fd == 1 else sys.stderr).flush()
    while data:
        data = data[os.write(fd, data) :]
