"""`boxship volume …`."""

from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters, report
from boxship.front.cli.container.options import pairs
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.cli.inspect import FORMAT, print_each
from boxship.front.client.api import segment

COLUMNS = {"Driver": "DRIVER", "Name": "VOLUME NAME"}


def path(ref: str) -> str:
    return f"/volumes/{segment(ref)}"


def ls(session: Session, parsed: Parsed) -> None:
    found = session.client.get("/volumes", {"filters": filters(parsed)})["Volumes"] or []
    rows = [
        {
            "Driver": entry["Driver"],
            "Name": entry["Name"],
            "Mountpoint": entry["Mountpoint"],
            "Scope": entry["Scope"],
            "Labels": ",".join(f"{key}={value}" for key, value in (entry.get("Labels") or {}).items()),
        }
        for entry in sorted(found, key=lambda e: str(e["Name"]))
    ]
    lines = tables.listing(rows, COLUMNS, parsed.text("format"), quiet="Name" if parsed.on("quiet") else "")
    if lines:
        session.say(lines)


def create(session: Session, parsed: Parsed) -> None:
    body = {
        "Name": parsed.args[0] if parsed.args else parsed.text("name"),
        "Driver": parsed.text("driver"),
        "DriverOpts": pairs(parsed.many("opt")),
        "Labels": pairs(parsed.many("label")),
    }
    session.say(session.client.post("/volumes/create", body=body)["Name"])


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


COMMANDS = {
    "create": Command(
        "[OPTIONS] [VOLUME]",
        create,
        (
            text("driver", "d", "Driver", default="local"),
            many("label", "", "Set a label"),
            text("name", "", "Name"),
            many("opt", "o", "Option of the driver", "map"),
        ),
        most=1,
    ),
    "inspect": Command("[OPTIONS] VOLUME [VOLUME...]", inspect, (FORMAT,), 1),
    "ls": Command(
        "[OPTIONS]",
        ls,
        (FILTER._replace(short="f"), FORMAT._replace(short=""), switch("quiet", "q", "Show names only")),
        most=0,
    ),
    "prune": Command("[OPTIONS]", prune, (switch("all", "a", "Also those with a name"), FORCE, FILTER), most=0),
    "rm": Command("[OPTIONS] VOLUME [VOLUME...]", remove, (switch("force", "f", "Do not mind one that is gone"),), 1),
}
