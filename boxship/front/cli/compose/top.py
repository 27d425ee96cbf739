"""`top` and what else looks at running containers."""

from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed
from boxship.front.client.api import segment


def top(session: Session, parsed: Parsed) -> None:
    running = [c for c in scope.view(session).containers(parsed.args) if c.state == "running"]
    for c in sorted(running, key=lambda c: c.name):
        told = session.client.get(f"/containers/{segment(c.id)}/top")
        session.say(f"{c.name}\n{tables.aligned([told['Titles'], *told['Processes']])}\n")


COMMANDS = {"top": Command("[SERVICE...]", top)}
