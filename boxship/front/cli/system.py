"""`boxship system …`: info, events, check, prune."""

import json
from typing import Any

from boxship import __version__
from boxship.base.units import human_size
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters
from boxship.front.cli.endpoint import context_name
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.cli.inspect import FORMAT
from boxship.front.cli.version import formatted as _formatted
from boxship.front.client.api import ApiError

_INFO = (
    ("Containers", "Containers"), (" Running", "ContainersRunning"), (" Paused", "ContainersPaused"),
    (" Stopped", "ContainersStopped"), ("Images", "Images"), ("Server Version", "ServerVersion"),
    ("Storage Driver", "Driver"), ("Logging Driver", "LoggingDriver"), ("Cgroup Driver", "CgroupDriver"),
    ("Cgroup Version", "CgroupVersion"), ("Default Runtime", "DefaultRuntime"), ("Kernel Version", "KernelVersion"),
    ("Operating System", "OperatingSystem"), ("OSType", "OSType"), ("Architecture", "Architecture"), ("CPUs", "NCPU"),
    ("Total Memory", "MemTotal"), ("Name", "Name"), ("ID", "ID"), ("Docker Root Dir", "DockerRootDir"),
    ("Debug Mode", "Debug"), ("Live Restore Enabled", "LiveRestoreEnabled"),
)  # fmt: skip


def info(session: Session, parsed: Parsed) -> None:
    told = session.client.get("/info")
    form = parsed.text("format")
    if form:
        context = context_name(session.given, session.environ) if session.given is not None else "default"
        client = {"Debug": False, "Version": __version__, "Context": context, "Plugins": [], "Warnings": None}
        session.say(_formatted(form, {**told, "ClientInfo": client}))
        return
    session.say(f"Client: Boxship {__version__}\n\nServer:")
    for label, key in _INFO:
        if key in told:
            value = human_size(told[key], 1024) if key == "MemTotal" else told[key]
            session.say(f" {label}: {str(value).lower() if isinstance(value, bool) else value}")
    session.say(f" Runtimes: {' '.join(sorted(told.get('Runtimes') or {}))}")
    session.say(
        f" Labels:\n{chr(10).join('  ' + label for label in told['Labels'])}" if told.get("Labels") else " Labels:"
    )
    for warning in told.get("Warnings") or []:
        session.warn(warning)


def events(session: Session, parsed: Parsed) -> None:
    from boxship.front.cli.container.look import moment

    query = {"since": moment(parsed.text("since")), "until": moment(parsed.text("until")), "filters": filters(parsed)}
    form = parsed.text("format")
    for line in session.client.stream("GET", "/events", query).lines():
        event = json.loads(line)
        if form == "json":
            event["Actor"]["Attributes"] = dict(sorted((event["Actor"].get("Attributes") or {}).items()))
            session.say(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        else:
            session.say(_formatted(form, event) if form else _event(event))
        session.out.flush()


def _event(event: dict[str, Any]) -> str:
    """Return `2024-01-01T00:00:00.000000000Z container start 0123… (image=a, name=b)`."""
    import time

    nanoseconds = event["timeNano"]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(nanoseconds // 1_000_000_000))
    zone = time.strftime("%z", time.localtime(nanoseconds // 1_000_000_000))
    actor = event["Actor"]
    attributes = ", ".join(f"{key}={value}" for key, value in sorted((actor.get("Attributes") or {}).items()))
    offset = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    moment = f"{stamp}.{nanoseconds % 1_000_000_000:09d}{offset}"
    text = f"{moment} {event['Type']} {event['Action']} {actor['ID']}"
    return f"{text} ({attributes})" if attributes else text


def check(session: Session, parsed: Parsed) -> int:
    """Print every difference between kernel and store; 0 when there is none or all were repaired, 1 otherwise."""
    repair = parsed.on("repair")
    told = session.client.post("/boxship/check") if repair else session.client.get("/boxship/check")
    findings = told.get("Findings") or []
    if parsed.text("format"):
        session.say(_formatted(parsed.text("format"), told))
    elif not findings:
        session.say("All well: what the kernel holds is what the daemon knows.")
    else:
        for finding in findings:
            fate = " (repaired)" if finding.get("Repaired") else ""
            session.say(f"{finding['Kind']} {finding['Subject']}: {finding['Explanation']}{fate}")
        if not repair:
            session.say("\nRun 'boxship system check --repair' to mend this.")
    return 1 if any(not finding.get("Repaired") for finding in findings) else 0


def prune(session: Session, parsed: Parsed) -> None:
    volumes, everything = parsed.on("volumes"), parsed.on("all")
    removed = ["all stopped containers", "all networks not used by at least one container"]
    removed += ["all anonymous volumes not used by at least one container"] if volumes else []
    removed += ["all images without at least one container associated to them" if everything else "all dangling images"]
    confirm(session, parsed, "This will remove:\n" + "\n".join(f"  - {line}" for line in removed))
    chosen = filters(parsed)
    steps = [("Containers", "/containers/prune", chosen), ("Networks", "/networks/prune", chosen)]
    if volumes:
        steps.append(("Volumes", "/volumes/prune", chosen))
    steps.append(("Images", "/images/prune", {**(chosen or {}), "dangling": ["false" if everything else "true"]}))
    freed = 0
    for what, path, query in steps:
        try:
            told = session.client.post(path, {"filters": query})
        except ApiError as error:
            session.warn(f"{what}: {error}")
            continue
        freed += told.get("SpaceReclaimed", 0)
        gone = told.get(f"{what}Deleted") or []
        names = [name if isinstance(name, str) else " ".join(name.values()) for name in gone]
        if names:
            session.say("\n".join([f"Deleted {what}:", *names, ""]))
    session.say(f"Total reclaimed space: {human_size(freed)}")


COMMANDS = {
    "check": Command("[OPTIONS]", check, (FORMAT, switch("repair", "", "Mend what is found")), most=0),
    "events": Command(
        "[OPTIONS]",
        events,
        (
            FILTER._replace(short="f"),
            FORMAT._replace(short=""),
            text("since", "", "Begin at a time, or 10m ago"),
            text("until", "", "End at a time"),
        ),
        most=0,
    ),
    "info": Command("[OPTIONS]", info, (FORMAT,), most=0),
    "prune": Command(
        "[OPTIONS]",
        prune,
        (switch("all", "a", "Also images with a name"), FORCE, FILTER, switch("volumes", "", "Also anonymous volumes")),
        most=0,
    ),
}
