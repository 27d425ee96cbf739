"""`logs`."""

from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.container.look import moment
from boxship.front.cli.flags import Parsed, number, switch, text
from boxship.front.client.api import Client
from boxship.front.compose.logs import Printer, follow


def logs(session: Session, parsed: Parsed) -> int:
    seen = scope.view(session)
    chosen = sorted(seen.containers(parsed.args), key=lambda c: (c.service, c.number))
    if parsed.given("index"):
        chosen = [c for c in chosen if c.number == parsed.number("index")]
    printer = Printer(
        session.out,
        session.err,
        prefix=not parsed.on("no-log-prefix"),
        colour=session.out.isatty() and not parsed.on("no-color"),
    )
    query = {
        "stdout": True,
        "stderr": True,
        "follow": parsed.on("follow"),
        "timestamps": parsed.on("timestamps"),
        "tail": parsed.text("tail"),
        "since": moment(parsed.text("since")),
        "until": moment(parsed.text("until")),
    }
    names = {c.id: c.name.removeprefix(f"{seen.name}-") for c in chosen}
    for name in names.values():
        printer.know(name)
    threads = [follow(Client(session.client.address), c.id, names[c.id], printer, query) for c in chosen]
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        return 130
    return 0


COMMANDS = {
    "logs": Command(
        "[OPTIONS] [SERVICE...]",
        logs,
        (
            switch("follow", "f", "Go on with what comes"),
            number("index", "", "Number of the container, if the service has several", "0"),
            switch("no-color", "", "No colours"),
            switch("no-log-prefix", "", "No names before lines"),
            text("since", "", "Only what came after a time, or 42m for a while ago"),
            text("tail", "n", "Only this many of the last lines of each container", default="all"),
            switch("timestamps", "t", "Show times"),
            text("until", "", "Only what came before a time"),
        ),
    )
}
