"""`boxship version`: who we are, and who the daemon is. Imports little: it is what people time."""

import os
import sys
from typing import Any

from boxship import __version__
from boxship.base.errors import PlatformError
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.endpoint import context_name
from boxship.front.cli.flags import Parsed, text

NEWEST_API = "1.51"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def version(session: Session, parsed: Parsed) -> None:
    client = {
        "Version": __version__,
        "ApiVersion": NEWEST_API,
        "DefaultAPIVersion": NEWEST_API,
        "GitCommit": "",
        "GoVersion": f"python{sys.version.partition(' ')[0]}",
        "Os": "linux",
        "Arch": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "BuildTime": "",
        "Context": context_name(session.given, session.environ) if session.given is not None else "default",
    }
    form = parsed.text("format")
    try:
        told, failure = session.client.get("/version"), None
    except PlatformError as error:
        told, failure = None, error
    if form:
        session.say(formatted(form, {"Client": client, "Server": told}))
    else:
        shown = {key: value for key, value in client.items() if value and key != "DefaultAPIVersion"}
        session.say(f"Client: Boxship {__version__}\n{_lines(shown)}")
    if failure is not None:
        session.out.flush()
        raise failure
    if form:
        return
    session.say()
    server = {key: value for key, value in told.items() if isinstance(value, str)}
    name = (told.get("Platform") or {}).get("Name") or "daemon"
    session.say(f"Server: {name}\n{_lines(server)}")
    for part in told.get("Components") or []:
        details = {"Version": part["Version"], **(part.get("Details") or {})}
        session.say(f" {part['Name']}:\n{_lines({k: v for k, v in details.items() if isinstance(v, str)}, 2)}")


def _lines(pairs: dict[str, str], depth: int = 1) -> str:
    return "\n".join(f"{' ' * depth}{key + ':':<20}{value}" for key, value in pairs.items())


def formatted(form: str, told: Any) -> str:
    from boxship.front.cli.template import parse, render

    if form == "json":
        return tables.compact(told)
    return render(parse(tables.unescape(form)), told)


COMMANDS = {
    "version": Command(
        "[OPTIONS]",
        version,
        (text("format", "f", "json, or a Go template such as '{{.Server.Version}}'"),),
        most=0,
        examples="boxship version\nboxship version -f '{{.Server.Version}}'",
    )
}
