"""`rollback`."""

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed
from boxship.front.compose.model import Project
from boxship.front.compose.plan import rollback as plans


def rollback(session: Session, parsed: Parsed) -> None:
    """Every container that replaced another one gives way to one like that."""
    seen = scope.view(session)
    for name in parsed.args:
        if name not in seen.known():
            raise Invalid(f"no such service: {name}")
    names = parsed.args or seen.seen.services()
    plan = plans.back(seen.project or Project(name=seen.name), names, seen.seen)
    scope.carry(session, seen, plan, "Rolling back")


COMMANDS = {
    "rollback": Command(
        "[SERVICE...]", rollback, examples="boxship compose rollback        return to what ran before the last update"
    )
}
