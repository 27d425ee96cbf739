"""Builds of services by our own builder, as `boxship build` does them."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from boxship.base.errors import PlatformError
from boxship.front.cli.build.build import COMMANDS, carry_out
from boxship.front.cli.build.display import Display, PlainLines, Quiet, RawJson, shorten
from boxship.front.cli.command import Failed, Session
from boxship.front.cli.flags import parse
from boxship.front.client.api import Client
from boxship.front.compose.buildwords import Flags, words
from boxship.front.compose.model import Project
from boxship.front.compose.outside import with_folders
from boxship.front.compose.plan.steps import Build
from boxship.front.compose.progress import Board


def build(session: Session, client: Client, project: Project, step: Build, board: Board, flags: Flags) -> str:
    """Return the word for how it ended. Raises ApiError of code 404 from a daemon that is none of ours."""
    project = with_folders(project)
    service = project.everything[step.service]
    own = Session(client, {**session.environ, **project.environment})
    own.out, own.err = session.out, session.err
    with _inline(service.build.dockerfile_inline if service.build is not None else "") as path:
        parsed = parse(COMMANDS["build"].flags, words(project, service, flags, path))
        try:
            last = carry_out(own, parsed, _display(session, board, step, quiet=flags.quiet))
        except Failed as failed:
            raise PlatformError(f"target {service.name}: failed to solve: {failed}") from failed
    if "Checked" in last:
        return _checked(session, service.name, last["Checked"])
    return "Built"


def _checked(session: Session, name: str, told: dict[str, Any]) -> str:
    if told["Error"]:
        raise PlatformError(f"target {name}: {told['Error']}")
    found = told["Warnings"] or []
    for each in found:
        session.say(f"{name}: {each['rule']}: {each['short']} ({each['file']}:{each['line']})")
    if found:
        raise PlatformError(f"target {name}: the check found {len(found)} warnings")
    return "Checked"


def _display(session: Session, board: Board, step: Build, *, quiet: bool) -> Display:
    if quiet or board.mode == "quiet":
        return Quiet()
    if board.mode == "json":
        return RawJson(session.err)
    return OnBoard(board, step.about) if board.mode == "tty" else PlainLines(session.err)


class OnBoard:
    """One line on the board, which tells the step that goes on."""

    def __init__(self, board: Board, about: str) -> None:
        self._board, self._about = board, about

    def feed(self, told: dict[str, Any]) -> None:
        for vertex in told.get("vertexes") or ():
            if vertex.get("started") and not vertex.get("completed"):
                self._board.tell(self._about, "Building", detail=shorten(vertex["name"]))

    def close(self) -> None:
        return None


@contextlib.contextmanager
def _inline(text: str) -> Iterator[str]:
    """Give the path of a file with this text, "" for none."""
    if not text:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="compose-") as folder:
        path = os.path.join(folder, "Dockerfile")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        yield path
