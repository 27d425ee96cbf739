"""`start`, `stop`, `restart`, `kill`, `pause`, `unpause` and `rm`."""

from boxship.base.errors import PlatformError
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, number, switch, text
from boxship.front.compose.plan import life

TIMEOUT = number("timeout", "t", "Seconds that containers get to stop", "")


def _grace(parsed: Parsed) -> int | None:
    return parsed.number("timeout") if parsed.given("timeout") else None


def start(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    if not seen.seen.containers:
        raise PlatformError(f'no container found for project "{seen.name}": not found')
    plan = life.start(seen, parsed.args, wait=parsed.on("wait") or parsed.number("wait-timeout") > 0)
    scope.carry(session, seen, plan, timeout=parsed.number("wait-timeout"))


def stop(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    scope.carry(session, seen, life.stop(seen, parsed.args, _grace(parsed)), "Stopping")


def restart(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    plan = life.restart(seen, parsed.args, _grace(parsed), dependents=not parsed.on("no-deps"))
    scope.carry(session, seen, plan, "Restarting")


def kill(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    plan = life.kill(seen, parsed.args, parsed.text("signal"), remove_orphans=parsed.on("remove-orphans"))
    if not plan.steps:
        session.warn("no container to kill")
    scope.carry(session, seen, plan, "Killing")


def pause(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    scope.carry(session, seen, life.pause(seen, parsed.args), "Pausing")


def unpause(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    scope.carry(session, seen, life.unpause(seen, parsed.args), "Unpausing")


def remove(session: Session, parsed: Parsed) -> None:
    seen = scope.view(session)
    plan = life.remove(seen, parsed.args, stop_first=parsed.on("stop"), volumes=parsed.on("volumes"))
    names = [step.action.about.removeprefix("Container ") for step in plan.steps if step.key.startswith("remove ")]
    if not names:
        session.say("No stopped containers")
        return
    if not parsed.on("force") and not _agreed(session, names):
        return
    scope.carry(session, seen, plan, "Removing")


def _agreed(session: Session, names: list[str]) -> bool:
    session.out.write(f"? Going to remove {', '.join(names)} (y/N) ")
    session.out.flush()
    try:
        answer = input()
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")


COMMANDS = {
    "start": Command(
        "[OPTIONS] [SERVICE...]",
        start,
        (
            switch("wait", "", "Wait until services run or are healthy"),
            number("wait-timeout", "", "Seconds to wait at most; implies --wait", "0"),
        ),
    ),
    "stop": Command("[OPTIONS] [SERVICE...]", stop, (TIMEOUT,)),
    "restart": Command(
        "[OPTIONS] [SERVICE...]", restart, (TIMEOUT, switch("no-deps", "", "Leave dependent services alone"))
    ),
    "kill": Command(
        "[OPTIONS] [SERVICE...]",
        kill,
        (
            text("signal", "s", "Signal to send", default="SIGKILL"),
            switch("remove-orphans", "", "Containers of services that are not in the files too"),
        ),
    ),
    "pause": Command("[SERVICE...]", pause),
    "unpause": Command("[SERVICE...]", unpause),
    "rm": Command(
        "[OPTIONS] [SERVICE...]",
        remove,
        (
            switch("force", "f", "Do not ask"),
            switch("stop", "s", "Stop them first"),
            switch("volumes", "v", "Remove anonymous volumes too"),
            switch("all", "a", "Known for scripts: one-off containers are always removed"),
        ),
    ),
}
