"""`inspect` of anything, and what all the inspects share: JSON in a list, or a template for each."""

from collections.abc import Callable, Sequence
from typing import Any

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session, told
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.client.api import ApiError, segment

FORMAT = text("format", "f", "json, or a Go template such as '{{.State.Status}}'")
_PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}


def print_each(session: Session, parsed: Parsed, fetch: Callable[[str], Any]) -> int:
    """Print what `fetch` finds for each argument; say of the rest what is wrong. Return the exit code."""
    return print_found(session, parsed.args, parsed.text("format"), fetch)


def print_found(session: Session, refs: Sequence[str], form: str, fetch: Callable[[str], Any]) -> int:
    """The same for `refs`, in the form given."""
    found, errors = [], []
    for ref in refs:
        try:
            found.append(fetch(ref))
        except ApiError as error:
            errors.append(told(session, error))
        except PlatformError as error:
            errors.append(str(error))
    if form in ("", "json"):
        session.say(tables.pretty(found) if not form else tables.compact(found, html=False))
    else:
        _templates(session, form, found)
    session.out.flush()
    for line in errors:
        session.warn(line)
    return 1 if errors else 0


def _templates(session: Session, form: str, found: list[Any]) -> None:
    from boxship.front.cli.template import parse, render

    tree = parse(tables.unescape(form))
    for entry in found:
        session.say(render(tree, entry))


def inspect(session: Session, parsed: Parsed) -> int:
    kind = parsed.text("type")
    if kind and kind not in _PATHS:
        raise Invalid(f"{kind!r} is not a type that can be inspected: want {', '.join(_PATHS)}")
    kinds = [kind] if kind else list(_PATHS)

    def fetch(ref: str) -> Any:
        for name in kinds:
            query = {"size": parsed.on("size")} if name == "container" else {}
            try:
                return session.client.get(_PATHS[name].format(segment(ref)), query)
            except ApiError as error:
                if error.code != 404:
                    raise
        raise NotFound(f"Error: No such {kind or 'object'}: {ref}")

    return print_each(session, parsed, fetch)


COMMANDS = {
    "inspect": Command(
        "[OPTIONS] NAME|ID [NAME|ID...]",
        inspect,
        (
            FORMAT,
            switch("size", "s", "Show sizes of containers"),
            text("type", "", "Look only among these: container, …"),
        ),
        1,
        examples="boxship inspect -f '{{.NetworkSettings.IPAddress}}' web",
    )
}
