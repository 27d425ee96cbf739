"""`run`: a one-off container of a service."""

import sys

import msgspec

from boxship.base.errors import Invalid
from boxship.front.cli import console
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.compose.making import builder
from boxship.front.cli.compose.project import project as load
from boxship.front.cli.container.create import Foreground
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.client.api import segment
from boxship.front.compose import outside
from boxship.front.compose.buildwords import Flags
from boxship.front.compose.images import Builder
from boxship.front.compose.load import Disk
from boxship.front.compose.load.profiles import select
from boxship.front.compose.model import Mount, Port, Project, Service
from boxship.front.compose.one_off import OneOff, make
from boxship.front.compose.plan.up import Wish
from boxship.front.compose.progress import Board
from boxship.front.compose.up import Images, Up


def run(session: Session, parsed: Parsed) -> int:
    """Return the command's exit code."""
    name, *command = parsed.args
    whole = outside.completed(load(session, (name,)), session.client.address, session.warn)
    terminal = not parsed.on("no-TTY") and not parsed.on("detach") and sys.stdin.isatty() and sys.stdout.isatty()
    stdin = parsed.on("interactive") and not parsed.on("detach")
    service = _changed(whole.services[name], parsed, tuple(command), terminal=terminal, stdin=stdin)
    _dependencies(session, parsed, whole, name)
    wish = OneOff(
        name=parsed.text("name"),
        labels=dict(_pair(word) for word in parsed.many("label")),
        remove=parsed.on("rm"),
        attached=stdin,
        aliases=parsed.on("use-aliases"),
    )
    with _board(session, parsed) as board:
        work = Up(session.client, msgspec.structs.replace(whole, services={name: whole.services[name]}), board)
        work.build = _builder(session, parsed, whole)
        seen = work.prepare(_images(parsed))
        id = make(session.client, whole, service, seen, wish, board)
    if parsed.on("detach"):
        session.client.post(f"/containers/{segment(id)}/start")
        session.say(wish.name or id)
        return 0
    body = {
        "AttachStdin": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": terminal,
        "HostConfig": {"AutoRemove": wish.remove},
    }
    return Foreground(session, id, body, console.DETACH_KEYS).run(forward=True)


def _dependencies(session: Session, parsed: Parsed, whole: Project, name: str) -> None:
    """Start what the service depends on, and meet its conditions."""
    needed = tuple(whole.services[name].depends_on)
    if parsed.on("no-deps") or not needed:
        return
    rest = select(whole, [other for other in needed if other in whole.services])
    with _board(session, parsed) as board:
        work = Up(session.client, rest, board)
        work.warn, work.build = session.warn, _builder(session, parsed, whole)
        conditions = {other: d.condition for other, d in whole.services[name].depends_on.items()}
        work.meet = {other: condition for other, condition in conditions.items() if other in rest.services}
        work.run(
            Wish(
                asked=frozenset(rest.services),
                ignore_orphans=not parsed.on("remove-orphans"),
                remove_orphans=parsed.on("remove-orphans"),
            ),
            _images(parsed),
        )


def _builder(session: Session, parsed: Parsed, whole: Project) -> Builder:
    return builder(session, whole, Flags(quiet=parsed.on("quiet") or parsed.on("quiet-build")))


def _board(session: Session, parsed: Parsed) -> Board:
    return Board(session.err, "quiet") if parsed.on("quiet") else scope.board(session)


def _images(parsed: Parsed) -> Images:
    pull = parsed.text("pull")
    return Images(build=parsed.on("build"), pull="" if pull == "policy" else pull, quiet=parsed.on("quiet-pull"))


def _changed(service: Service, parsed: Parsed, command: tuple[str, ...], *, terminal: bool, stdin: bool) -> Service:
    changes: dict[str, object] = {"tty": terminal, "stdin_open": stdin, "container_name": "", "restart": ""}
    if command:
        changes["command"] = command
    if parsed.given("entrypoint"):
        from boxship.front.compose.load.commandline import split

        changes["entrypoint"] = tuple(split(parsed.text("entrypoint")))
        changes["command"] = command
    for flag, field in (("user", "user"), ("workdir", "working_dir")):
        if parsed.text(flag):
            changes[field] = parsed.text(flag)
    more = {**_from_files(parsed.many("env-from-file")), **dict(_variable(word) for word in parsed.many("env"))}
    changes["environment"] = {**service.environment, **more}
    changes["labels"] = {**service.labels, **dict(_pair(word) for word in parsed.many("label"))}
    added, dropped = parsed.many("cap-add"), parsed.many("cap-drop")
    changes["cap_add"] = (*(c for c in service.cap_add if c not in dropped), *added)
    changes["cap_drop"] = (*(c for c in service.cap_drop if c not in added), *dropped)
    changes["volumes"] = (*service.volumes, *(_mount(word) for word in parsed.many("volume")))
    own = service.ports if parsed.on("service-ports") else ()
    changes["ports"] = (*own, *(_port(word) for word in parsed.many("publish")))
    return msgspec.structs.replace(service, **changes)


def _pair(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key, value


def _variable(word: str) -> tuple[str, str | None]:
    import os

    key, sign, value = word.partition("=")
    return key, value if sign else os.environ.get(key)


def _from_files(paths: tuple[str, ...]) -> dict[str, str]:
    import os

    from boxship.front.compose.load.dotenv import parse as variables

    disk, found = Disk(), dict[str, str]()
    for path in paths:
        found.update(variables(disk.read(path), lambda name: found.get(name, os.environ.get(name)), path))
    return found


def _mount(word: str) -> Mount:
    import os

    from boxship.front.compose.model import BindOptions

    source, colon, rest = word.partition(":")
    if not colon:
        return Mount(type="volume", target=source)
    target, _, options = rest.partition(":")
    read_only = "ro" in options.split(",")
    if source.startswith((".", "/", "~")):
        path = os.path.abspath(os.path.expanduser(source))
        return Mount(
            type="bind", source=path, target=target, read_only=read_only, bind=BindOptions(create_host_path=True)
        )
    return Mount(type="volume", source=source, target=target, read_only=read_only)


def _port(word: str) -> Port:
    rest, _, protocol = word.partition("/")
    address, _, ports = rest.rpartition(":") if rest.count(":") > 1 else ("", "", rest)
    published, colon, target = ports.rpartition(":")
    if not target.isdecimal():
        raise Invalid(f"invalid --publish value: {word}")
    return Port(host_ip=address, published=published if colon else "", target=int(target), protocol=protocol or "tcp")


COMMANDS = {
    "run": Command(
        "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
        run,
        (
            switch("build", "", "Build the image first"),
            many("cap-add", "", "Add a capability"),
            many("cap-drop", "", "Drop a capability"),
            switch("detach", "d", "Run in the background, print the id"),
            text("entrypoint", "", "Another entrypoint"),
            many("env", "e", "Set a variable", "stringArray"),
            many("env-from-file", "", "Set the variables that a file has", "stringArray"),
            switch("interactive", "i", "Keep standard input open", True),
            many("label", "l", "Set a label", "stringArray"),
            text("name", "", "Name of the container"),
            switch("no-TTY", "T", "No terminal; the default where we have none"),
            switch("tty", "t", "Known for scripts: a terminal is the default"),
            switch("no-deps", "", "Leave out services that this one depends on"),
            many("publish", "p", "Publish a port", "stringArray"),
            text("pull", "", "Pull images before running: always, missing or never", "policy", "policy"),
            switch("quiet", "q", "Show only what the container prints"),
            switch("quiet-build", "", "Build without progress"),
            switch("quiet-pull", "", "Pull without progress"),
            switch("remove-orphans", "", "Remove containers of services that are not in the files"),
            switch("rm", "", "Remove the container when it has ended"),
            switch("service-ports", "P", "Publish the service's ports"),
            switch("use-aliases", "", "Answer to the service's names"),
            text("user", "u", "User to run as"),
            many("volume", "v", "Mount something more", "stringArray"),
            text("workdir", "w", "Working directory inside"),
        ),
        1,
        interspersed=False,
        examples="boxship compose run --rm web sh",
    )
}
