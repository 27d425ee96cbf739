"""`boxship system df`: how much disk is used, in sums or with -v thing by thing.

Source: docker/cli, "docker system df".
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from boxship.base.units import human_duration, human_size, parse_rfc3339
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Parsed, switch, text

Json = dict[str, Any]
SUMS = {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
RAW = {"type": "Type", "total": "TotalCount", "active": "Active", "size": "Size", "reclaimable": "Reclaimable"}
IMAGES = {
    "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE", "Containers": "CONTAINERS",
}  # fmt: skip
CONTAINERS = {
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "LocalVolumes": "LOCAL VOLUMES", "Size": "SIZE",
    "RunningFor": "CREATED", "Status": "STATUS", "Names": "NAMES",
}  # fmt: skip
VOLUMES = {"Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE"}
CACHE = {
    "ID": "CACHE ID", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED",
    "LastUsedSince": "LAST USED", "UsageCount": "USAGE", "Shared": "SHARED",
}  # fmt: skip
ALIVE = ("running", "paused", "restarting")


def df(session: Session, parsed: Parsed) -> None:
    told, form = session.client.get("/system/df"), parsed.text("format")
    if parsed.on("verbose"):
        session.out.write(each_thing(told, form))
    else:
        session.say(tables.listing(sums(told), SUMS, form, raw=RAW))


def sums(told: Json) -> list[dict[str, str]]:
    """Return images, containers, volumes and build cache as a row each."""
    known = told.get("Images") or []
    images = [(_alone(entry), entry.get("Containers", 0) > 0) for entry in known]
    layers, held = told.get("LayersSize", 0), sum(_alone(entry) for entry in known if entry.get("Containers", 0))
    containers = [(c.get("SizeRw", 0), c["State"] in ALIVE) for c in told.get("Containers") or []]
    used = [v.get("UsageData") or {} for v in told.get("Volumes") or []]
    volumes = [(max(data.get("Size", 0), 0), data.get("RefCount", 0) > 0) for data in used]
    cache = [(entry.get("Size", 0), bool(entry.get("InUse"))) for entry in told.get("BuildCache") or []]
    return [
        _sum("Images", images, layers, free=layers - held),
        _sum("Containers", containers),
        _sum("Local Volumes", volumes),
        {**_sum("Build Cache", cache, _cached(told)), "Reclaimable": human_size(_cached(told, free=True))},
    ]


def _alone(image: Json) -> int:
    """Return the bytes that an image has to itself, 0 where nobody knows."""
    size, shared = image["Size"], image.get("SharedSize", 0)
    return 0 if size < 0 or shared < 0 else int(size - shared)


def _sum(
    kind: str, things: list[tuple[int, bool]], whole: int | None = None, free: int | None = None
) -> dict[str, str]:
    """One row; `things` are (bytes, in use), `whole` is their size and `free` what could go where they share some."""
    size = sum(one for one, _ in things) if whole is None else whole
    free = sum(one for one, in_use in things if not in_use) if free is None else free
    share = f" ({100 * free // size}%)" if size else ""
    return {
        "Type": kind,
        "TotalCount": str(len(things)),
        "Active": str(sum(in_use for _, in_use in things)),
        "Size": human_size(size),
        "Reclaimable": f"{human_size(free)}{share}",
    }


def _cached(told: Json, *, free: bool = False) -> int:
    """Return the bytes that the cache of builds has to itself; `free`: only what nothing uses now."""
    own = [entry for entry in told.get("BuildCache") or [] if not entry.get("Shared")]
    return sum(entry.get("Size", 0) for entry in own if not (free and entry.get("InUse")))


def each_thing(told: Json, form: str) -> str:
    """Return four tables; with a form other than `table` what it makes of the four lists, no line end added."""
    whole = form not in ("", "table")
    found = {
        "Images": [image(entry, whole=whole) for entry in told.get("Images") or []],
        "Containers": list(_containers(told, whole=whole)),
        "Volumes": [volume(entry) for entry in told.get("Volumes") or []],
        "BuildCache": [cached(entry, whole=whole) for entry in sorted(told.get("BuildCache") or [], key=_last_used)],
    }
    if not whole:
        return "\n\n".join(_titled(found, told)) + "\n"
    if form == "json":
        return tables.compact({kind: [tables.fields(row) for row in rows] for kind, rows in found.items()})
    from boxship.front.cli.template import parse, render

    return render(parse(tables.unescape(form)), found)


def _titled(found: Mapping[str, list[dict[str, Any]]], told: Json) -> Iterator[str]:
    """Yield headings and tables in turn."""
    yield "Images space usage:"
    yield tables.listing(found["Images"], IMAGES, "")
    yield "Containers space usage:"
    yield tables.listing(found["Containers"], CONTAINERS, "")
    yield "Local Volumes space usage:"
    yield tables.listing(found["Volumes"], VOLUMES, "")
    yield f"Build cache usage: {human_size(_cached(told))}"
    yield tables.listing(found["BuildCache"], CACHE, "")


def image(entry: Json, *, whole: bool) -> dict[str, str]:
    """Return the fields of an image: those of `images`, under its first tag, and what it shares with others.

    The stock client names no image here that is known by digest alone."""
    from boxship.front.cli.image import rows_of

    shared, size = entry.get("SharedSize", -1), entry["Size"]
    return {
        **next(rows_of({**entry, "RepoDigests": None}, whole, False)),
        "Digest": "",
        "SharedSize": "N/A" if shared < 0 else human_size(shared),
        "UniqueSize": "N/A" if shared < 0 else human_size(size - shared),
        "Containers": "N/A" if entry.get("Containers", -1) < 0 else str(entry["Containers"]),
    }


def _containers(told: Json, *, whole: bool) -> Iterator[dict[str, Any]]:
    from boxship.front.cli.container.look import row

    for entry in told.get("Containers") or []:
        yield row({**entry, "SizeRootFs": 0}, whole=whole)  # what it shares with its image is told there


def volume(entry: Json) -> dict[str, Any]:
    used = entry.get("UsageData") or {}
    return {
        "Name": entry["Name"],
        "Driver": entry["Driver"],
        "Mountpoint": entry["Mountpoint"],
        "Scope": entry["Scope"],
        **tables.labels(entry),
        **dict.fromkeys(("Availability", "Group", "Status"), "N/A"),
        "Links": str(used["RefCount"]) if used else "N/A",
        "Size": human_size(used["Size"]) if used else "N/A",
    }


def cached(entry: Json, *, whole: bool) -> dict[str, str]:
    parents = ", ".join(entry.get("Parents") or ())
    return {
        "ID": (entry["ID"] if whole else tables.short_id(entry["ID"])) + ("*" if entry.get("InUse") else ""),
        "Parent": parents if whole else tables.short_id(parents),
        "CacheType": entry["Type"],
        "Description": entry.get("Description") or "",
        "Size": human_size(entry.get("Size", 0), digits=3),
        "CreatedAt": tables.go_time(entry.get("CreatedAt") or ""),
        "CreatedSince": _since(entry, "CreatedAt"),
        "LastUsedAt": tables.go_time(entry.get("LastUsedAt") or ""),
        "LastUsedSince": _since(entry, "LastUsedAt"),
        "UsageCount": str(entry.get("UsageCount", 0)),
        "InUse": str(bool(entry.get("InUse"))).lower(),
        "Shared": str(bool(entry.get("Shared"))).lower(),
    }


def _since(entry: Mapping[str, Any], key: str) -> str:
    moment = entry.get(key)
    return f"{human_duration(time.time() - parse_rfc3339(moment) / 1e9)} ago" if moment else ""


def _last_used(entry: Mapping[str, Any]) -> tuple[int, str]:
    """What was never used comes first, what was used last comes last."""
    return parse_rfc3339(entry["LastUsedAt"]) if entry.get("LastUsedAt") else 0, entry["ID"]


COMMANDS = {
    "df": Command(
        "[OPTIONS]",
        df,
        (
            text("format", "", "json, or a Go template such as '{{.Type}} {{.Size}}'"),
            switch("verbose", "v", "Show each image, container, volume and piece of build cache"),
        ),
        most=0,
        examples="boxship system df\nboxship system df -v",
    )
}
