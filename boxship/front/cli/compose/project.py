"""The project that a command is about: from compose's flags, the environment and files."""

import os
from typing import Any

from boxship.base.errors import Invalid
from boxship.front.cli.command import Session
from boxship.front.compose.load import Disk, Options, load
from boxship.front.compose.load.options import is_remote
from boxship.front.compose.model import Project


def options(session: Session, **changes: Any) -> Options:
    """Return what the flags before the command say; `changes` are further fields of Options."""
    given = session.above
    if given is None:
        raise Invalid("this command needs `boxship compose` before it")
    named = given.many("file") or _published(session)
    files, directory = named, given.text("project-directory") or given.text("workdir")
    if any(map(is_remote, named)):
        from boxship.front.cli.compose import remote

        files = remote.files(session, named)
        directory = directory or (os.getcwd() if named[0].startswith(remote.SCHEME) else "")
    return Options(
        files=files,
        name=given.text("project-name"),
        directory=directory,
        env_files=given.many("env-file"),
        profiles=given.many("profile"),
        **changes,
    )


def _published(session: Session) -> tuple[str, ...]:
    """A project elsewhere, named in COMPOSE_FILE, stands alone: its name has the colons that part files."""
    value = session.environ.get("COMPOSE_FILE", "")
    return (value,) if is_remote(value) else ()


def disk(session: Session) -> Disk:
    """Return the files, with those that lie elsewhere."""

    def fetch(name: str) -> tuple[str, ...]:
        from boxship.front.cli.compose import remote

        return remote.fetched(session, name)

    return Disk(fetch)


def project(session: Session, services: tuple[str, ...] = (), **changes: Any) -> Project:
    """Return the project, with `services` only these and what they depend on. Says each warning once."""
    loaded = load(options(session, **changes), session.environ, disk(session), services)
    warn(session, loaded.warnings)
    return loaded.project


def warn(session: Session, warnings: tuple[str, ...]) -> None:
    for text in warnings:
        session.warn(f"warning: {text}")
