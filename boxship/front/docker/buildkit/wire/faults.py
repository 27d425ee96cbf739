"""How failures look to clients: the text in one line, and where in the Dockerfile it is. Pure.

Clients print the lines around the place themselves, from a detail of the error that carries the whole file.
"""

import base64
import re
from typing import Any

import msgspec

from boxship.base.errors import PlatformError
from boxship.engine.build.dockerfile.source import DockerfileError
from boxship.engine.build.errors import BuildFailed

_PREFIX = "github.com/moby/buildkit/errdefs."
SOURCE, SUBREQUEST = _PREFIX + "Source+json", _PREFIX + "Subrequest+json"
_EXCERPT = re.compile(r"\n[^\n]*:\d+\n-{20}\n.*", re.DOTALL)


class Located(PlatformError):
    """An error of a build with the text of its Dockerfile. name: as the user knows the file.
    lines: first and last to blame, from 1."""

    def __init__(self, error: PlatformError, name: str, text: bytes, lines: tuple[int, int]) -> None:
        super().__init__(bare(str(error)))
        self.name, self.text, self.lines = name, text, lines


class UnknownRequest(PlatformError):
    """A question that a frontend may be asked, and ours does not know. name: "frontend.…" """

    def __init__(self, name: str) -> None:
        super().__init__(f"unsupported request {name}")
        self.name = name


def bare(text: str) -> str:
    """Return a message without the lines around the place, which clients show themselves."""
    return _EXCERPT.sub("", text)


def lines_of(error: PlatformError) -> tuple[int, int] | None:
    """Return the lines of the Dockerfile that are to blame."""
    if isinstance(error, BuildFailed):
        return error.line.first, error.line.last
    if isinstance(error, DockerfileError) and error.line:
        return error.line, error.line
    return None


def located(error: PlatformError, name: str, text: bytes | None) -> PlatformError:
    """Return the error with its place, if it has one. text: of the Dockerfile, None when nobody but the error knows."""
    lines = lines_of(error)
    if isinstance(error, BuildFailed) and error.line.source:
        text = "\n".join(error.line.source).encode(errors="surrogateescape")
    return error if lines is None or text is None else Located(error, name, text, lines)


def details_of(error: PlatformError) -> tuple[tuple[str, bytes], ...]:
    if isinstance(error, Located):
        return ((SOURCE, msgspec.json.encode(source(error.name, error.text, error.lines))),)
    if isinstance(error, UnknownRequest):
        return ((SUBREQUEST, msgspec.json.encode({"name": error.name})),)
    return ()


def source(name: str, text: bytes, lines: tuple[int, int]) -> dict[str, Any]:
    info = {"filename": name, "data": base64.b64encode(text).decode(), "language": "Dockerfile"}
    return {"info": info, "ranges": [{"start": {"line": lines[0]}, "end": {"line": lines[1]}}]}
