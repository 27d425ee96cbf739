"""What is there of a project, as seen on the daemon. Pure data; `observe` fills it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from boxship.front.compose import labels


class Seen(NamedTuple):
    """One container. state: created, running, restarting, paused, exited, dead, removing.

    health: starting, healthy, unhealthy, or "" without a check. number: 0 for one-off containers without one.
    mounts: as the list of containers tells them. code: exit code of an exited one. hook: what it was made for, when it
    was for a step before the service's own containers start; such a one is one_off too.
    """

    id: str
    name: str
    service: str
    number: int = 1
    state: str = "running"
    health: str = ""
    code: int = 0
    image: str = ""
    image_id: str = ""
    config_hash: str = ""
    one_off: bool = False
    hook: str = ""
    replaces: str = ""
    created: int = 0
    labels: Mapping[str, str] = {}
    mounts: tuple[Mapping[str, Any], ...] = ()
    networks: tuple[str, ...] = ()


class NetworkSeen(NamedTuple):
    id: str
    name: str
    labels: Mapping[str, str] = {}


class Observed(NamedTuple):
    """containers: of the project. networks, volumes: by name, everybody's. images: id by reference, those
    present. declared: volumes that these images declare."""

    containers: tuple[Seen, ...] = ()
    networks: Mapping[str, NetworkSeen] = {}
    volumes: Mapping[str, Mapping[str, str]] = {}
    images: Mapping[str, str] = {}
    declared: Mapping[str, tuple[str, ...]] = {}

    def of(self, service: str) -> tuple[Seen, ...]:
        """Return the containers of a service in the order of their numbers, one-off ones left out."""
        found = [c for c in self.containers if c.service == service and not c.one_off]
        return tuple(sorted(found, key=lambda c: (c.number, c.created)))

    def hooks(self, service: str) -> tuple[Seen, ...]:
        """Return what steps before the start of a service have left behind."""
        return tuple(c for c in self.containers if c.service == service and c.hook)

    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.service for c in self.containers if not c.one_off))


def container(entry: Mapping[str, Any]) -> Seen:
    """Return one entry of the API's list of containers."""
    own = entry.get("Labels") or {}
    status = str(entry.get("Status", ""))
    return Seen(
        id=entry["Id"],
        name=_name(entry.get("Names") or []),
        service=own.get(labels.SERVICE, ""),
        number=_number(own.get(labels.NUMBER, "")),
        state=entry.get("State", ""),
        health=_health(status),
        code=_code(status),
        image=entry.get("Image", ""),
        image_id=entry.get("ImageID", ""),
        config_hash=own.get(labels.CONFIG_HASH, ""),
        one_off=own.get(labels.ONE_OFF, "False") == "True" or labels.HOOK in own,
        hook=own.get(labels.HOOK, ""),
        replaces=own.get(labels.REPLACES, ""),
        created=int(entry.get("Created") or 0),
        labels=own,
        mounts=tuple(entry.get("Mounts") or ()),
        networks=tuple(sorted((entry.get("NetworkSettings") or {}).get("Networks") or {})),
    )


def _name(names: Iterable[str]) -> str:
    """A container may have more names by links: its own has no second slash."""
    own = [name.removeprefix("/") for name in names]
    return next((name for name in own if "/" not in name), own[0] if own else "")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _health(status: str) -> str:
    if "(healthy)" in status:
        return "healthy"
    if "(unhealthy)" in status:
        return "unhealthy"
    return "starting" if "(health: starting)" in status else ""


def _code(status: str) -> int:
    """`Exited (3) 2 minutes ago` is 3."""
    number = status.partition("(")[2].partition(")")[0]
    return int(number) if status.startswith("Exited") and number.isdecimal() else 0
