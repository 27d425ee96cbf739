"""What compose commands share: the project or what is left of it, the progress board, and how plans are carried out."""

from collections.abc import Sequence

from boxship.base.errors import Invalid, NotFound
from boxship.front.cli.command import Session
from boxship.front.cli.compose.project import project
from boxship.front.cli.flags import Parsed, parse
from boxship.front.compose.model import Project
from boxship.front.compose.observe import containers, observe
from boxship.front.compose.plan.life import View
from boxship.front.compose.plan.steps import Plan
from boxship.front.compose.progress import Board
from boxship.front.compose.state import Observed, Seen
from boxship.front.compose.up import carry_out


def above(session: Session) -> Parsed:
    if session.above is None:
        raise Invalid("this command needs `boxship compose` before it")
    return session.above


def name_given(session: Session) -> str:
    return above(session).text("project-name") or session.environ.get("COMPOSE_PROJECT_NAME", "")


def project_if_any(session: Session) -> Project | None:
    """Return the project of the files; None without files when a name was given. Raises NotFound otherwise."""
    try:
        return project(session)
    except NotFound:
        if name_given(session) and not above(session).many("file") and not session.environ.get("COMPOSE_FILE"):
            return None
        raise


def view(session: Session, *, ground: bool = False) -> View:
    """Return the project as files or labels tell it, with its containers; ground: with networks and volumes."""
    found = project_if_any(session)
    name = found.name if found is not None else name_given(session)
    seen = observe(session.client, name) if ground else Observed(containers=containers(session.client, name))
    return View(name=name, seen=seen, project=found)


def board(session: Session, title: str = "Running") -> Board:
    """Return where progress is shown, on standard error."""
    given = above(session)
    mode = given.text("progress")
    if mode not in ("auto", "tty", "plain", "json", "quiet"):
        raise Invalid(f'unsupported --progress value "{mode}"')
    if given.text("ansi") == "never" or given.on("no-ansi"):
        mode = "plain" if mode == "auto" else mode
    if given.text("ansi") == "always":
        mode = "tty" if mode == "auto" else mode
    return Board(session.err, mode, title)


def carry(session: Session, seen: View, plan: Plan, title: str = "Running", *, timeout: float = 0) -> None:
    """Show or do a plan. timeout: seconds to wait at most, 0 for as long as it takes."""
    for warning in plan.warnings:
        session.warn(warning)
    with board(session, title) as shown:
        show = session.out if above(session).on("dry-run") else None
        carry_out(session.client, seen.project, seen.seen, plan, shown, show, timeout)


def one(session: Session, service: str, index: int = 0, *, running: bool = True) -> Seen:
    """Return the container of a service with a number, the first without one. Raises NotFound."""
    seen = view(session)
    found = [c for c in seen.containers((service,)) if not running or c.state == "running"]
    found = [c for c in found if not index or c.number == index]
    if not found:
        which = f"service {service!r}" + (f" instance {index}" if index else "")
        raise NotFound(f"{which.replace(chr(39), chr(34))} is not {'running' if running else 'there'}")
    return min(found, key=lambda c: c.number)


def delegate(session: Session, module: str, name: str, words: Sequence[str]) -> int:
    """Carry out another command of ours as if `words` had followed its name."""
    from importlib import import_module

    command = import_module(f"boxship.front.cli.{module}").COMMANDS[name]
    parsed = parse(command.flags, list(words), interspersed=command.interspersed)
    return command.run(session, parsed) or 0
