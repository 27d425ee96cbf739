"""`attach`."""

from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, number, switch, text


def attach(session: Session, parsed: Parsed) -> int:
    c = scope.one(session, parsed.args[0], parsed.number("index"))
    words = ["--no-stdin"] if parsed.on("no-stdin") else []
    words += [] if parsed.on("sig-proxy") else ["--sig-proxy=false"]
    words += [f"--detach-keys={parsed.text('detach-keys')}"] if parsed.text("detach-keys") else []
    return scope.delegate(session, "container.session", "attach", [*words, c.id])


COMMANDS = {
    "attach": Command(
        "[OPTIONS] SERVICE",
        attach,
        (
            text("detach-keys", "", "Keys that detach, ctrl-p,ctrl-q by default"),
            number("index", "", "Number of the container, if the service has several", "0"),
            switch("no-stdin", "", "Do not connect our input"),
            switch("sig-proxy", "", "Pass signals on to the process", True),
        ),
        1,
        1,
    )
}
