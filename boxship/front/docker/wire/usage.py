"""`/system/df`: what everything takes on disk. Pure."""

from typing import Any

from boxship.front.docker.wire import images, summary, volumes
from boxship.front.rest.version import Version
from boxship.model.system import Usage
from boxship.model.volume import Volume

KINDS = ("container", "image", "volume", "build-cache")


def render(usage: Usage, now: int, version: Version, cache: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """`now`: nanoseconds since 1970. Kinds that were not asked for are null, as in dockerd; so is `cache`, the records
    of builds."""
    found: dict[str, Any] = {"LayersSize": usage.layers}
    found["Images"] = usage.images and [
        images.summary(image, version, shared_size=shared, containers=users) for image, shared, users in usage.images
    ]
    found["Containers"] = usage.containers and [
        summary.render(container, now, sizes=(written, total), version=version)
        for container, written, total in usage.containers
    ]
    found["Volumes"] = usage.volumes and [_volume(*each) for each in usage.volumes]
    for name, asked in (("Images", usage.images), ("Containers", usage.containers), ("Volumes", usage.volumes)):
        found[name] = [] if asked == () else found[name]
    found["BuildCache"] = cache
    if version < (1, 42):
        found["BuilderSize"] = sum(int(each["Size"]) for each in cache or () if not each["Shared"])
    return found


def _volume(volume: Volume, size: int, users: int) -> dict[str, Any]:
    return {**volumes.render(volume), "UsageData": {"RefCount": users, "Size": size}}
