"""`down`."""

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, number, switch, text
from boxship.front.compose.plan import life


def down(session: Session, parsed: Parsed) -> None:
    if parsed.text("rmi") not in ("", "all", "local"):
        raise Invalid(f'invalid value for --rmi: "{parsed.text("rmi")}"')
    wish = life.Down(
        services=parsed.args,
        volumes=parsed.on("volumes"),
        images=parsed.text("rmi"),
        remove_orphans=parsed.on("remove-orphans"),
        grace=parsed.number("timeout") if parsed.given("timeout") else None,
    )
    seen = scope.view(session, ground=True)
    scope.carry(session, seen, life.down(seen, wish))


COMMANDS = {
    "down": Command(
        "[OPTIONS] [SERVICE...]",
        down,
        (
            switch("remove-orphans", "", "Remove containers of services that are not in the files"),
            text("rmi", "", 'Remove images: "local" those without a name of the user\'s own, or "all"'),
            number("timeout", "t", "Seconds that containers get to stop", ""),
            switch("volumes", "v", "Remove named volumes of the files, and anonymous ones"),
        ),
    )
}
