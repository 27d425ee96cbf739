"""`boxship volume …`."""

from boxship.base.errors import Invalid
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters, report
from boxship.front.cli.container.options import pairs
from boxship.front.cli.flags import Flag, Parsed, many, switch, text
from boxship.front.cli.inspect import FORMAT, print_each
from boxship.front.client.api import segment

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
    form, quiet = parsed.text("format"), "Name" if parsed.on("quiet") else ""
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

COMMANDS = {
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
