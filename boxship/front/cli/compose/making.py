"""How commands that make containers or images get these made."""

from collections.abc import Callable
from typing import Any

from boxship.front.cli.command import Session
from boxship.front.cli.compose import scope
from boxship.front.client.api import Client
from boxship.front.compose.model import Project
from boxship.front.compose.plan.steps import Build as BuildStep
from boxship.front.compose.plan.up import Wish
from boxship.front.compose.up import Images, Up


def bring_up(session: Session, project: Project, names: tuple[str, ...], *, quiet: bool = False) -> None:
    """Do what `up -d` does without flags."""
    with scope.board(session) as board:
        work = Up(session.client, project, board)
        work.warn = session.warn
        work.build = builder(session, project)
        work.run(Wish(asked=frozenset(names or project.services)), Images(quiet=quiet))


def builder(session: Session, project: Project, **flags: Any) -> Callable[[Client, BuildStep], str]:
    """Return what carries out a build; imported only by who builds."""

    def build(client: Client, step: BuildStep) -> str:
        from boxship.front.compose.build import build as act

        return act(client, project, step, session.err, **flags)

    return build
