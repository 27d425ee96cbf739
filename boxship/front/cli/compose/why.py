"""`why`: what keeps a service from running, in the words of those who know."""

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed
from boxship.front.compose import images
from boxship.front.compose.logs import last_lines
from boxship.front.compose.observe import inspect, observe
from boxship.front.compose.plan.life import View
from boxship.front.compose.reasons import reasons


def why(session: Session, parsed: Parsed) -> int:
    """Return 0 when all of the service runs and is well, else 1."""
    code = 0
    found = scope.project_if_any(session)
    name = found.name if found is not None else scope.name_given(session)
    wanted = images.wanted(found) if found is not None else ()
    seen = View(name=name, seen=observe(session.client, name, wanted), project=found)
    for service in parsed.args or sorted(seen.known()):
        if service not in seen.known():
            raise Invalid(f"no such service: {service}")
        details = {c.id: inspect(session.client, c.id) for c in seen.seen.of(service)}
        told = reasons(seen, service, details, lambda id: last_lines(session.client, id, 5))
        session.say(f"{service}: {told[0]}")
        for line in told[1:]:
            session.say(f"  {line}")
        code = code or int(told[0] != "runs")
    return code


COMMANDS = {"why": Command("[SERVICE...]", why, examples="boxship compose why web")}
