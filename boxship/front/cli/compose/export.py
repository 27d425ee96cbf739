"""`export` and `commit`."""

from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, many, number, switch, text

INDEX = number("index", "", "Number of the container, if the service has several", "0")


def export(session: Session, parsed: Parsed) -> int:
    c = scope.one(session, parsed.args[0], parsed.number("index"), running=False)
    words = ["-o", parsed.text("output")] if parsed.text("output") else []
    return scope.delegate(session, "container.files", "export", [*words, c.id])


def commit(session: Session, parsed: Parsed) -> int:
    service, *name = parsed.args
    c = scope.one(session, service, parsed.number("index"), running=False)
    words = [f"--{flag}={parsed.text(flag)}" for flag in ("author", "message") if parsed.text(flag)]
    words += [f"--change={change}" for change in parsed.many("change")]
    words += [] if parsed.on("pause") else ["--pause=false"]
    return scope.delegate(session, "container.files", "commit", [*words, c.id, *name])


COMMANDS = {
    "export": Command(
        "[OPTIONS] SERVICE", export, (INDEX, text("output", "o", "Write to a file, not to standard output")), 1, 1
    ),
    "commit": Command(
        "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
        commit,
        (
            text("author", "a", "Author"),
            many("change", "c", "Apply a Dockerfile instruction"),
            INDEX,
            text("message", "m", "Message"),
            switch("pause", "p", "Pause the container meanwhile", True),
        ),
        1,
        2,
    ),
}
