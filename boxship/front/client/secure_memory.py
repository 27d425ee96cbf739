"""TLS whose bytes pass through memory, such that our half can be closed while the other side still sends.

Python's own TLS reads on while it takes its leave, and loses what arrives right then. Here the farewell is sent with
nothing left to read. What carries the bytes is another's: a socket, or streams.
"""

import ssl
from contextlib import suppress

CHUNK = 32 * 1024


class SecureMemory:
    """One side of a connection, without the connection."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        """name: the daemon's, as its certificate has it."""
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)
        self._held = bytearray()  # decrypted, not yet asked for

    def _take(self, size: int) -> bytes:
        """Return what is held, so much of it at most."""
        part = bytes(self._held[:size])
        del self._held[:size]
        return part

    def _take_leave(self) -> None:
        """Write the farewell; what has come before it stays to be read."""
        with suppress(ssl.SSLError):  # nothing more has come, or the other side's half has ended, too
            while part := self._tls.read(CHUNK):
                self._held += part
        with suppress(ssl.SSLError):
            self._tls.unwrap()

    def _bring(self, data: bytes) -> None:
        """Hand over what the other side sent, b"" for its end."""
        if data:
            self._came.write(data)
        else:
            self._came.write_eof()
