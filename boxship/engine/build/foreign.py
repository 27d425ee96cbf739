"""RUN of a stage for another platform: said in time where this machine cannot do it."""

import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path

from boxship.base.errors import Invalid, NotFound
from boxship.engine.build.dockerfile.source import Line, failed
from boxship.engine.build.seams import Parts
from boxship.engine.build.state import State

HEAD = 128  # bytes of a program that tell what it is for
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check(parts: Parts, state: State, line: Line, root: Path, argv: Sequence[str], env: Iterable[str]) -> None:
    """Raise DockerfileError if the program is for another machine, and nothing here emulates that."""
    if (state.os, state.architecture) == parts.platform[:2] or not state.architecture:
        return
    head = _head(parts, root, argv[0], dict(entry.partition("=")[::2] for entry in env))
    if parts.runs(head):
        return
    wanted = "/".join(part for part in (state.os, state.architecture, state.variant) if part)
    here = "/".join(part for part in parts.platform if part)
    raise failed(
        line,
        f"a command for {wanted} cannot run on this machine, which is {here} and has no emulator for it: install one "
        "(Debian: apt-get install qemu-user-static binfmt-support), or let the stage run here, "
        "FROM --platform=$BUILDPLATFORM",
        part=line.keyword,
    )


def _head(parts: Parts, root: Path, program: str, env: dict[str, str]) -> bytes:
    """Return the first bytes of a program, b"" if it is not there: that is for the runtime to say."""
    places = [""] if "/" in program else env.get("PATH", PATH).split(":")
    for place in places:
        try:
            with parts.trees.open_in(root, posixpath.join("/", place, program)) as file:
                return file.read(HEAD)
        except (NotFound, Invalid):
            continue
    return b""
