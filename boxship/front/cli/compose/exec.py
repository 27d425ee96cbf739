"""`exec`."""

import sys

from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, many, number, switch, text


def execute(session: Session, parsed: Parsed) -> int:
    """Return the command's exit code. A terminal is the default, as far as we have one ourselves."""
    service, *command = parsed.args
    c = scope.one(session, service, parsed.number("index"))
    words = []
    if parsed.on("detach"):
        words.append("-d")
    else:
        if not parsed.on("no-TTY") and not parsed.on("no-tty") and sys.stdin.isatty() and sys.stdout.isatty():
            words.append("-t")
        if parsed.on("interactive"):
            words.append("-i")
    words += ["--privileged"] if parsed.on("privileged") else []
    words += [f"--user={parsed.text('user')}"] if parsed.text("user") else []
    words += [f"--workdir={parsed.text('workdir')}"] if parsed.text("workdir") else []
    words += [f"--env={word}" for word in parsed.many("env")]
    return scope.delegate(session, "container.session", "exec", [*words, c.id, *command])


COMMANDS = {
    "exec": Command(
        "[OPTIONS] SERVICE COMMAND [ARGS...]",
        execute,
        (
            switch("detach", "d", "Run in the background"),
            many("env", "e", "Set a variable", "stringArray"),
            number("index", "", "Number of the container, if the service has several", "0"),
            switch("interactive", "i", "Keep standard input open", True),
            switch("no-TTY", "T", "No terminal; the default where we have none"),
            switch("no-tty", "", "Another name of --no-TTY"),
            switch("tty", "t", "Known for scripts: a terminal is the default"),
            switch("privileged", "", "Give all the host has"),
            text("user", "u", "User to run as"),
            text("workdir", "w", "Working directory inside"),
        ),
        2,
        interspersed=False,
    )
}
