"""`watch`: refresh containers when files change."""

from collections.abc import Callable

from boxship.base.errors import PlatformError
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose.making import bring_up, builder
from boxship.front.cli.compose.project import project as load
from boxship.front.cli.flags import Parsed, switch
from boxship.front.compose.model import Project
from boxship.front.compose.watch import Watch


def watch(session: Session, parsed: Parsed) -> int:
    whole = load(session, parsed.args)
    if not parsed.on("no-up"):
        bring_up(session, whole, parsed.args, quiet=parsed.on("quiet"))
    found = _watch(session, whole, parsed.args, prune=parsed.on("prune"))
    _telling(session)("Watch enabled")
    try:
        found.run()
    except KeyboardInterrupt:
        return 130
    return 0


def begin(session: Session, project: Project, names: tuple[str, ...]) -> None:
    """Watch in the background, as `up --watch` does."""
    found = _watch(session, project, names, prune=True)
    _telling(session)("Watch enabled")
    found.background()


def _watch(session: Session, project: Project, names: tuple[str, ...], *, prune: bool) -> Watch:
    chosen = names or tuple(project.services)
    found = Watch(session.client, project, chosen, builder(session, project), _telling(session), prune=prune)
    if not found.watched:
        raise PlatformError(
            "none of the selected services is configured for watch, consider setting an 'develop' section"
        )
    return found


def _telling(session: Session) -> Callable[..., None]:
    """What is said goes out at once, also into a file: nothing else may come for hours."""

    def tell(*words: object) -> None:
        session.say(*words)
        session.out.flush()

    return tell


COMMANDS = {
    "watch": Command(
        "[OPTIONS] [SERVICE...]",
        watch,
        (
            switch("no-up", "", "Do not build and start services first"),
            switch("quiet", "", "Hide what builds say"),
            switch("prune", "", "Remove images that a rebuild leaves without a name", True),
        ),
    )
}
