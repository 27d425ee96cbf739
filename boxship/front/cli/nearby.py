"""A next step for names that nobody has: the one that was meant, or the command that lists what there is."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from boxship.base.errors import PlatformError
from boxship.front.cli.flags import nearest
from boxship.front.client.api import ApiError, Client


class Kind(NamedTuple):
    """pattern: the daemon's sentence, the name in a group. list: command that lists them. names: what the API tells."""

    pattern: str
    list: str
    path: str
    names: Callable[[Any], Iterable[str]]


def _containers(found: Any) -> Iterable[str]:
    return [name.removeprefix("/") for entry in found or () for name in entry["Names"]]


def _images(found: Any) -> Iterable[str]:
    tags = [tag for entry in found or () for tag in entry.get("RepoTags") or ()]
    return [*tags, *(tag.removesuffix(":latest") for tag in tags if tag.endswith(":latest"))]


def _networks(found: Any) -> Iterable[str]:
    return [str(entry["Name"]) for entry in found or ()]


def _volumes(found: Any) -> Iterable[str]:
    return [str(entry["Name"]) for entry in (found or {}).get("Volumes") or ()]


KINDS = (
    Kind(r"No such container: (\S+)", "boxship ps -a", "/containers/json?all=1", _containers),
    Kind(r"No such image: (\S+)", "boxship images", "/images/json", _images),
    Kind(r"network (\S+) not found", "boxship network ls", "/networks", _networks),
    Kind(r"(\S+): no such volume", "boxship volume ls", "/volumes", _volumes),
)


def next_step(client: Client, error: ApiError) -> str:
    """Return `Did you mean 'web'?`, or how to list what there is; "" for errors of other kinds."""
    if error.code != 404:
        return ""
    for kind in KINDS:
        if match := re.search(kind.pattern, str(error)):
            return _meant(client, kind, match[1])
    return ""


def _meant(client: Client, kind: Kind, name: str) -> str:
    try:
        known = list(kind.names(client.get(kind.path)))
    except (PlatformError, ConnectionError):
        return ""
    guess = nearest(name, known) or nearest(name.removesuffix(":latest"), known)
    return f"Did you mean '{guess}'?" if guess else f"Run '{kind.list}' to see what there is."
