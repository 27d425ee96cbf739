"""Progress streams of pull, load, import and push: lines on a pipe, lines that move on a terminal."""

import json
import time
from typing import Any, TextIO

from boxship.base.errors import PlatformError
from boxship.front.cli.bars import Meter, bar
from boxship.front.cli.command import Failed, Session
from boxship.front.cli.transfer import width
from boxship.front.client.credentials import shown
from boxship.front.client.wire import Reply


def show(reply: Reply, out: TextIO, *, quiet: bool = False) -> list[dict[str, Any]]:
    """Print every message; return the `aux` values. Raises Failed with the daemon's sentence on an error in-band."""
    board = Board(out)
    found = []
    for line in reply.lines():
        message = json.loads(line)
        if "error" in message or "errorDetail" in message:
            detail = message.get("errorDetail") or {}
            raise Failed(1, detail.get("message") or message.get("error", "the daemon gave no reason"))
        if "aux" in message:
            found.append(message["aux"])
        elif not quiet:
            board.tell(message)
    return found


class Board:
    """One line for each id; a terminal shows the newest state in its place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._places: dict[str, int] = {}
        self._meters: dict[tuple[str, str], Meter] = {}
        self._moves = out.isatty()

    def tell(self, message: dict[str, Any]) -> None:
        if "stream" in message:
            self._out.write(message["stream"])
            return
        about, status = message.get("id", ""), message.get("status", "")
        if not self._moves:
            if not message.get("progressDetail"):
                self._out.write(f"{about}: {status}\n" if about else f"{status}\n")
            return
        text = f"{about}: {status} {self._bar(about, status, message.get('progressDetail') or {})}".rstrip()
        self._put(about, text if about else status)

    def _bar(self, about: str, status: str, detail: dict[str, Any]) -> str:
        done, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        if not done and not total:
            return ""
        meter = self._meters.setdefault((about, status), Meter())
        meter.note(time.monotonic(), done)
        return bar(done, total, meter.rate(), width(self._out) - len(about) - len(status) - 4)

    def _put(self, about: str, text: str) -> None:
        if not about:
            self._places.clear()
            self._out.write(f"{text}\n")
            return
        if about not in self._places:
            self._places[about] = len(self._places)
            self._out.write(f"{text}\n")
            return
        up = len(self._places) - self._places[about]
        self._out.write(f"\x1b[{up}A\r\x1b[2K{text}\x1b[{up}B\r")
        self._out.flush()


def pull(session: Session, reference: str, platform: str = "", *, quiet: bool = False) -> None:
    """Download an image, told on standard error as `run` wants it. Raises Failed or ApiError."""
    query = {**from_image(reference), "platform": platform or None}
    headers = shown(session.environ, query["fromImage"] or "")
    reply = session.client.stream("POST", "/images/create", query, headers=headers)
    try:
        show(reply, session.err, quiet=quiet)
    except Failed as error:
        raise PlatformError(str(error)) from error


def names_a_tag(reference: str) -> bool:
    """Tell whether a tag or digest stands behind the name."""
    return "@" in reference or ":" in reference.rpartition("/")[2]


def canonical(name: str, tag: str) -> str:
    """Return the full name that Docker's tools print after a pull; without `tag` the name alone."""
    first, slash, _ = name.partition("/")
    if not (slash and ("." in first or ":" in first or first == "localhost")):
        name = f"docker.io/{name}" if slash else f"docker.io/library/{name}"
    return f"{name}{'@' if ':' in tag else ':'}{tag}" if tag else name


def from_image(reference: str) -> dict[str, str]:
    """Return the query for `name[:tag][@digest]`; the tag is latest when none is given."""
    if "@" in reference:
        name, _, digest = reference.partition("@")
        return {"fromImage": name, "tag": digest}
    name, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        name, tag = reference, "latest"
    return {"fromImage": name, "tag": tag}
