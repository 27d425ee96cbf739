"""`cp`."""

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, number, switch
from boxship.front.compose.state import Seen


def copy(session: Session, parsed: Parsed) -> int:
    """`cp web:/path here`, `cp here web:/path`; into all containers of a service, from the first."""
    source, target = parsed.args
    from_service, into_service = _service(source), _service(target)
    if bool(from_service) == bool(into_service):
        raise Invalid("copying between services is not supported" if from_service else "unknown copy direction")
    flags = [f"-{letter}" for letter, name in (("a", "archive"), ("L", "follow-link")) if parsed.on(name)]
    for c in _containers(session, parsed, from_service or into_service, every=bool(into_service)):
        pair = [f"{c.id}:{source.partition(':')[2]}", target]
        if into_service:
            pair = [source, f"{c.id}:{target.partition(':')[2]}"]
        code = scope.delegate(session, "container.files", "cp", [*flags, *pair])
        if code:
            return code
    return 0


def _service(word: str) -> str:
    """`web:/path` is web; a path of ours has a slash before the first colon, or no colon."""
    name, colon, _ = word.partition(":")
    return name if colon and "/" not in name and name not in (".", "") else ""


def _containers(session: Session, parsed: Parsed, service: str, *, every: bool) -> list[Seen]:
    seen = scope.view(session)
    found = sorted(seen.containers((service,), one_off=parsed.on("all")), key=lambda c: c.number)
    if parsed.number("index"):
        found = [c for c in found if c.number == parsed.number("index")]
    if not found:
        raise Invalid(f'no container found for service "{service}"')
    return found if every else found[:1]


COMMANDS = {
    "cp": Command(
        "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n\tboxship compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH",
        copy,
        (
            switch("all", "", "Containers of `run` too"),
            switch("archive", "a", "Keep owner and mode"),
            switch("follow-link", "L", "Follow symbolic links at the source"),
            number("index", "", "Number of the container, if the service has several", "0"),
        ),
        2,
        2,
    )
}
