"""Volumes in Docker's JSON, and which of them a list or a prune means. Pure."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from boxship.base.units import rfc3339
from boxship.front.docker.wire import names
from boxship.front.docker.wire.select import until
from boxship.front.rest.filters import Filters
from boxship.model.volume import Volume, VolumeSpec

LIST_KEYS = frozenset(("dangling", "driver", "label", "label!", "name"))
PRUNE_KEYS = frozenset(("all", "label", "label!", "until"))
_FIELDS = {"Name": str, "Driver": str, "DriverOpts": dict, "Labels": dict}


def parse(body: dict[str, Any]) -> VolumeSpec:
    """Return the volume that a create request asks for. Raises Invalid."""
    body = names.folded(body, *_FIELDS)
    for key, kind in _FIELDS.items():
        value = body.get(key)
        if value is not None and not isinstance(value, kind):
            raise names.mismatch(value, f"CreateOptions.{key}", "map[string]string" if kind is dict else "string")
    return VolumeSpec(
        name=body.get("Name") or "",
        driver=body.get("Driver") or "local",
        options=_texts(body, "DriverOpts"),
        labels=_texts(body, "Labels"),
    )


def _texts(body: dict[str, Any], key: str) -> dict[str, str]:
    found = body.get(key) or {}
    for value in found.values():
        if not isinstance(value, str):
            raise names.mismatch(value, f"CreateOptions.{key}", "string")
    return dict(found)


def render(volume: Volume) -> dict[str, Any]:
    return {
        "CreatedAt": rfc3339(volume.created),
        "Driver": volume.spec.driver,
        "Labels": volume.spec.labels or None,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": volume.spec.options or None,
        "Scope": "local",
    }


def select(volumes: Iterable[Volume], filters: Filters, used: Collection[str]) -> list[Volume]:
    """Return what a list request means. `used`: names of the volumes that containers have. Raises Invalid."""
    dangling = filters.boolean("dangling") if "dangling" in filters else None
    return [
        volume
        for volume in volumes
        if (dangling is None or dangling == (volume.name not in used))
        and filters.exact("driver", volume.spec.driver)
        and filters.matches("name", volume.name)
        and filters.labels(volume.spec.labels)
        and filters.not_labels(volume.spec.labels)
    ]


def prunable(filters: Filters, now: int) -> Callable[[Volume], bool]:
    """Return the test for what a prune with `filters` removes. `now`: nanoseconds since 1970. Raises Invalid."""
    moment = until(filters, now)

    def test(volume: Volume) -> bool:
        if moment is not None and volume.created > moment:
            return False
        return filters.labels(volume.spec.labels) and filters.not_labels(volume.spec.labels)

    return test
