"""Verbs that only look: ls, inspect, logs, top, port, diff."""

import time
from typing import Any

from boxship.base.errors import NotFound
from boxship.base.units import human_duration, human_size
from boxship.front.cli import preferences, tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import FILTER, filters, path
from boxship.front.cli.flags import Flag, Parsed, switch, text
from boxship.front.cli.inspect import FORMAT, print_each

COLUMNS = {
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "RunningFor": "CREATED", "Status": "STATUS",
    "Ports": "PORTS", "Names": "NAMES",
}  # fmt: skip
MORE = {"CreatedAt": "CREATED AT", "Labels": "LABELS", "LocalVolumes": "LOCAL VOLUMES", "Mounts": "MOUNTS",
        "Networks": "NETWORKS", "Size": "SIZE", "State": "STATE", "Platform": "PLATFORM"}  # fmt: skip

RAW = {
    "container_id": "ID", "image": "Image", "command": "Command", "created_at": "CreatedAt", "state": "State",
    "status": "Status", "names": "Names", "labels": "Labels", "ports": "Ports",
}  # fmt: skip


def ls(session: Session, parsed: Parsed) -> None:
    last = 1 if parsed.on("latest") else parsed.number("last")
    sizes = parsed.on("size") or ".Size" in preferences.form(session, parsed, "psFormat")
    query = {
        "all": parsed.on("all") or last > 0,
        "limit": last if last > 0 else None,
        "size": sizes,
        "filters": filters(parsed),
    }
    found = session.client.get("/containers/json", query)
    rows = [row(entry, whole=parsed.on("no-trunc")) for entry in found]
    columns = {**COLUMNS, "Size": "SIZE"} if parsed.on("size") else COLUMNS
    form, quiet = preferences.form(session, parsed, "psFormat"), "ID" if parsed.on("quiet") else ""
    if quiet and form not in ("", "table", "raw"):
        session.warn("WARNING: Ignoring custom format, because both --format and --quiet are set.")
        form = ""
    raw = {**RAW, **({"size": "Size"} if parsed.on("size") else {})}
    lines = tables.listing(rows, columns, form, quiet=quiet, more=MORE, raw=raw)
    if lines:
        session.say(lines)


def row(entry: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """Return what templates may name for one container of the list."""
    command = f'"{entry["Command"] if whole else tables.ellipsis(entry["Command"], 20)}"'
    mounts = [mount.get("Name") or mount["Source"] for mount in entry.get("Mounts") or []]
    return {
        "ID": entry["Id"] if whole else tables.short_id(entry["Id"]),
        "Image": entry["Image"] if whole else _image(entry["Image"]),
        "Command": command,
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(entry["Created"])),
        "RunningFor": f"{human_duration(time.time() - entry['Created'])} ago",
        "Status": entry["Status"],
        "State": entry["State"],
        "Ports": ports(entry.get("Ports") or []),
        "Names": ",".join(name.removeprefix("/") for name in entry["Names"]),
        **tables.labels(entry),
        "Mounts": ",".join(mount if whole else tables.ellipsis(mount, 15) for mount in mounts),
        "LocalVolumes": str(sum(1 for mount in entry.get("Mounts") or [] if mount.get("Driver") == "local")),
        "Networks": ",".join(sorted((entry.get("NetworkSettings") or {}).get("Networks") or {})),
        "Size": _size(entry),
        "Platform": None,
    }


def _image(name: str) -> str:
    return tables.short_id(name) if name.startswith("sha256:") else name.partition("@")[0]


def _size(entry: dict[str, Any]) -> str:
    own, virtual = entry.get("SizeRw", 0), entry.get("SizeRootFs", 0)
    shown = human_size(own, digits=3)
    return f"{shown} (virtual {human_size(virtual, digits=3)})" if virtual else shown


def ports(entries: list[dict[str, Any]]) -> str:
    """Return `0.0.0.0:8080->80/tcp, 9000/tcp`; neighbours that keep their numbers are drawn together."""
    runs: list[list[Any]] = []
    key = ("IP", "Type")
    for entry in sorted(entries, key=lambda e: (e.get("IP", ""), e["Type"], e["PrivatePort"], e.get("PublicPort", 0))):
        public = entry.get("PublicPort", 0)
        if runs:
            last = runs[-1]
            kept = last[2] in (0, last[1])
            same = all(last[0].get(k) == entry.get(k) for k in key) and bool(last[0].get("PublicPort")) == bool(public)
            if same and entry["PrivatePort"] == last[1] + 1 and public in (0, entry["PrivatePort"]) and kept:
                last[1], last[2] = entry["PrivatePort"], public
                continue
        runs.append([entry, entry["PrivatePort"], public])
    return ", ".join(_run(first, private, public) for first, private, public in runs)


def _run(first: dict[str, Any], private: int, public: int) -> str:
    def span(low: int, high: int) -> str:
        return str(low) if low == high else f"{low}-{high}"

    inside = f"{span(first['PrivatePort'], private)}/{first['Type']}"
    if not first.get("PublicPort"):
        return inside
    address = first.get("IP", "")
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{span(first['PublicPort'], public)}->{inside}"


def inspect(session: Session, parsed: Parsed) -> int:
    query = {"size": parsed.on("size")}
    return print_each(session, parsed, lambda ref: session.client.get(f"{path(ref)}/json", query))


def logs(session: Session, parsed: Parsed) -> None:
    from boxship.front.cli.console import Frames, write

    where = path(parsed.args[0])
    terminal = session.client.get(f"{where}/json")["Config"]["Tty"]
    query = {
        "stdout": True,
        "stderr": True,
        "follow": parsed.on("follow"),
        "timestamps": parsed.on("timestamps"),
        "details": parsed.on("details"),
        "tail": parsed.text("tail"),
        "since": moment(parsed.text("since")),
        "until": moment(parsed.text("until")),
    }
    frames = Frames()
    for piece in session.client.stream("GET", f"{where}/logs", query).parts():
        if terminal:
            write(1, piece)
            continue
        for stream, payload in frames.feed(piece):
            write(1 if stream == 1 else 2, payload)


def moment(word: str) -> str | None:
    """Return seconds since 1970 for a time, or for how long ago it was (10m); None for nothing. Raises Invalid."""
    from boxship.base.units import SECOND, parse_duration, parse_rfc3339

    if not word:
        return None
    if word.replace(".", "", 1).isdecimal():
        return word
    if "-" in word[1:]:
        whole = word if "T" in word or " " in word else f"{word}T00:00:00Z"
        whole = whole if whole.count(":") >= 2 else f"{whole}:00"
        nanoseconds = parse_rfc3339(whole)
    else:
        nanoseconds = time.time_ns() - parse_duration(word)
    return f"{nanoseconds // SECOND}.{nanoseconds % SECOND:09d}"


def top(session: Session, parsed: Parsed) -> None:
    ref, *options = parsed.args

    def text() -> str:
        told = session.client.get(f"{path(ref)}/top", {"ps_args": " ".join(options) or None})
        return tables.aligned([told["Titles"], *told["Processes"]], gap=1, narrowest=20)

    if not parsed.on("live"):
        session.say(text())
        return
    from boxship.front.cli.live import picture

    with picture(session.out) as drawn:
        while True:
            drawn.draw(text())
            time.sleep(1)


def port(session: Session, parsed: Parsed) -> None:
    """Print `80/tcp -> 0.0.0.0:8080`; with a port only the addresses."""
    ref, *wanted = parsed.args
    bindings = session.client.get(f"{path(ref)}/json")["NetworkSettings"]["Ports"] or {}
    if wanted:
        key = wanted[0] if "/" in wanted[0] else f"{wanted[0]}/tcp"
        if not bindings.get(key):
            raise NotFound(f"no public port '{key}' published for {ref}")
        session.say("\n".join(_address(entry) for entry in bindings[key]))
        return
    for key in sorted(bindings):
        for entry in bindings[key] or []:
            session.say(f"{key} -> {_address(entry)}")


def _address(entry: dict[str, str]) -> str:
    host = entry["HostIp"] or "0.0.0.0"
    return f"[{host}]:{entry['HostPort']}" if ":" in host else f"{host}:{entry['HostPort']}"


def diff(session: Session, parsed: Parsed) -> None:
    for change in session.client.get(f"{path(parsed.args[0])}/changes") or []:
        session.say("CAD"[change["Kind"]], change["Path"])


COMMANDS = {
    "diff": Command("CONTAINER", diff, least=1, most=1),
    "inspect": Command(
        "[OPTIONS] CONTAINER [CONTAINER...]", inspect, (FORMAT, switch("size", "s", "Show sizes too")), 1
    ),
    "logs": Command(
        "[OPTIONS] CONTAINER",
        logs,
        (
            switch("details", "", "Show extra attributes"),
            switch("follow", "f", "Go on with what comes"),
            text("since", "", "Only what came after a time, 2024-01-02T13:23:37Z, or 42m for a while ago"),
            text("tail", "n", "Only this many of the last lines", default="all"),
            switch("timestamps", "t", "Show times"),
            text("until", "", "Only what came before a time"),
        ),
        1,
        1,
    ),
    "ls": Command(
        "[OPTIONS]",
        ls,
        (
            switch("all", "a", "Show stopped ones too"),
            FILTER._replace(short="f"),
            FORMAT._replace(short=""),
            Flag("last", "n", "number", "Show the newest n, whatever their state", "int", "-1"),
            switch("latest", "l", "Show the newest, whatever its state"),
            switch("no-trunc", "", "Show all of it"),
            switch("quiet", "q", "Show ids only"),
            switch("size", "s", "Show sizes"),
        ),
        most=0,
        examples="boxship ps -a --filter status=exited\nboxship ps --format 'table {{.Names}}\\t{{.Status}}'",
    ),
    "port": Command("CONTAINER [PRIVATE_PORT[/PROTO]]", port, least=1, most=2),
    "top": Command(
        "[OPTIONS] CONTAINER [ps OPTIONS]",
        top,
        (switch("live", "", "Go on showing them, every second"),),
        least=1,
        interspersed=False,
    ),
}
