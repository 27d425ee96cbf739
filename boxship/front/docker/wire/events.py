"""Events as `GET /events` sends them, and which of them a client asked for. Pure."""

from typing import Any

from boxship.base.event import Event
from boxship.base.units import SECOND
from boxship.front.rest.filters import Filters
from boxship.front.rest.version import Version

KEYS = frozenset(
    (
        *("config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope"),
        *("secret", "service", "type", "volume", "builder"),
    )
)
_NAMED = ("daemon", "container", "plugin", "volume", "network", "service", "node", "secret", "config")
_WITH_DETAIL = frozenset(("health_status", "exec_create", "exec_start"))


def render(event: Event, version: Version) -> dict[str, Any]:
    """Clients up to API 1.51 get, and old ones rely on, `status`, `id` and `from` besides."""
    found: dict[str, Any] = {}
    if version < (1, 52) and event.kind in ("container", "image"):
        found = {"status": event.action, "id": event.id}
        if event.kind == "container" and event.attributes.get("image"):
            found["from"] = event.attributes["image"]
    return found | {
        "Type": event.kind,
        "Action": event.action,
        "Actor": {"ID": event.id, "Attributes": event.attributes},
        "scope": event.scope,
        "time": event.time // SECOND,
        "timeNano": event.time,
    }


def wanted(event: Event, filters: Filters, version: Version) -> bool:
    """Tell whether a client of `version` that sent `filters` is to see `event`."""
    if version < (1, 46) and event.kind == "image" and event.action == "create":
        return False
    return (
        _action(event, filters)
        and filters.exact("type", event.kind)
        and filters.exact("scope", event.scope)
        and all(_names(event, filters, kind) for kind in _NAMED if kind in filters)
        and _image(event, filters)
        and filters.labels(event.attributes)
    )


def _action(event: Event, filters: Filters) -> bool:
    """`health_status` and the like also mean `health_status: healthy`."""
    if _WITH_DETAIL.isdisjoint(filters.get("event")):
        return filters.exact("event", event.action)
    return filters.fuzzy("event", event.action)


def _names(event: Event, filters: Filters, kind: str) -> bool:
    """A filter by thing compares with the event's own id and name, whatever kind it is, as dockerd does."""
    return filters.fuzzy(kind, event.id) or filters.fuzzy(kind, event.attributes.get("name", ""))


def _image(event: Event, filters: Filters) -> bool:
    if "image" not in filters:
        return True
    name = event.attributes.get("name" if event.kind == "image" else "image", "")
    return any(filters.exact("image", text) for text in (event.id, name, _untagged(event.id), _untagged(name)))


def _untagged(name: str) -> str:
    """Return `name` without tag and digest; a colon in front of a slash is a registry's port."""
    bare = name.partition("@")[0]
    head, colon, tail = bare.rpartition(":")
    return head if colon and "/" not in tail else bare
