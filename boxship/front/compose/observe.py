"""Ask the daemon what there is of a project, by labels. Reads only."""

import contextlib
from collections.abc import Iterable
from typing import Any

from boxship.base.errors import PlatformError
from boxship.front.client.api import ApiError, Client, segment
from boxship.front.compose import labels, state
from boxship.front.compose.state import NetworkSeen, Observed, Seen


def observe(client: Client, name: str, images: Iterable[str] = ()) -> Observed:
    """Return the project's containers, all networks and volumes, and those of `images` that are present."""
    declared: dict[str, tuple[str, ...]] = {}
    found: dict[str, str] = {}
    for reference in dict.fromkeys(images):
        image = image_of(client, reference)
        if image is not None:
            found[reference] = image["Id"]
            declared[reference] = tuple((image.get("Config") or {}).get("Volumes") or ())
    return Observed(
        containers=containers(client, name),
        networks={n["Name"]: NetworkSeen(n["Id"], n["Name"], n.get("Labels") or {}) for n in client.get("/networks")},
        volumes={v["Name"]: v.get("Labels") or {} for v in client.get("/volumes").get("Volumes") or ()},
        images=found,
        declared=declared,
    )


def containers(client: Client, name: str, *, everything: bool = True) -> tuple[Seen, ...]:
    """Return the project's containers; everything: those that do not run too."""
    query = {"all": everything, "filters": {"label": [f"{labels.PROJECT}={name}"]}}
    return tuple(state.container(entry) for entry in client.get("/containers/json", query))


def image_of(client: Client, reference: str) -> Any:
    """Return the inspected image, None when it is not there."""
    try:
        return client.get(f"/images/{segment(reference)}/json")
    except ApiError as error:
        if error.code == 404:
            return None
        raise PlatformError(f"unable to get image '{reference}': {error}") from error


def projects(client: Client, *, everything: bool) -> dict[str, tuple[Seen, ...]]:
    """Return the containers of every project by its name."""
    query = {"all": everything, "filters": {"label": [labels.PROJECT]}}
    found: dict[str, list[Seen]] = {}
    for entry in client.get("/containers/json", query):
        seen = state.container(entry)
        found.setdefault(seen.labels[labels.PROJECT], []).append(seen)
    return {name: tuple(found[name]) for name in sorted(found)}


def inspect(client: Client, container: str) -> Any:
    """Return the inspected container, None when it has gone."""
    with contextlib.suppress(ApiError):
        return client.get(f"/containers/{segment(container)}/json")
    return None
