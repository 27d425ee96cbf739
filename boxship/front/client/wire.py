"""One HTTP/1.1 connection over a plain socket: enough for the Engine API, and imported in a few milliseconds.

The standard library's http.client costs 40 ms of start-up, which is more than a whole `boxship ps`.
"""

import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from boxship.base.errors import Unavailable

if TYPE_CHECKING:
    import ssl

    from boxship.front.client.secure import SecureSocket

CHUNK = 64 * 1024


class Tls(NamedTuple):
    """Files for TLS; "" leaves one out. verify: check the daemon's certificate against authority."""

    authority: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True


class Address(NamedTuple):
    """Where a daemon listens. shown: as the user wrote it. path for unix, host and port for tcp, command for ssh:
    a program whose standard input and output are the connection."""

    shown: str
    path: str = ""
    host: str = ""
    port: int = 0
    tls: Tls | None = None
    command: tuple[str, ...] = ()


class Line(Protocol):
    """A stream socket, or what does the same over TLS."""

    def fileno(self) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...
    def close(self) -> None: ...


def connect(address: Address, timeout: float | None = 10.0) -> Line:
    """Return a connected stream socket. Raises Unavailable with a next step."""
    try:
        if address.command:
            from boxship.front.client.ssh import spawn

            return spawn(address.command)
        if address.path:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(address.path)
            return sock
        sock = socket.create_connection((address.host, address.port), timeout)
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _secure(sock, address) if address.tls else sock
    except OSError as e:
        raise Unavailable(
            f"Cannot connect to the Boxship daemon at {address.shown}. Is the daemon running? ({e.strerror or e}) "
            "Start it with `boxship daemon`, or name another with -H."
        ) from e


def _secure(sock: socket.socket, address: Address) -> "SecureSocket":
    from boxship.front.client.secure import SecureSocket

    return SecureSocket(sock, tls_context(address.tls or Tls()), address.host)


def tls_context(tls: Tls) -> "ssl.SSLContext":
    import ssl  # 30 ms: only who asks for TLS pays

    from boxship.base import trust

    context = trust.context(tls.authority or None)
    if not tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context


def half_close(sock: Line) -> None:
    """End our half; what the daemon still sends can be read."""
    if isinstance(sock, socket.socket):
        sock.shutdown(socket.SHUT_WR)
    else:
        sock.half_close()  # type: ignore[attr-defined]


def pending(sock: Line) -> int:
    """Return how many bytes can be read that waiting for the socket does not tell of."""
    return 0 if isinstance(sock, socket.socket) else sock.pending()  # type: ignore[attr-defined]


class Reader:
    """Buffered reading of a socket; what is behind an HTTP head stays here for who takes the connection over."""

    def __init__(self, sock: Line) -> None:
        self._sock = sock
        self._buffer = bytearray()

    def line(self) -> bytes:
        """Return a line without its end. Raises ConnectionError when the daemon has gone."""
        while (end := self._buffer.find(b"\n")) < 0:
            self._more()
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def some(self, limit: int = CHUNK) -> bytes:
        """Return at least one byte, b"" at the end."""
        if not self._buffer:
            return self._sock.recv(min(limit, CHUNK))
        part = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        return part

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        return part

    @property
    def pending(self) -> bool:
        return bool(self._buffer)

    def _more(self) -> None:
        data = self._sock.recv(CHUNK)
        if not data:
            raise ConnectionError("the daemon closed the connection")
        self._buffer += data


class Reply:
    """Status, headers (names in lower case) and a body that is read as it comes."""

    def __init__(self, reader: Reader, method: str) -> None:
        self._reader = reader
        self.connection: Connection | None = None  # kept open as long as a streamed reply
        parts = reader.line().split(b" ", 2)
        self.status = int(parts[1])
        self.headers: dict[str, str] = {}
        while line := reader.line():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()
        empty = method == "HEAD" or self.status in (101, 204, 304)
        self._chunked = not empty and self.headers.get("transfer-encoding", "").lower() == "chunked"
        self._to_end = not empty and not self._chunked and "content-length" not in self.headers
        self._left = 0 if empty or self._chunked else int(self.headers.get("content-length", "0"))
        self._done = empty or (not self._chunked and not self._to_end and self._left == 0)

    def parts(self) -> Iterator[bytes]:
        """Yield the body piece by piece, as the daemon sends it."""
        while not self._done:
            piece = self._piece()
            if piece:
                yield piece

    def _piece(self) -> bytes:
        if self._to_end:
            piece = self._reader.some()
            self._done = not piece
            return piece
        if self._chunked and self._left == 0:
            self._left = int(self._reader.line().partition(b";")[0], 16)
            if self._left == 0:
                self._reader.line()
                self._done = True
                return b""
        piece = self._reader.some(self._left)
        if not piece:
            raise ConnectionError("the daemon closed the connection in the middle of an answer")
        self._left -= len(piece)
        if self._left == 0:
            if self._chunked:
                self._reader.line()
            else:
                self._done = True
        return piece

    def body(self) -> bytes:
        return b"".join(self.parts())

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of a body that goes on, as events and progress do."""
        rest = b""
        for piece in self.parts():
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line for line in whole if line.strip())
        if rest.strip():
            yield rest


class Connection:
    """One connection; requests follow each other on it."""

    def __init__(self, address: Address) -> None:
        self.sock = connect(address)
        self.reader = Reader(self.sock)
        self._host = address.host or "boxship"

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return its reply, the body still to be read. An iterable body goes out in chunks."""
        head = {"Host": self._host, "User-Agent": "boxship", **(headers or {})}
        if isinstance(body, bytes):
            head["Content-Length"] = str(len(body))
        elif body is not None:
            head["Transfer-Encoding"] = "chunked"
        elif method in ("POST", "PUT"):
            head["Content-Length"] = "0"
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        whole = body if isinstance(body, bytes) else b""
        self.sock.sendall(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + whole)
        if body is not None and not isinstance(body, bytes):
            self._send_chunks(body)
        return Reply(self.reader, method)

    def _send_chunks(self, body: Iterable[bytes]) -> None:
        try:
            for part in body:
                if part:
                    self.sock.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            self.sock.sendall(b"0\r\n\r\n")
        except BrokenPipeError:
            pass  # the daemon has refused already: its answer says why

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
