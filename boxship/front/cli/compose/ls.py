"""`ls`: all projects of the daemon."""

import json

from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.compose import labels
from boxship.front.compose.observe import projects
from boxship.front.compose.state import Seen


def ls(session: Session, parsed: Parsed) -> None:
    found = projects(session.client, everything=parsed.on("all"))
    for word in parsed.many("filter"):
        key, _, value = word.partition("=")
        if key == "name":
            found = {name: members for name, members in found.items() if value in name}
    rows = [
        {"Name": name, "Status": _status(members), "ConfigFiles": _files(members)} for name, members in found.items()
    ]
    if parsed.on("quiet"):
        session.out.write("".join(f"{row['Name']}\n" for row in rows))
    elif parsed.text("format") == "json":
        session.say(json.dumps(rows, separators=(",", ":")))
    else:
        session.say(tables.aligned([["NAME", "STATUS", "CONFIG FILES"], *([*row.values()] for row in rows)]))


def _status(members: tuple[Seen, ...]) -> str:
    """Return `exited(1), running(2)`."""
    states = sorted({c.state for c in members})
    return ", ".join(f"{state}({sum(1 for c in members if c.state == state)})" for state in states)


def _files(members: tuple[Seen, ...]) -> str:
    paths = [path for c in members for path in c.labels.get(labels.CONFIG_FILES, "").split(",") if path]
    return ",".join(dict.fromkeys(paths)) or "N/A"


COMMANDS = {
    "ls": Command(
        "[OPTIONS]",
        ls,
        (
            switch("all", "a", "Show stopped projects too"),
            many("filter", "", "Only those that match (name=x)"),
            text("format", "", "table or json", default="table"),
            switch("quiet", "q", "Show names only"),
        ),
    )
}
