"""The Docker Engine API without a client library: what stock clients hide is seen here byte by byte."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boxship.front.docker.wire import stdcopy

UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Wire:
    """host: `unix://PATH`."""

    def __init__(self, host: str) -> None:
        self.path = host.removeprefix("unix://")

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (lower case) and body. A body that is no bytes goes as JSON."""
        connection = _Connection(self.path)
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        content = answer.read()
        connection.close()
        return answer.status, found, content

    def json(self, method: str, target: str, body: Any = None) -> Any:
        """Return the object of a successful answer."""
        status, _, content = self.call(method, target, body)
        assert status < 300, f"{method} {target}: {status} {content!r}"
        return json.loads(content) if content else None

    def failure(self, method: str, target: str, body: Any = None) -> tuple[int, str]:
        """Return status and message of a refused request."""
        status, _, content = self.call(method, target, body)
        assert status >= 400, content
        return status, json.loads(content)["message"]

    @contextmanager
    def stream(self, target: str, body: Any = None, upgrade: bool = True) -> Iterator["Stream"]:
        """POST to an endpoint that takes the connection over."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(60)
        sock.connect(self.path)
        content = json.dumps(body).encode() if body is not None else b""
        lines = [f"POST {target} HTTP/1.1", "Host: docker", f"Content-Length: {len(content)}"]
        lines += ["Content-Type: application/json"] if content else []
        lines += [f"{name}: {value}" for name, value in UPGRADE.items()] if upgrade else []
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        try:
            yield Stream(sock)
        finally:
            sock.close()


class Stream:
    """A connection that was taken over. head: status line and headers."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""
        while b"\r\n\r\n" not in self._rest:
            data = sock.recv(4096)
            assert data, f"ended in the middle of its head: {self._rest!r}"
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        self.head = head.decode().split("\r\n")
        self.status = int(self.head[0].split()[1])

    def header(self, name: str) -> str | None:
        found = [line.partition(": ")[2] for line in self.head[1:] if line.lower().startswith(name.lower() + ":")]
        return found[0] if found else None

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> None:
        """End our half."""
        self.sock.shutdown(socket.SHUT_WR)

    def read(self) -> bytes:
        """Return everything up to the end of the other half."""
        data, self._rest = self._rest, b""
        while more := self.sock.recv(65536):
            data += more
        return data

    def until(self, text: bytes) -> bytes:
        """Return everything up to and with `text`; what came behind it stays to be read."""
        while text not in self._rest:
            more = self.sock.recv(65536)
            assert more, f"{text!r} did not come: {self._rest!r}"
            self._rest += more
        found, _, self._rest = self._rest.partition(text)
        return found + text

    def frames(self) -> dict[int, bytes]:
        """Return all that comes, by stream."""
        found: dict[int, bytes] = {}
        for stream, payload in stdcopy.Parser().feed(self.read()):
            found[stream] = found.get(stream, b"") + payload
        return found
