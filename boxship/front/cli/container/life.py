"""Verbs that change containers and print their names: stop, kill, rm, update and their like."""

from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import human_size, parse_size
from boxship.front.cli.command import Command, Failed, Session, each
from boxship.front.cli.container.options import nano_cpus, restart_policy
from boxship.front.cli.flags import Flag, Parsed, many, switch, text
from boxship.front.client.api import segment


def path(ref: str) -> str:
    return f"/containers/{segment(ref)}"


def _verb(verb: str, *flags: tuple[str, str]) -> Any:
    """Return a command that posts `verb` for each name; `flags` are (flag, query key)."""

    def run(session: Session, parsed: Parsed) -> int:
        query = {key: parsed.text(flag) for flag, key in flags if parsed.given(flag)}

        def act(ref: str) -> str:
            session.client.post(f"{path(ref)}/{verb}", query)
            return ref

        return each(session, parsed.args, act)

    return run


def remove(session: Session, parsed: Parsed) -> int:
    query = {"force": parsed.on("force"), "v": parsed.on("volumes"), "link": parsed.on("link")}

    def act(ref: str) -> str:
        session.client.delete(path(ref), query)
        return ref

    return each(session, parsed.args, act)


def rename(session: Session, parsed: Parsed) -> None:
    old, new = parsed.args
    session.client.post(f"{path(old)}/rename", {"name": new})


def wait(session: Session, parsed: Parsed) -> int:
    return each(session, parsed.args, lambda ref: str(session.client.post(f"{path(ref)}/wait")["StatusCode"]))


_UPDATES = {
    "blkio-weight": ("BlkioWeight", "number"), "cpu-period": ("CpuPeriod", "number"),
    "cpu-quota": ("CpuQuota", "number"), "cpu-rt-period": ("CpuRealtimePeriod", "number"),
    "cpu-rt-runtime": ("CpuRealtimeRuntime", "number"), "cpu-shares": ("CpuShares", "number"),
    "cpuset-cpus": ("CpusetCpus", "text"), "cpuset-mems": ("CpusetMems", "text"), "memory": ("Memory", "size"),
    "memory-reservation": ("MemoryReservation", "size"), "memory-swap": ("MemorySwap", "size"),
    "kernel-memory": ("KernelMemory", "size"), "pids-limit": ("PidsLimit", "number"), "cpus": ("NanoCpus", "cpus"),
    "restart": ("RestartPolicy", "restart"),
}  # fmt: skip


def update(session: Session, parsed: Parsed) -> int:
    body = {name: _read(kind, parsed, flag) for flag, (name, kind) in _UPDATES.items() if parsed.given(flag)}
    if not body:
        raise Invalid("you must provide one or more flags when using this command, such as --memory 512m")

    def act(ref: str) -> str:
        told = session.client.post(f"{path(ref)}/update", body=body) or {}
        for warning in told.get("Warnings") or []:
            session.warn(f"WARNING: {warning}")
        return ref

    return each(session, parsed.args, act)


def edit(session: Session, parsed: Parsed) -> int:
    """Change published ports and mounts while the containers go on; connections that are established stay."""
    from boxship.front.cli.container import mounts, ports

    bodies: dict[str, dict[str, Any]] = {
        "ports": {
            "Add": ports.edited(parsed.many("publish-add")),
            "Remove": ports.removed(parsed.many("publish-rm")),
            "From": parsed.text("publish-from"),
        },
        "mounts": {
            "Add": [mounts.mount(text) for text in parsed.many("mount-add")],
            "Binds": [mounts.bind(text) for text in parsed.many("volume-add")],
            "Remove": parsed.many("mount-rm"),
        },
    }
    wanted = {kind: body for kind, body in bodies.items() if any(body.values())}
    if not wanted:
        raise Invalid(
            "you must provide --publish-add, --publish-rm, --publish-from, --mount-add, --volume-add or --mount-rm"
        )

    def act(ref: str) -> str:
        for kind, body in wanted.items():
            session.client.post(f"/boxship{path(ref)}/{kind}", body=body)
        return ref

    return each(session, parsed.args, act)


def _read(kind: str, parsed: Parsed, flag: str) -> Any:
    if kind == "number":
        return parsed.number(flag)
    word = parsed.text(flag)
    if kind == "size":
        return -1 if word == "-1" else parse_size(word)
    if kind == "cpus":
        return nano_cpus(word)
    return restart_policy(word) if kind == "restart" else word


def prune(session: Session, parsed: Parsed) -> None:
    """Ask, remove, tell what is gone and how much room that made."""
    confirm(session, parsed, "This will remove all stopped containers.")
    told = session.client.post("/containers/prune", {"filters": filters(parsed)})
    report(session, "Deleted Containers:", told.get("ContainersDeleted"), told.get("SpaceReclaimed", 0))


def filters(parsed: Parsed) -> dict[str, list[str]] | None:
    """Return `--filter key=value` as the API wants it. Raises Invalid."""
    found: dict[str, list[str]] = {}
    for word in parsed.many("filter"):
        key, equals, value = word.partition("=")
        if not equals:
            raise Invalid(f"invalid argument {word!r} for --filter: bad format of filter (expected name=value)")
        found.setdefault(key.strip(), []).append(value)
    return found or None


def confirm(session: Session, parsed: Parsed, warning: str, refusal: str = "Nothing was removed") -> None:
    """Go on only when the user says yes or gave --force. Raises Failed."""
    if parsed.on("force"):
        return
    session.warn(f"WARNING! {warning}")
    session.err.write("Are you sure you want to continue? [y/N] ")
    session.err.flush()
    try:
        answer = input()
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise Failed(1, f"{refusal}; give --force to be asked no more.")


def report(session: Session, heading: str, names: list[str] | None, freed: int) -> None:
    if names:
        session.say("\n".join([heading, *names, ""]))
    session.say(f"Total reclaimed space: {human_size(freed)}")


FORCE = switch("force", "f", "Do not ask")
FILTER = many("filter", "", "Choose by a condition, key=value", "filter")
_SIGNAL = text("signal", "s", "Signal to send")
_TIME = Flag("timeout", "t", "number", "Seconds to wait before KILL", "int")
_OLD_TIME = Flag("time", "", "number", "Same as --timeout", "int", hidden=True)
_STOP = (_SIGNAL, _TIME, _OLD_TIME)
_QUERY = (("signal", "signal"), ("time", "t"), ("timeout", "t"))


def _update_flag(flag: str, kind: str) -> Flag:
    short, hidden = _SHORT.get(flag, ""), flag == "kernel-memory"
    return Flag(flag, short, "number" if kind == "number" else "text", _HELP[flag], _KINDS[kind], hidden=hidden)


_SHORT = {"cpu-shares": "c", "memory": "m"}
_KINDS = {"number": "int", "text": "string", "size": "bytes", "cpus": "decimal", "restart": "string"}
_HELP = {
    "blkio-weight": "Share of disk time, 10 to 1000; 0 leaves it alone",
    "cpu-period": "Length of a CPU period, microseconds",
    "cpu-quota": "CPU time in each period, microseconds",
    "cpu-rt-period": "Length of a real-time period, microseconds",
    "cpu-rt-runtime": "Real-time CPU time in each period, microseconds",
    "cpu-shares": "CPU share beside other containers",
    "cpus": "Number of CPUs, 1.5",
    "cpuset-cpus": "CPUs to run on, 0-3 or 0,1",
    "cpuset-mems": "Memory nodes to use, 0-3 or 0,1",
    "kernel-memory": "Limit of kernel memory",
    "memory": "Limit of memory, 512m",
    "memory-reservation": "Memory to leave under pressure",
    "memory-swap": "Limit of memory and swap together; -1 for none",
    "pids-limit": "Limit of processes; -1 for none",
    "restart": "What to do when it ends: no, on-failure[:N], always, unless-stopped",
}

COMMANDS = {
    "edit": Command(
        "[OPTIONS] CONTAINER [CONTAINER...]",
        edit,
        (
            many("publish-add", "", "Publish one more port, as `run --publish` does", "list"),
            many("publish-rm", "", "Publish a port no more: 8080:80, or 80 for wherever it is", "list"),
            many("mount-add", "", "Mount one more, as `run --mount` does", "mount"),
            many("volume-add", "", "Mount one more, as `run --volume` does", "list"),
            many("mount-rm", "", "Take the mount at this place of the container away", "list"),
            text("publish-from", "", "Take all published ports of another running container over", "container"),
        ),
        1,
    ),
    "kill": Command("[OPTIONS] CONTAINER [CONTAINER...]", _verb("kill", ("signal", "signal")), (_SIGNAL,), 1),
    "pause": Command("CONTAINER [CONTAINER...]", _verb("pause"), least=1),
    "prune": Command("[OPTIONS]", prune, (FORCE, FILTER), most=0),
    "rename": Command("CONTAINER NEW_NAME", rename, least=2, most=2),
    "restart": Command("[OPTIONS] CONTAINER [CONTAINER...]", _verb("restart", *_QUERY), _STOP, 1),
    "rm": Command(
        "[OPTIONS] CONTAINER [CONTAINER...]",
        remove,
        (
            switch("force", "f", "Stop a running container first"),
            switch("volumes", "v", "Remove its anonymous volumes too"),
            switch("link", "l", "Remove the link of this name, not the container"),
        ),
        1,
    ),
    "stop": Command("[OPTIONS] CONTAINER [CONTAINER...]", _verb("stop", *_QUERY), _STOP, 1),
    "unpause": Command("CONTAINER [CONTAINER...]", _verb("unpause"), least=1),
    "update": Command(
        "[OPTIONS] CONTAINER [CONTAINER...]",
        update,
        tuple(_update_flag(flag, kind) for flag, (_, kind) in _UPDATES.items()),
        1,
    ),
    "wait": Command("CONTAINER [CONTAINER...]", wait, least=1),
}
