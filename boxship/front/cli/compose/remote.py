"""Files that lie elsewhere: `oci://…`, a published project, which the daemon brings from its registry, and git."""

import base64
import os
from collections.abc import Mapping

from boxship.base.errors import Invalid
from boxship.front.cli.command import Session
from boxship.front.client import credentials
from boxship.front.compose import artifact
from boxship.front.compose.load.options import is_remote

SCHEME = "oci://"


def files(session: Session, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return `named` with local files in place of what lies elsewhere, which is looked up anew each time."""
    return tuple(path for name in named for path in (fetched(session, name) if is_remote(name) else (name,)))


def fetched(session: Session, name: str) -> tuple[str, ...]:
    """Return the local files of one remote name. Raises PlatformError."""
    if name.startswith(SCHEME):
        return _published(session, name)
    from boxship.front.compose import repositories  # git's own time is far longer

    return (repositories.fetched(name, _cache(session.environ), session.environ),)


def _published(session: Session, name: str) -> tuple[str, ...]:
    reference = name.removeprefix(SCHEME)
    headers = credentials.shown(session.environ, reference)
    told = session.client.call("GET", "/boxship/artifacts", {"name": reference}, headers=headers)
    found = artifact.unpacked(reference, told, base64.b64decode)
    folder = os.path.join(_cache(session.environ), told["Digest"].partition(":")[2])
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for file, text in artifact.placed(found, folder).items():
        _write(os.path.join(folder, file), text)
    return tuple(os.path.join(folder, file) for file in found.files)


def _cache(environ: Mapping[str, str]) -> str:
    above = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/root"), ".cache")
    if not os.path.isabs(above):
        raise Invalid(f"XDG_CACHE_HOME: {above} is no absolute path")
    return os.path.join(above, "boxship", "compose")


def _write(path: str, text: str) -> None:
    """Others may read the same project at this moment: whole or not at all."""
    part = f"{path}.{os.getpid()}"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(part, path)
