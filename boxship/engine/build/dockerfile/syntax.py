"""Which frontend a file asks for: `# syntax=IMAGE`. The Dockerfile language is read here, whichever version of its
image is named; images of other languages are not run. Pure.

Source: Dockerfile reference, "syntax"; BuildKit's detection of it, which also knows `//` and JSON.
"""

import json
import re
from collections.abc import Mapping

from boxship.base.errors import Invalid, Unsupported
from boxship.engine.build.dockerfile.source import at
from boxship.engine.images.reference import parse

ARGUMENT, BUILTIN = "BUILDKIT_SYNTAX", "dockerfile.v0"
OURS = ("docker/dockerfile", "docker/dockerfile-upstream")
_DIRECTIVE = re.compile(r"^(?:#|//)\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S+)")


def check(text: str, file: str, args: Mapping[str, str | None]) -> None:
    """Raise for a file of another frontend: Unsupported where an argument says so, else DockerfileError."""
    named = (args.get(ARGUMENT) or "").split()
    if named:
        if named[0] != BUILTIN and not is_dockerfile(named[0]):
            raise Unsupported(refusal(named[0]))
        return
    image, line = asked(text)
    if image and not is_dockerfile(image):
        raise at(tuple(text.splitlines()), file, (line, line), refusal(image), image)


def asked(text: str) -> tuple[str, int]:
    """Return the image that a file names, and on which line; "" for none."""
    if text.lstrip().startswith("{"):
        return _in_json(text), 1
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if number == 1 and line.startswith("#!"):
            continue
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            break
        if match[1].lower() == "syntax":
            return match[2], number
    return "", 0


def _in_json(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    image = found.get("syntax") if isinstance(found, dict) else None
    return image if isinstance(image, str) else ""


def is_dockerfile(image: str) -> bool:
    """Tell whether an image is Docker's own frontend, from wherever it is taken."""
    try:
        path = parse(image).path
    except Invalid:
        return False
    return any(path == name or path.endswith(f"/{name}") for name in OURS)


def refusal(image: str) -> str:
    return f"the frontend {image} is not supported: only Dockerfiles are read here, {OURS[0]} of any version"
