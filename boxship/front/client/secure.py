"""TLS over a socket, such that our half can be closed while the other side still sends.

Python's own SSLSocket cannot: see secure_memory.py.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from boxship.front.client.secure_memory import CHUNK, SecureMemory

T = TypeVar("T")


class SecureSocket(SecureMemory):
    """Looks like a socket to who reads, writes, waits and closes. Raises ssl.SSLError, an OSError, as one does."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        """name: the daemon's, as its certificate has it."""
        super().__init__(context, name)
        self._sock = sock
        self._one, self._sending = threading.Lock(), threading.Lock()  # one may write while another waits to read
        try:
            self._carry(self._tls.do_handshake)
        except BaseException:
            sock.close()
            raise

    def fileno(self) -> int:
        return self._sock.fileno()

    def pending(self) -> int:
        """Return how many bytes `recv` can give although the socket below has none."""
        return len(self._held) + self._tls.pending() + self._came.pending

    def recv(self, size: int) -> bytes:
        """Return b"" at the end of the other side's half."""
        if self._held:
            return self._take(size)
        try:
            return self._carry(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._carry(lambda: self._tls.write(rest)) :]  # noqa: B023, called at once

    def half_close(self) -> None:
        """End our half; what the other side sends can still be read."""
        self._take_leave()
        self._flush()

    def close(self) -> None:
        self._sock.close()

    def _carry(self, step: Callable[[], T]) -> T:
        """Do a step of TLS; give it what comes in, and send what it has to say."""
        while True:
            try:
                with self._one:
                    done = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._bring(self._sock.recv(CHUNK))
            except ssl.SSLError:
                with suppress(OSError):  # nobody may be there to hear of it
                    self._flush()
                raise
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        with self._sending:
            if data := self._goes.read():
                self._sock.sendall(data)
