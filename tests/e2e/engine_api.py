"""The Engine API spoken by hand, for what the stock CLI cannot say, and for reading answers byte by byte."""

import contextlib
import http.client
import json
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE, until

Json = dict[str, Any]
IMAGE = "busybox:latest"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def message(self) -> str:
        return str(self.json["message"]) if self.status >= 400 else ""


@dataclass(frozen=True)
class Ran:
    """What became of a container: exit code and all it wrote, standard error behind standard output."""

    id: str
    code: int
    output: str
    warnings: list[str] = field(default_factory=list)
    error: str = ""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = unix(self._path)


def unix(path: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX)
    found.settimeout(PATIENCE)
    found.connect(path)
    return found


class EngineApi:
    """`made` are the containers to be removed by `tidy`. `version` goes in front of every path."""

    def __init__(self, host: str, version: str = "1.51") -> None:
        self.path = host.removeprefix("unix://")
        self.version = version
        self.made: list[str] = []

    def call(self, method: str, path: str, body: object = None) -> Answer:
        connection = _Connection(self.path)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, f"/v{self.version}{path}", text, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    def create(self, host: Json | None = None, *, name: str = "", **config: Any) -> Answer:
        """Ask for a container; `config` are fields of Config and NetworkingConfig."""
        body = {"Image": IMAGE, **config, "HostConfig": host or {}}
        answer = self.call("POST", f"/containers/create?name={name}", body)
        if answer.status == 201:
            self.made.append(answer.json["Id"])
        return answer

    def start(self, container: str) -> Answer:
        return self.call("POST", f"/containers/{container}/start")

    def up(self, host: Json | None = None, **config: Any) -> str:
        """Return the id of a running container, which sleeps unless `Cmd` says otherwise."""
        answer = self.create(host, **{"Cmd": ["sleep", "300"], "StopSignal": "KILL", **config})
        assert answer.status == 201, answer.body
        identity = str(answer.json["Id"])
        started = self.start(identity)
        assert started.status == 204, started.body
        return identity

    def run(self, command: str | list[str], host: Json | None = None, **config: Any) -> Ran:
        """Run a shell line, or a program with its words, to the end."""
        words = ["sh", "-c", command] if isinstance(command, str) else command
        answer = self.create(host, **{"Cmd": words, **config})
        assert answer.status == 201, answer.body
        identity = str(answer.json["Id"])
        started = self.start(identity)
        if started.status != 204:
            code = self.inspect(identity)["State"]["ExitCode"]
            return Ran(identity, code, "", answer.json["Warnings"], started.message)
        code = self.call("POST", f"/containers/{identity}/wait").json["StatusCode"]
        return Ran(identity, code, self.logs(identity), answer.json["Warnings"])

    def refused(self, host: Json | None = None, **config: Any) -> str:
        """Return what is said against creating such a container, or against starting it."""
        answer = self.create(host, **{"Cmd": ["true"], **config})
        if answer.status != 201:
            assert answer.status < 500, answer.body
            return answer.message
        started = self.start(answer.json["Id"])
        assert started.status >= 400, "it was accepted"
        return started.message

    def logs(self, container: str) -> str:
        raw = self.call("GET", f"/containers/{container}/logs?stdout=1&stderr=1").body
        return (raw if self.inspect(container)["Config"]["Tty"] else unframed(raw)).decode()

    def exec(self, container: str, command: str, **more: Any) -> Ran:
        words = ["sh", "-c", command]
        made = self.call(
            "POST",
            f"/containers/{container}/exec",
            {"Cmd": words, "AttachStdout": True, "AttachStderr": True, **more},
        )
        assert made.status == 201, made.body
        identity = made.json["Id"]
        raw = self.call("POST", f"/exec/{identity}/start", {"Tty": bool(more.get("Tty"))}).body
        code = self.get(f"/exec/{identity}/json")["ExitCode"]
        return Ran(identity, code, (raw if more.get("Tty") else unframed(raw)).decode())

    def inspect(self, container: str) -> Any:
        return self.get(f"/containers/{container}/json")

    def pid(self, container: str) -> int:
        return int(self.inspect(container)["State"]["Pid"])

    def until(self, container: str, wanted: str) -> Any:
        """Return what inspect shows as soon as the state is `wanted`."""
        end = time.monotonic() + PATIENCE
        while (shown := self.inspect(container))["State"]["Status"] != wanted:
            assert time.monotonic() < end, shown["State"]
            time.sleep(0.02)
        return shown

    @contextlib.contextmanager
    def volume(self, **asked: Any) -> Iterator[str]:
        name = f"v{uuid.uuid4().hex[:12]}"
        made = self.call("POST", "/volumes/create", {"Name": name, **asked})
        assert made.status == 201, made.body
        try:
            yield name
        finally:
            self.tidy()
            self.call("DELETE", f"/volumes/{name}")

    @contextlib.contextmanager
    def network(self, **asked: Any) -> Iterator[str]:
        name = f"n{uuid.uuid4().hex[:12]}"
        made = self.call("POST", "/networks/create", {"Name": name, **asked})
        assert made.status == 201, made.body
        try:
            yield name
        finally:
            self.tidy()
            self.call("DELETE", f"/networks/{name}")

    def tidy(self) -> None:
        for identity in reversed(self.made):
            gone = self.call("DELETE", f"/containers/{identity}?force=1&v=1")
            assert gone.status in (204, 404, 409), gone.body
        self.made.clear()

    def hijack(self, path: str, body: object = None) -> socket.socket:
        """Return the connection after an upgrade was asked for; nothing of the answer has been read."""
        text = b"" if body is None else json.dumps(body).encode()
        sock = unix(self.path)
        sock.sendall(
            f"POST /v{self.version}{path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
            + text
        )
        return sock


def remove_cgroup(name: str) -> None:
    """Take `/name` away in all hierarchies as soon as what was in it has gone."""
    top = Path("/sys/fs/cgroup")
    for place in (found for at in (top, *top.iterdir()) if (found := at / name.lstrip("/")).is_dir()):
        until(lambda place=place: not any(inner.is_dir() for inner in place.iterdir()), f"{place} is in use")
        place.rmdir()


def unframed(raw: bytes) -> bytes:
    """Take the stream numbers and lengths out of what an API stream without a terminal sends."""
    found = b""
    while raw:
        size = int.from_bytes(raw[4:8], "big")
        found += raw[8 : 8 + size]
        raw = raw[8 + size :]
    return found
