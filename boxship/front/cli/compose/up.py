"""`up`, `create` and `scale`."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import msgspec

from boxship.base.errors import Invalid, PlatformError
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.compose.making import builder
from boxship.front.cli.compose.project import project as load
from boxship.front.cli.flags import Flag, Parsed, many, number, switch, text
from boxship.front.client.api import Client
from boxship.front.compose.buildwords import Flags
from boxship.front.compose.foreground import Foreground, Watched, chosen
from boxship.front.compose.load.profiles import select
from boxship.front.compose.logs import Printer
from boxship.front.compose.model import Project
from boxship.front.compose.observe import containers
from boxship.front.compose.plan import life
from boxship.front.compose.plan.up import DIVERGED, FORCE, NEVER, Wish
from boxship.front.compose.state import Observed
from boxship.front.compose.up import Images, Up, carry_out


def up(session: Session, parsed: Parsed) -> int:
    """Return 0, or for containers that end with us their exit code."""
    _check(parsed)
    whole = _scaled(load(session, parsed.args), parsed.many("scale"))
    if not whole.services:
        raise PlatformError("no service selected")
    if parsed.on("no-deps"):
        whole = select(whole, parsed.args, dependencies=False)
    detached = parsed.on("detach") or parsed.on("wait") or parsed.on("no-start")
    if detached or scope.above(session).on("dry-run"):
        _bring(session, parsed, whole, None)
        return 0
    return _attached(session, parsed, whole)


def _check(parsed: Parsed) -> None:
    _apart(parsed, "build", "no-build")
    _apart(parsed, "force-recreate", "no-recreate")
    _apart(parsed, "always-recreate-deps", "no-recreate")
    _apart(parsed, "no-build", "watch")
    ends = ("abort-on-container-exit", "abort-on-container-failure", "exit-code-from", "attach", "attach-dependencies")
    if parsed.on("detach") or parsed.on("wait"):
        said = "wait" if parsed.on("wait") else "detach"
        for other in ends:
            if parsed.given(other):
                raise Invalid(f"--{said} cannot be combined with --{other}")
    if parsed.given("attach") and parsed.on("attach-dependencies"):
        raise Invalid("cannot combine --attach and --attach-dependencies")


def _apart(parsed: Parsed, one: str, other: str) -> None:
    if parsed.on(one) and parsed.on(other):
        raise Invalid(f"--{one} and --{other} are incompatible")


def _scaled(project: Project, scales: tuple[str, ...]) -> Project:
    services = dict(project.services)
    for word in scales:
        name, sign, count = word.partition("=")
        if not sign or not count.isdecimal():
            raise Invalid(f'invalid --scale option "{word}". Should be SERVICE=NUM')
        if name not in services:
            raise Invalid(f"no such service: {name}")
        services[name] = msgspec.structs.replace(services[name], scale=int(count))
    return msgspec.structs.replace(project, services=services)


def _wish(session: Session, parsed: Parsed, project: Project) -> Wish:
    own = FORCE if parsed.on("force-recreate") else NEVER if parsed.on("no-recreate") else DIVERGED
    others = FORCE if parsed.on("always-recreate-deps") else own if own == NEVER else DIVERGED
    ignored = session.environ.get("COMPOSE_IGNORE_ORPHANS", "").lower() in ("1", "true")
    removed = parsed.on("remove-orphans")
    if ignored and removed:
        raise Invalid("cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans")
    return Wish(
        asked=frozenset(parsed.args or project.services),
        recreate=own,
        recreate_others=others,
        inherit=not (parsed.knows("renew-anon-volumes") and parsed.on("renew-anon-volumes")),
        grace=parsed.number("timeout") if parsed.knows("timeout") and parsed.given("timeout") else None,
        start=parsed.knows("no-start") and not parsed.on("no-start"),
        wait=parsed.knows("wait") and parsed.on("wait"),
        remove_orphans=removed or session.environ.get("COMPOSE_REMOVE_ORPHANS", "").lower() in ("1", "true"),
        ignore_orphans=ignored,
    )


def _images(parsed: Parsed) -> Images:
    pull = parsed.text("pull")
    return Images(
        build=parsed.on("build") or pull == "build",
        no_build=parsed.on("no-build"),
        pull="" if pull in ("policy", "build") else pull,
        quiet=parsed.on("quiet-pull"),
    )


def _bring(session: Session, parsed: Parsed, project: Project, foreground: Foreground | None) -> Observed:
    dry = scope.above(session).on("dry-run")
    with scope.board(session) as board:
        work = Up(session.client, project, board, session.out if dry else None)
        work.warn = session.warn
        work.build = builder(session, project, Flags(quiet=parsed.on("quiet-build")))
        if foreground is not None:
            work.listener, work.shower = foreground.attach, foreground.show
        timeout = parsed.number("wait-timeout") if parsed.knows("wait-timeout") else 0
        return work.run(_wish(session, parsed, project), _images(parsed), timeout=timeout)


def _attached(session: Session, parsed: Parsed, project: Project) -> int:
    printer = Printer(
        session.out,
        session.err,
        prefix=not parsed.on("no-log-prefix"),
        colour=session.out.isatty() and not parsed.on("no-color"),
    )
    asked = frozenset(parsed.args or project.services)
    shown = set(project.services) if parsed.on("attach-dependencies") else asked
    silent = {name for name, service in project.services.items() if service.attach is False}
    watched = Watched(
        project=project.name,
        services=chosen(shown, parsed.many("attach"), {*parsed.many("no-attach"), *silent} - {*parsed.many("attach")}),
        needed=asked,
        abort=parsed.on("abort-on-container-exit") or parsed.given("exit-code-from"),
        fail=parsed.on("abort-on-container-failure"),
        code_from=parsed.text("exit-code-from"),
    )
    foreground = Foreground(session.client, watched, printer)
    foreground.begin()
    try:
        with _terminated():
            seen = _bring(session, parsed, project, foreground)
            for c in seen.containers:
                if c.state == "running" and c.service in project.services and not c.one_off:
                    foreground.attach(c.id, c.name, c.service)
            foreground.started()
            code = _watching(session, parsed, project, foreground)
    except KeyboardInterrupt:
        session.warn("\nGracefully stopping... (press Ctrl+C again to force)")
        _stop(session, parsed, project)
        foreground.drain(2)
        return 130
    if foreground.aborting:
        session.warn("Aborting on container exit...")
        _stop(session, parsed, project)
        foreground.drain(2)
    return foreground.code or code


def _watching(session: Session, parsed: Parsed, project: Project, foreground: Foreground) -> int:
    if parsed.on("watch"):
        from boxship.front.cli.compose.watch import begin

        begin(session, project, parsed.args)
    return foreground.wait()


@contextlib.contextmanager
def _terminated() -> Iterator[None]:
    """A request to end is as good as the keyboard's."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(session: Session, parsed: Parsed, project: Project) -> None:
    client = Client(session.client.address)  # the interrupted one may be in the middle of an answer
    seen = life.View(name=project.name, seen=Observed(containers=containers(client, project.name)), project=project)
    services = tuple(name for name in parsed.args if name in project.services)
    grace = parsed.number("timeout") if parsed.given("timeout") else None
    with scope.board(session, "Stopping") as board:
        try:
            carry_out(client, project, seen.seen, life.stop(seen, services, grace), board)
        except KeyboardInterrupt:
            carry_out(Client(client.address), project, seen.seen, life.kill(seen, services, "SIGKILL"), board)


def create(session: Session, parsed: Parsed) -> None:
    whole = _scaled(load(session, parsed.args), parsed.many("scale"))
    _bring(session, parsed, whole, None)


def scale(session: Session, parsed: Parsed) -> None:
    """`scale web=3 db=1`: the named services alone."""
    names = tuple(word.partition("=")[0] for word in parsed.args)
    whole = _scaled(load(session, names), parsed.args)
    if parsed.on("no-deps"):
        whole = select(whole, names, dependencies=False)
    with scope.board(session) as board:
        work = Up(session.client, whole, board, session.out if scope.above(session).on("dry-run") else None)
        work.warn = session.warn
        work.build = builder(session, whole)
        work.run(Wish(asked=frozenset(names), recreate=NEVER, recreate_others=NEVER, ignore_orphans=True))


_MAKING = (
    switch("build", "", "Build images before starting containers"),
    switch("no-build", "", "Build no image, whatever the policy"),
    text("pull", "", "Pull images before running: always, missing, never or build", "policy", "policy"),
    switch("quiet-build", "", "Build without progress"),
    switch("quiet-pull", "", "Pull without progress"),
    switch("force-recreate", "", "Recreate containers even if nothing has changed"),
    switch("no-recreate", "", "Leave containers that exist as they are"),
    switch("remove-orphans", "", "Remove containers of services that are not in the files"),
    many("scale", "", "SERVICE=NUM: so many containers, whatever the files say", "scale"),
    Flag("yes", "y", "switch", "Assume yes where a question would be asked", bare="true"),
)
COMMANDS = {
    "up": Command(
        "[OPTIONS] [SERVICE...]",
        up,
        (
            *_MAKING,
            switch("detach", "d", "Run containers in the background"),
            switch("no-start", "", "Create, but do not start"),
            switch("no-deps", "", "Leave out services that these depend on"),
            switch("always-recreate-deps", "", "Recreate dependencies too"),
            switch("renew-anon-volumes", "V", "Make anonymous volumes anew"),
            switch("abort-on-container-exit", "", "Stop all when one has stopped"),
            switch("abort-on-container-failure", "", "Stop all when one has failed"),
            text("exit-code-from", "", "Return the exit code of this service; implies --abort-on-container-exit"),
            number("timeout", "t", "Seconds that containers get to stop", ""),
            switch("timestamps", "", "Show times"),
            switch("no-color", "", "No colours"),
            switch("no-log-prefix", "", "No names before lines"),
            many("attach", "", "Show only these services' output", "stringArray"),
            many("no-attach", "", "Do not show these services' output", "stringArray"),
            switch("attach-dependencies", "", "Show dependencies' output too"),
            switch("wait", "", "Wait until services run or are healthy; implies -d"),
            number("wait-timeout", "", "Seconds to wait at most", "0"),
            switch("watch", "w", "Refresh containers when files change"),
            Flag("menu", "", "switch", "Known for scripts; there is no menu", bare="true", hidden=True),
        ),
        examples="boxship compose up -d --wait\nboxship compose --dry-run up",
    ),
    "create": Command("[OPTIONS] [SERVICE...]", create, _MAKING),
    "scale": Command(
        "[SERVICE=REPLICAS...]", scale, (switch("no-deps", "", "Leave out services that these depend on"),), 1
    ),
}
