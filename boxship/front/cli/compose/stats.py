"""`stats`."""

from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, switch, text


def stats(session: Session, parsed: Parsed) -> int:
    found = scope.view(session).containers(parsed.args)
    chosen = [c for c in found if parsed.on("all") or c.state == "running"]
    if not chosen:
        return 0
    words = [f"--{name}" for name in ("no-stream", "no-trunc") if parsed.on(name)]
    words += [f"--format={parsed.text('format')}"] if parsed.text("format") else []
    return scope.delegate(session, "container.stats", "stats", [*words, *(c.name for c in chosen)])


COMMANDS = {
    "stats": Command(
        "[OPTIONS] [SERVICE...]",
        stats,
        (
            switch("all", "a", "Show stopped ones too"),
            text("format", "", "table, json, or a Go template"),
            switch("no-stream", "", "Show one sample and end"),
            switch("no-trunc", "", "Show all of it"),
        ),
    )
}
