"""`volumes`."""

import json

from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.compose import labels


def volumes(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    found = session.client.get("/volumes", {"filters": {"label": [f"{labels.PROJECT}={seen.name}"]}})["Volumes"] or []
    if parsed.args:
        used = {m.get("Name") for c in seen.containers(parsed.args) for m in c.mounts}
        found = [volume for volume in found if volume["Name"] in used]
    names = sorted(volume["Name"] for volume in found)
    if parsed.on("quiet"):
        session.out.write("".join(f"{name}\n" for name in names))
    elif parsed.text("format") == "json":
        for volume in sorted(found, key=lambda volume: str(volume["Name"])):
            session.say(json.dumps(volume, separators=(",", ":")))
    else:
        rows = [[volume["Driver"], volume["Name"]] for volume in sorted(found, key=lambda v: str(v["Name"]))]
        session.say(tables.aligned([["DRIVER", "VOLUME NAME"], *rows]))


COMMANDS = {
    "volumes": Command(
        "[OPTIONS] [SERVICE...]",
        volumes,
        (switch("quiet", "q", "Show names only"), text("format", "", "table or json", default="table")),
    )
}
