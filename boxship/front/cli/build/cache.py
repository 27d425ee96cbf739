"""`boxship builder …`: the cache of builds."""

from boxship.base.units import human_size, parse_size
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters
from boxship.front.cli.flags import Parsed, switch, text


def prune(session: Session, parsed: Parsed) -> None:
    everything = parsed.on("all")
    confirm(session, parsed, f"This will remove {'all build cache' if everything else 'all dangling build cache'}.")
    keep = parse_size(parsed.text("keep-storage")) if parsed.text("keep-storage") else None
    query = {"all": everything, "filters": filters(parsed) or None, "keep-storage": keep}
    told = session.client.post("/build/prune", query)
    found = told.get("CachesDeleted") or []
    if found:
        session.say("\n".join(["Deleted build cache objects:", *found, ""]))
    session.say(f"Total reclaimed space: {human_size(told.get('SpaceReclaimed', 0))}")


def du(session: Session, parsed: Parsed) -> None:
    found = session.client.get("/system/df", {"type": "build-cache"}).get("BuildCache") or []
    rows = [["ID", "TYPE", "SIZE", "USED", "IN USE", "SHARED", "DESCRIPTION"]]
    for each in sorted(found, key=lambda each: -each["Size"]):
        flags = [str(each["InUse"]).lower(), str(each["Shared"]).lower()]
        what = each["Description"] if parsed.on("verbose") else tables.ellipsis(each["Description"], 50)
        rows.append([each["ID"][:12], each["Type"], human_size(each["Size"]), str(each["UsageCount"]), *flags, what])
    session.say(tables.aligned(rows))
    session.say(f"\nTotal: {human_size(sum(each['Size'] for each in found))}")


COMMANDS = {
    "prune": Command(
        "[OPTIONS]",
        prune,
        (
            switch("all", "a", "Also what images still use"),
            FORCE,
            FILTER,
            text("keep-storage", "", "Leave this much, what was used last", "bytes"),
        ),
        most=0,
    ),
    "du": Command("[OPTIONS]", du, (switch("verbose", "", "Show descriptions whole"),), most=0),
}
