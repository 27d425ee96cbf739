"""`boxship volume …`."""

import json
import os
from typing import Any

from boxship.base.errors import Invalid
from boxship.front.cli import preferences, progress, tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters, report
from boxship.front.cli.container.options import pairs
from boxship.front.cli.flags import Flag, Parsed, many, switch, text
from boxship.front.cli.inspect import FORMAT, print_each
from boxship.front.client import backups
from boxship.front.client.api import segment
from boxship.front.client.credentials import shown

COLUMNS = {"Driver": "DRIVER", "Name": "VOLUME NAME"}

MORE = {
    "Mountpoint": "MOUNTPOINT", "Scope": "SCOPE", "Labels": "LABELS", "Availability": "AVAILABILITY", "Group": "GROUP",
    "Links": "LINKS", "Size": "SIZE", "Status": "STATUS",
}  # fmt: skip
UNKNOWN = ("Availability", "Group", "Links", "Size", "Status")
RAW = {"name": "Name", "driver": "Driver"}


def path(ref: str) -> str:
    return f"/volumes/{segment(ref)}"


def ls(session: Session, parsed: Parsed) -> None:
    if parsed.on("cluster"):
        raise Invalid("--cluster is for volumes of clusters, which are not supported yet: leave it out")
    found = session.client.get("/volumes", {"filters": filters(parsed)})["Volumes"] or []
    rows = [
        {
            "Driver": entry["Driver"],
            "Name": entry["Name"],
            "Mountpoint": entry["Mountpoint"],
            "Scope": entry["Scope"],
            **tables.labels(entry),
            **dict.fromkeys(UNKNOWN, "N/A"),
        }
        for entry in sorted(found, key=lambda e: str(e["Name"]))
    ]
    form, quiet = preferences.form(session, parsed, "volumesFormat"), "Name" if parsed.on("quiet") else ""
    lines = tables.listing(rows, COLUMNS, form, quiet=quiet, more=MORE, raw=RAW)
    if lines:
        session.say(lines)


def create(session: Session, parsed: Parsed) -> None:
    _refuse_cluster(parsed)
    body = {
        "Name": parsed.args[0] if parsed.args else parsed.text("name"),
        "Driver": parsed.text("driver"),
        "DriverOpts": pairs(parsed.many("opt")),
        "Labels": pairs(parsed.many("label")),
    }
    session.say(session.client.post("/volumes/create", body=body)["Name"])


def _refuse_cluster(parsed: Parsed) -> None:
    """Raises Invalid naming a flag that only volumes of clusters have."""
    given = next((flag.name for flag in CLUSTER if parsed.given(flag.name)), "")
    if given:
        raise Invalid(f"--{given} is for volumes of clusters, which are not supported yet: leave it out")


def remove(session: Session, parsed: Parsed) -> int:
    def act(ref: str) -> str:
        session.client.delete(path(ref), {"force": parsed.on("force")})
        return ref

    return each(session, parsed.args, act)


def inspect(session: Session, parsed: Parsed) -> int:
    return print_each(session, parsed, lambda ref: session.client.get(path(ref)))


def prune(session: Session, parsed: Parsed) -> None:
    everything = parsed.on("all")
    what = "all local volumes" if everything else "anonymous local volumes"
    confirm(session, parsed, f"This will remove {what} not used by at least one container.")
    chosen = {**(filters(parsed) or {}), **({"all": ["true"]} if everything else {})}
    told = session.client.post("/volumes/prune", {"filters": chosen or None})
    report(session, "Deleted Volumes:", told.get("VolumesDeleted"), told.get("SpaceReclaimed", 0))


CLUSTER = (
    text("availability", "", "Of a cluster volume: active, pause or drain", default="active"),
    text("group", "", "Of a cluster volume: its group"),
    text("limit-bytes", "", "Of a cluster volume: largest size", "bytes"),
    text("required-bytes", "", "Of a cluster volume: smallest size", "bytes"),
    text("scope", "", "Of a cluster volume: single or multi", default="single"),
    many("secret", "", "Of a cluster volume: secrets", "map"),
    text("sharing", "", "Of a cluster volume: none, readonly, onewriter or all", default="none"),
    many("topology-preferred", "", "Of a cluster volume: where it had better be"),
    many("topology-required", "", "Of a cluster volume: where it must be"),
    text("type", "", "Of a cluster volume: mount or block", default="block"),
)


def snapshot(session: Session, parsed: Parsed) -> None:
    """Make a volume with the contents that another has now."""
    body = {"Name": parsed.text("name"), "Pause": not parsed.on("no-pause")}
    session.say(session.client.post(f"/boxship{path(parsed.args[0])}/snapshot", body=body)["Name"])


def backup(session: Session, parsed: Parsed) -> None:
    """Save volumes in a file, or one in a registry."""
    output, reference, pause = parsed.text("output"), parsed.text("push"), not parsed.on("no-pause")
    if bool(output) == bool(reference):
        raise Invalid("say where to: --output FILE, or --push REFERENCE for a registry")
    if output:
        backups.save(session.client, parsed.args, output, pause=pause)
        session.say(output)
        return
    if len(parsed.args) > 1:
        raise Invalid("one volume for each reference; --output takes several")
    _ship(session, f"/boxship{path(parsed.args[0])}/push", {"Reference": reference, "Pause": pause}, reference)


def restore(session: Session, parsed: Parsed) -> None:
    """Give a volume the contents of a snapshot, a file or a backup in a registry."""
    name, source = parsed.args
    confirm(session, parsed, f"What volume {name} holds now will be replaced.", "Nothing was changed")
    if os.path.isfile(source):
        saved = backups.contents(source)
        backups.load(session.client, source, {(name if name in saved else ""): name})
    elif any(volume["Name"] == source for volume in session.client.get("/volumes")["Volumes"] or []):
        session.client.post(f"/boxship{path(name)}/restore", body={"From": source})
    else:
        _ship(session, f"/boxship{path(name)}/restore", {"Reference": source}, source)
    session.say(name)


def _ship(session: Session, line: str, body: dict[str, Any], reference: str) -> None:
    headers = {"Content-Type": "application/json", **shown(session.environ, reference)}
    reply = session.client.stream("POST", line, body=json.dumps(body).encode(), headers=headers)
    progress.show(reply, session.out)


_NO_PAUSE = switch("no-pause", "", "Let containers write meanwhile; by default they pause")

COMMANDS = {
    "backup": Command(
        "[OPTIONS] VOLUME [VOLUME...]",
        backup,
        (
            text("output", "o", "File to write: an OCI layout in a tar", "file"),
            text("push", "", "Registry to bring it to, as an artifact under this name", "reference"),
            _NO_PAUSE,
        ),
        1,
        examples="boxship volume backup -o data.tar data\nboxship volume backup --push localhost:5000/backup/data data",
    ),
    "restore": Command(
        "[OPTIONS] VOLUME SNAPSHOT|FILE|REFERENCE",
        restore,
        (FORCE,),
        2,
        2,
        examples="boxship volume restore data data-20260102T030405\nboxship volume restore data data.tar",
    ),
    "snapshot": Command(
        "[OPTIONS] VOLUME",
        snapshot,
        (text("name", "", "Name of the new volume; by default VOLUME-TIME"), _NO_PAUSE),
        1,
        1,
    ),
    "create": Command(
        "[OPTIONS] [VOLUME]",
        create,
        (
            text("driver", "d", "Driver", default="local"),
            many("label", "", "Set a label"),
            Flag("name", "", "text", "Name", "string", hidden=True),
            many("opt", "o", "Option of the driver", "map"),
            *CLUSTER,
        ),
        most=1,
    ),
    "inspect": Command("[OPTIONS] VOLUME [VOLUME...]", inspect, (FORMAT,), 1),
    "ls": Command(
        "[OPTIONS]",
        ls,
        (
            switch("cluster", "", "List volumes of clusters, which are not supported yet"),
            FILTER._replace(short="f"),
            FORMAT._replace(short=""),
            switch("quiet", "q", "Show names only"),
        ),
        most=0,
    ),
    "prune": Command("[OPTIONS]", prune, (switch("all", "a", "Also those with a name"), FORCE, FILTER), most=0),
    "rm": Command("[OPTIONS] VOLUME [VOLUME...]", remove, (switch("force", "f", "Do not mind one that is gone"),), 1),
}
