"""The Engine API as calls: paths and queries in, decoded JSON or a stream out, refusals as ApiError."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from boxship.base.errors import Invalid, PlatformError
from boxship.front.client.wire import Address, Connection, Reply, Tls

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
DEFAULT_HOST = "unix:///run/boxship.sock"
Query = Mapping[str, Any]


class ApiError(PlatformError):
    """The daemon refused. `code` is the HTTP status, the text is the daemon's sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_host(text: str, tls: Tls | None = None) -> Address:
    """Return the address `unix://`, `tcp://`, `http://`, `https://` or `ssh://` names. Raises Invalid otherwise."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise Invalid(f"unable to parse docker host `{text}`: want unix:///run/boxship.sock or tcp://host:2376")
    if scheme == "unix":
        return Address(text, path=rest)
    if scheme == "ssh":
        from boxship.front.client.ssh import command  # only who asks for it pays

        return Address(text, command=command(rest))
    if scheme not in ("tcp", "http", "https"):
        raise Invalid(f"unable to reach {text}: {scheme}:// is not known here; want unix://, tcp:// or ssh://")
    secure = tls or (Tls() if scheme == "https" else None)
    host, colon, port = rest.rstrip("/").rpartition(":")
    name = host if colon and not rest.endswith("]") else rest
    number = int(port) if colon and port.isdecimal() else (2376 if secure else 2375)
    return Address(text, host=name.strip("[]") or "127.0.0.1", port=number, tls=secure)


def host_from(environ: Mapping[str, str]) -> str:
    """Return which daemon the environment asks for: BOXSHIP_HOST, else DOCKER_HOST, else the default socket."""
    return environ.get("BOXSHIP_HOST") or environ.get("DOCKER_HOST") or DEFAULT_HOST


def target(path: str, query: Query | None = None) -> str:
    """Return path and query as one line of a request. True is 1, None and False are left out, mappings are JSON."""
    pairs = [(key, word) for key, value in (query or {}).items() for word in _words(value)]
    line = "&".join(f"{_quoted(key)}={_quoted(word)}" for key, word in pairs)
    return f"{path}?{line}" if pairs else path


def _words(value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if isinstance(value, dict):
        return [json.dumps(value)]
    if isinstance(value, (list, tuple)):
        return [str(entry) for entry in value]
    return ["1" if value is True else str(value)]


def segment(name: str) -> str:
    """Return `name` fit for one part of a path."""
    return _quoted(name, ":@")


def _quoted(text: str, safe: str = "") -> str:
    """Percent-encode. urllib.parse would do it, but takes as long to import as a request takes."""
    kept = (_UNRESERVED + safe).encode()
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode(errors="surrogateescape"))


class Client:
    """One daemon. Calls share a connection that is kept; streams and taken-over connections have their own."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None = None) -> None:
        """headers: sent with every request."""
        self.address = address
        self.headers = dict(headers or {})
        self._kept: Connection | None = None

    def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded JSON of the answer, None when it has none. `body` is sent as JSON. Raises ApiError."""
        reply = self._kept_request(method, target(path, query), body, headers)
        content = reply.body()
        _refuse(reply, content)
        return json.loads(content) if content.strip() else None

    def get(self, path: str, query: Query | None = None) -> Any:
        return self.call("GET", path, query)

    def post(self, path: str, query: Query | None = None, body: Any = None) -> Any:
        return self.call("POST", path, query, body)

    def delete(self, path: str, query: Query | None = None) -> Any:
        return self.call("DELETE", path, query)

    def _kept_request(self, method: str, line: str, body: Any, more: Mapping[str, str] | None = None) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, **(more or {}), **({} if body is None else {"Content-Type": "application/json"})}
        if self._kept is not None:
            try:
                return self._kept.request(method, line, body=content, headers=headers)
            except ConnectionError:  # it had been kept for too long
                self._kept.close()
        self._kept = Connection(self.address)
        return self._kept.request(method, line, body=content, headers=headers)

    def stream(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return an answer whose body is read while it comes, on a connection of its own. Raises ApiError."""
        connection = Connection(self.address)
        reply = connection.request(method, target(path, query), body=body, headers={**self.headers, **(headers or {})})
        if reply.status >= 400:
            with connection:
                _refuse(reply, reply.body())
        reply.connection = connection
        return reply

    def hijack(self, path: str, query: Query | None = None, body: Any = None) -> tuple[Connection, Reply]:
        """Take a connection over: raw bytes both ways from here on. Raises ApiError."""
        connection = Connection(self.address)
        headers = {**self.headers, "Connection": "Upgrade", "Upgrade": "tcp", "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body is not None else None
        reply = connection.request("POST", target(path, query), body=content, headers=headers)
        if reply.status not in (101, 200):
            with connection:
                _refuse(reply, reply.body())
        return connection, reply


def _refuse(reply: Reply, content: bytes) -> None:
    if reply.status >= 400:
        raise ApiError(reply.status, sentence(content, reply.status))


def sentence(content: bytes, status: int) -> str:
    """Return what a refusal says, whatever its shape."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip() or f"the daemon answered {status}"


def tls_from(environ: Mapping[str, str], given: Mapping[str, str]) -> Tls | None:
    """Return TLS files of flags (`given`: tls, tlsverify, tlscacert, …) and of DOCKER_TLS_VERIFY, DOCKER_CERT_PATH."""
    verify = given.get("tlsverify") == "true" or bool(environ.get("DOCKER_TLS_VERIFY"))
    if not verify and given.get("tls") != "true":
        return None
    folder = environ.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")

    def file(flag: str, name: str) -> str:
        path = given.get(flag) or os.path.join(folder, name)
        return path if os.path.exists(path) or given.get(flag) else ""

    return Tls(file("tlscacert", "ca.pem"), file("tlscert", "cert.pem"), file("tlskey", "key.pem"), verify)
