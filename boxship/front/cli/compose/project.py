"""The project that a command is about: from compose's flags, the environment and files."""

from typing import Any

from boxship.base.errors import Invalid
from boxship.front.cli.command import Session
from boxship.front.compose.load import Disk, Options, load
from boxship.front.compose.model import Project


def options(session: Session, **changes: Any) -> Options:
    """Return what the flags before the command say; `changes` are further fields of Options."""
    given = session.above
    if given is None:
        raise Invalid("this command needs `boxship compose` before it")
    return Options(
        files=given.many("file"),
        name=given.text("project-name"),
        directory=given.text("project-directory") or given.text("workdir"),
        env_files=given.many("env-file"),
        profiles=given.many("profile"),
        **changes,
    )


def project(session: Session, services: tuple[str, ...] = (), **changes: Any) -> Project:
    """Return the project, with `services` only these and what they depend on. Says each warning once."""
    loaded = load(options(session, **changes), session.environ, Disk(), services)
    warn(session, loaded.warnings)
    return loaded.project


def warn(session: Session, warnings: tuple[str, ...]) -> None:
    for text in warnings:
        session.warn(f"warning: {text}")
