"""Configs and secrets that are no plain files: put into a container before it starts, as a tar archive. Reads files.

The names in the archive begin with a slash: by that the engine knows them, and keeps them in memory instead of writing
them into the container's directory.
"""

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.front.compose.model import FileObject, FileReference, Project, Service
from boxship.front.compose.wire.volumes import SECRETS, as_it_is, target_of

BLOCK = 512


class Placed(NamedTuple):
    """A file in the container."""

    path: str
    content: bytes
    mode: int
    uid: int
    gid: int


def check(project: Project, service: Service) -> None:
    """Refuse what one host cannot give. Raises Invalid, naming the key."""
    for kind, references, objects in (
        ("secret", service.secrets, project.secrets),
        ("config", service.configs, project.configs),
    ):
        for reference in references:
            found = objects.get(reference.source)
            if found is None:
                raise Invalid(f'service "{service.name}" refers to undefined {kind} {reference.source}')
            if found.external:
                raise Invalid(
                    f"unsupported external {kind} {found.name or reference.source}: one host has no store of {kind}s; "
                    f"have a file of that name in a folder that COMPOSE_EXTERNAL_{kind.upper()}S names, or say `file` "
                    "or `environment`"
                )
            if found.driver or found.template_driver:
                key = "driver" if found.driver else "template_driver"
                raise Invalid(
                    f"{kind}s.{reference.source}.{key} is not supported on one host: it is for services of a swarm; "
                    "say `file` or `environment`"
                )


def placed(project: Project, service: Service) -> Iterator[Placed]:
    """Yield what has to be put into a container of the service. Raises NotFound for a missing variable or file."""
    for reference in service.secrets:
        found = project.secrets[reference.source]
        if not (found.file and as_it_is(reference)):
            yield _placed(reference, _content(project, found), target_of(reference, SECRETS))
    for reference in service.configs:
        found = project.configs[reference.source]
        if not (found.file and as_it_is(reference)):
            yield _placed(reference, _content(project, found), target_of(reference, "/"))


def _placed(reference: FileReference, content: bytes, path: str) -> Placed:
    mode = 0o444 if reference.mode is None else reference.mode
    return Placed(path, content, mode, _number(reference.uid, "uid"), _number(reference.gid, "gid"))


def _number(text: str, key: str) -> int:
    if text and not text.isdecimal():
        raise Invalid(f"{key} {text!r}: want a number")
    return int(text or 0)


def _content(project: Project, found: FileObject) -> bytes:
    if found.file:
        try:
            with open(found.file, "rb") as file:
                return file.read()
        except OSError as error:
            raise NotFound(f"{found.file}: {error.strerror}") from error
    if found.content:
        return found.content.encode()
    if found.environment:
        value = project.environment.get(found.environment, os.environ.get(found.environment))
        if value is None:
            raise NotFound(f'environment variable "{found.environment}" required by file "{found.name}" is not set')
        return value.encode()
    return b""


def archive(files: list[Placed]) -> bytes:
    """Return a tar archive (ustar) of the files, named from /. Importing the standard module takes 20 ms."""
    now = int(time.time())
    parts = []
    for file in files:
        parts.append(_head(file, now))
        parts.append(file.content + bytes(-len(file.content) % BLOCK))
    return b"".join(parts) + bytes(2 * BLOCK)


def _head(file: Placed, now: int) -> bytes:
    name = file.path.encode()
    prefix = b""
    if len(name) > 100:
        cut = name.rfind(b"/", 1, 155)
        prefix, name = name[:cut], name[cut + 1 :]
    if len(name) > 100 or len(prefix) > 155:
        raise Invalid(f"{file.path}: too long a path")
    fields = (
        name.ljust(100, b"\0"),
        b"%07o\0" % file.mode,
        b"%07o\0" % file.uid,
        b"%07o\0" % file.gid,
        b"%011o\0" % len(file.content),
        b"%011o\0" % now,
        b" " * 8,
        b"0",
        bytes(100),
        b"ustar\x0000",
        bytes(80),
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    head = b"".join(fields)
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def profiles(project: Project, service: Service) -> dict[str, str]:
    """Return the seccomp profiles that the service names, as compact JSON by the path that names them."""
    found = {}
    for option in service.security_opt:
        path = option[8:]
        if option[:8] in ("seccomp=", "seccomp:") and path not in ("unconfined", "builtin", ""):
            found[path] = _compact(os.path.join(project.working_dir, path))
    return found


def _compact(path: str) -> str:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            return json.dumps(json.load(file), separators=(",", ":"))
    except (OSError, ValueError) as error:
        raise Invalid(f"opening seccomp profile ({path}) failed: {error}") from error
