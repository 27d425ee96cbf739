"""What the dashboard shows and does, as plain calls that may be made from any thread."""

import json
from typing import Any, NamedTuple

from boxship.base.errors import PlatformError
from boxship.front.cli.command import Session
from boxship.front.cli.console import Frames
from boxship.front.cli.container.life import path
from boxship.front.cli.container.look import row
from boxship.front.cli.container.stats import row as usage
from boxship.front.cli.container.why import gather, screen
from boxship.front.client.api import Client
from boxship.front.client.verdict.decide import decide

LINES = 500  # of a log
VERBS = ("start", "stop", "restart", "pause", "unpause", "kill")


class Shown(NamedTuple):
    """One container as a line of the table."""

    id: str
    name: str
    image: str
    state: str
    status: str
    ports: str


class Source:
    """One daemon; each call has a connection of its own."""

    def __init__(self, client: Client) -> None:
        self._address, self._headers = client.address, client.headers

    @property
    def host(self) -> str:
        return self._address.shown

    def _client(self) -> Client:
        return Client(self._address, self._headers)

    def containers(self) -> list[Shown]:
        """Return all containers, the newest first. Raises PlatformError."""
        found = self._client().get("/containers/json", {"all": True}) or []
        return [_shown(entry) for entry in found]

    def usage(self, ref: str) -> dict[str, str]:
        """Return one sample: CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs."""
        reply = self._client().stream("GET", f"{path(ref)}/stats", {"stream": "false"})
        return usage(json.loads(reply.body()), ref)

    def logs(self, ref: str) -> list[str]:
        """Return the last lines of a log."""
        client = self._client()
        terminal = client.get(f"{path(ref)}/json")["Config"]["Tty"]
        body = client.stream("GET", f"{path(ref)}/logs", {"stdout": True, "stderr": True, "tail": LINES}).body()
        return _text(body, terminal=terminal).splitlines()

    def why(self, ref: str) -> str:
        """Return what `boxship why` prints."""
        facts = gather(Session(self._client()), ref)
        return screen(facts, decide(facts))

    def execute(self, ref: str, words: list[str]) -> tuple[str, int]:
        """Run a command inside; return what it printed and its exit code."""
        client = self._client()
        body = {"Cmd": words, "AttachStdout": True, "AttachStderr": True}
        made = client.post(f"{path(ref)}/exec", body=body)["Id"]
        connection, _ = client.hijack(f"/exec/{made}/start", body={"Detach": False, "Tty": False})
        printed = b""
        with connection:
            while data := connection.reader.some():
                printed += data
        return _text(printed, terminal=False), int(client.get(f"/exec/{made}/json")["ExitCode"] or 0)

    def act(self, verb: str, ref: str) -> None:
        """Do one of VERBS, or `remove`. Raises PlatformError."""
        client = self._client()
        if verb == "remove":
            client.delete(path(ref), {"force": True})
        elif verb in VERBS:
            client.post(f"{path(ref)}/{verb}")
        else:
            raise PlatformError(f"nobody knows how to {verb} a container")


def _shown(entry: dict[str, Any]) -> Shown:
    told = row(entry)
    return Shown(entry["Id"], told["Names"], told["Image"], told["State"], told["Status"], told["Ports"])


def _text(body: bytes, *, terminal: bool) -> str:
    whole = body if terminal else b"".join(payload for _, payload in Frames().feed(body))
    return whole.decode(errors="replace")
