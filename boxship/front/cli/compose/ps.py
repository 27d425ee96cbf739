"""`ps`."""

from typing import Any

from boxship.base.errors import Invalid
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.container import look
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.compose import labels
from boxship.front.compose.state import container

COLUMNS = {
    "Name": "NAME", "Image": "IMAGE", "Command": "COMMAND", "Service": "SERVICE", "RunningFor": "CREATED",
    "Status": "STATUS", "Ports": "PORTS",
}  # fmt: skip
STATES = ("paused", "restarting", "removing", "running", "dead", "created", "exited")


def ps(session: Session, parsed: Parsed) -> None:
    found = chosen(session, parsed)
    if parsed.on("services"):
        names = sorted({entry["Labels"][labels.SERVICE] for entry in found})
        session.out.write("".join(f"{name}\n" for name in names))
        return
    if parsed.on("quiet"):
        session.out.write("".join(f"{entry['Id']}\n" for entry in found))
        return
    form = parsed.text("format")
    rows = [row(entry, whole=parsed.on("no-trunc")) for entry in found]
    session.say(tables.listing(rows, COLUMNS, form))


def chosen(session: Session, parsed: Parsed) -> list[dict[str, Any]]:
    """Return the entries that flags and names leave, by name."""
    seen = scope.view(session)
    seen.containers(parsed.args)
    states = _states(parsed)
    everything = parsed.on("all") or bool(states)
    query = {"all": everything, "filters": {"label": [f"{labels.PROJECT}={seen.name}"]}}
    found = [entry for entry in session.client.get("/containers/json", query) if _wanted(entry, parsed, seen.known())]
    if states:
        found = [entry for entry in found if entry["State"] in states]
    return sorted(found, key=lambda entry: container(entry).name)


def _wanted(entry: dict[str, Any], parsed: Parsed, known: set[str]) -> bool:
    seen = container(entry)
    if seen.one_off and not parsed.on("all"):
        return False
    if parsed.args:
        return seen.service in parsed.args
    return parsed.text("orphans") == "true" or seen.service in known


def _states(parsed: Parsed) -> set[str]:
    found = set(parsed.many("status"))
    for word in parsed.many("filter"):
        key, sign, value = word.partition("=")
        if not sign or key not in ("status", "source"):
            raise Invalid(f"unknown filter {key}" if sign else "arguments to --filter should be in form KEY=VAL")
        if key == "status":
            found.add(value)
    for state in found:
        if state not in STATES:
            raise Invalid(f"unknown status {state!r}: want one of {', '.join(STATES)}")
    return found


def row(entry: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return what templates and JSON tell of one container."""
    seen = container(entry)
    told = look.row(entry, whole=whole)
    publishers = [
        {
            "URL": port.get("IP", ""),
            "TargetPort": port["PrivatePort"],
            "PublishedPort": port.get("PublicPort", 0),
            "Protocol": port["Type"],
        }
        for port in entry.get("Ports") or ()
    ]
    return {
        **told,
        "Name": seen.name,
        "Names": seen.name,
        "Service": seen.service,
        "Project": seen.labels.get(labels.PROJECT, ""),
        "Health": seen.health,
        "ExitCode": seen.code,
        "Publishers": publishers,
        "Size": told["Size"],
    }


COMMANDS = {
    "ps": Command(
        "[OPTIONS] [SERVICE...]",
        ps,
        (
            switch("all", "a", "Show stopped ones too, and those of `run`"),
            many("filter", "", "Only those that match (status=running)"),
            text("format", "", "table, json, or a Go template", default="table"),
            switch("no-trunc", "", "Show all of it"),
            switch("orphans", "", "Include services that are not in the files", True),
            switch("quiet", "q", "Show ids only"),
            switch("services", "", "Show services only"),
            many("status", "", "Only those in this state: " + ", ".join(STATES), "stringArray"),
        ),
    )
}
