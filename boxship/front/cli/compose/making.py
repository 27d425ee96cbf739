"""How commands that make containers or images get these made."""

from boxship.front.cli.command import Session
from boxship.front.cli.compose import scope
from boxship.front.client.api import ApiError, Client
from boxship.front.compose.buildwords import Flags
from boxship.front.compose.images import Builder
from boxship.front.compose.model import Project
from boxship.front.compose.plan.steps import Build as BuildStep
from boxship.front.compose.plan.up import Wish
from boxship.front.compose.progress import Board
from boxship.front.compose.up import Images, Up


def bring_up(session: Session, project: Project, names: tuple[str, ...], *, quiet: bool = False) -> None:
    """Do what `up -d` does without flags."""
    with scope.board(session) as board:
        work = Up(session.client, project, board)
        work.warn = session.warn
        work.build = builder(session, project)
        work.run(Wish(asked=frozenset(names or project.services)), Images(quiet=quiet))


def builder(session: Session, project: Project, flags: Flags = Flags()) -> Builder:  # noqa: B008
    """Return what carries out a build: our own builder, the classic one with another daemon. What they need is
    imported by who builds only."""

    def build(client: Client, step: BuildStep, board: Board) -> str:
        from boxship.front.cli.compose import building

        try:
            return building.build(session, client, project, step, board, flags)
        except ApiError as error:
            if error.code != 404:
                raise
        from boxship.front.compose.build import build as classic

        return classic(client, project, step, session.err, flags)

    return build
