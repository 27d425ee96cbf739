"""The smallest Engine API client: one connection per caller, JSON in and out, and a daemon that may vanish."""

import http.client
import json
import socket
import urllib.parse
from typing import Any


class Gone(Exception):
    """The daemon vanished before it answered: the request may or may not have been carried out."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """Calls return (status, decoded body). Every call opens a connection of its own: none outlives a daemon."""

    def __init__(self, path: str, timeout: float = 60) -> None:
        self.path = path
        self.timeout = timeout

    def call(self, method: str, target: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """Raises Gone when the connection breaks at any point before the whole answer is there."""
        connection = _Connection(self.path, self.timeout)
        url = target + ("?" + urllib.parse.urlencode(query) if query else "")
        raw = isinstance(body, bytes)
        payload = body if raw else json.dumps(body) if body is not None else ""
        headers = {"Content-Type": "application/x-tar" if raw else "application/json"}
        try:
            connection.request(method, "/v1.43" + url, payload, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as e:
            raise Gone(f"{method} {url}: {e!r}") from e
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text) if text.strip() else None
        except ValueError:
            return answer.status, text
