"""A container as `docker ps` lists it. Pure; `now` is an argument."""

import functools
from collections.abc import Mapping
from typing import Any

from boxship.base.units import SECOND, human_duration
from boxship.front.docker.wire.inspect import RUNNING, render_mount, render_networks, shown_mounts
from boxship.front.rest.version import NEWEST, Version
from boxship.model.ports import in_force, named
from boxship.model.status import Container, MountPoint, State


def render(
    container: Container,
    now: int,
    *,
    image: str = "",
    sizes: tuple[int, int] | None = None,
    version: Version = NEWEST,
) -> dict[str, Any]:
    """`now`: nanoseconds since 1970. `image`: the name to show, "" for the one the container was made with."""
    host = container.spec.host
    found: dict[str, Any] = {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": image or container.spec.image,
        "ImageID": container.image_id,
        "Command": command(container),
        "Created": container.created // SECOND,
        "Ports": _ports(container),
        "Labels": container.spec.labels,
        "State": container.status.state.value,
        "Status": status_text(container, now),
        "HostConfig": {"NetworkMode": host.network_mode},
        "NetworkSettings": {"Networks": render_networks(container, version)},
        "Mounts": [_mount(mount) for mount in shown_mounts(container)],
    }
    if host.annotations and version >= (1, 46):
        found["HostConfig"]["Annotations"] = host.annotations
    if sizes is not None:
        found |= {name: size for name, size in zip(("SizeRw", "SizeRootFs"), sizes, strict=True) if size}
    return found


def command(container: Container) -> str:
    words = (f"'{word}'" if " " in word else word for word in container.args)
    return " ".join((container.path, *words))


def status_text(container: Container, now: int) -> str:
    """Return `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago` and their like, in dockerd's words."""
    status = container.status
    match status.state:
        case State.PAUSED:
            return f"Up {_age(status.started_at, now)} (Paused)"
        case State.RESTARTING:
            return f"Restarting ({status.exit_code}) {_age(status.finished_at, now)} ago"
        case State.RUNNING:
            return f"Up {_age(status.started_at, now)}{_health(container)}"
        case State.REMOVING:
            return "Removal In Progress"
        case State.DEAD:
            return "Dead"
    if not status.started_at:
        return "Created"
    return f"Exited ({status.exit_code}) {_age(status.finished_at, now)} ago" if status.finished_at else ""


def _age(since: int, now: int) -> str:
    return human_duration((now - since) / SECOND)


def _health(container: Container) -> str:
    health = container.status.health
    if health is None:
        return ""
    return " (health: starting)" if health.status == "starting" else f" ({health.status})"


def _ports(container: Container) -> list[dict[str, Any]]:
    if container.status.state not in RUNNING:
        return []
    bound = in_force(container.status.ports)
    exposed = named(container.spec.exposed_ports)
    found = [_port(port) for port in exposed if not bound.get(port)]
    for port, places in bound.items():
        for address, number in places:
            found.append({"IP": address, **_port(port), "PublicPort": number})
        if not places and port not in exposed:
            found.append(_port(port))
    return found


@functools.lru_cache(maxsize=4096)
def _split(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return (int(number) if number.isdecimal() else 0), protocol or "tcp"


def _port(port: str) -> dict[str, Any]:
    number, protocol = _split(port)
    return {"PrivatePort": number, "Type": protocol}


def _mount(mount: MountPoint) -> Mapping[str, Any]:
    """As in inspect, but the list does not tell where volumes are."""
    found = render_mount(mount)
    if mount.type == "volume":
        found["Source"] = ""
    return found
