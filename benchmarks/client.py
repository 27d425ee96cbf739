"""A blocking client of the Engine API for benchmarks: kept connections, one per thread, nothing clever."""

import http.client
import json
import socket
import threading
import time
from typing import Any

from tests.images import busybox_rootfs

IMAGE = "boxship-bench:latest"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """kept: containers a case works on, by role.  leftovers: what `clear` removes."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.kept: dict[str, str] = {}
        self.leftovers: list[str] = []
        self._path = path
        self._local = threading.local()

    def call(
        self, method: str, target: str, body: Any = None, raw: bool = False, kind: str = "application/x-tar"
    ) -> Any:
        """Return the decoded answer. kind: of a body that is bytes. Raises RuntimeError for an error status."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _Connection(self._path)
        is_json = body is not None and not isinstance(body, bytes)
        headers = {"Content-Type": "application/json" if is_json else kind}
        connection.request(method, f"/v1.40{target}", json.dumps(body) if is_json else body or b"", headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{self.name}: {method} {target}: {answer.status} {text[:300]!r}")
        return text if raw or not text.strip() else json.loads(text)

    def await_answer(self) -> None:
        """Return once the daemon answers."""
        while True:
            try:
                self.call("GET", "/_ping", raw=True)
                return
            except OSError:
                self._local.connection = None
                time.sleep(0.05)

    def give_image(self) -> None:
        target = f"/images/create?fromSrc=-&repo={IMAGE.split(':')[0]}&tag=latest&changes=ENV%20PATH%3D/bin"
        self.call("POST", target, busybox_rootfs(), raw=True)

    def create(self, command: list[str], **host: Any) -> str:
        return self.created(wish(command, **host))

    def created(self, wished: bytes) -> str:
        """Return the id of a container as `wish` tells."""
        return str(self.call("POST", "/containers/create", wished, kind="application/json")["Id"])

    def start(self, container: str) -> None:
        self.call("POST", f"/containers/{container}/start")

    def wait(self, container: str) -> int:
        return int(self.call("POST", f"/containers/{container}/wait")["StatusCode"])

    def remove(self, container: str) -> None:
        self.call("DELETE", f"/containers/{container}?force=1&v=1")

    def sleeper(self) -> str:
        container = self.create(["sleep", "3600"])
        self.start(container)
        return container

    def clear(self) -> None:
        while self.leftovers:
            self.remove(self.leftovers.pop())

    def fetch(self, port: int, wanted: bytes) -> None:
        """Return once `wanted` is answered on the local port."""
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                connection.request("GET", "/")
                if connection.getresponse().read() == wanted:
                    return
            except OSError:
                pass
            time.sleep(0.002)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wish(command: list[str], **host: Any) -> bytes:
    """Return the body that asks for a container."""
    exposed = {port: {} for port in host.get("PortBindings", {})}
    return json.dumps({"Image": IMAGE, "Cmd": command, "HostConfig": host, "ExposedPorts": exposed}).encode()
