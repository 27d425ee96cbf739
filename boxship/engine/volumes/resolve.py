"""All mounts of a container, from everything that can ask for one. Pure.

Later sources outrank earlier ones at the same place: volumes of other containers, then `-v`, `--mount` and `--tmpfs`
(which must not meet), then the image's volumes where nothing else is mounted.
"""

import posixpath
from collections.abc import Callable, Mapping, Sequence

import msgspec

from boxship.base.errors import Invalid
from boxship.engine.volumes import modes
from boxship.engine.volumes.parse import check_tmpfs, parse_bind, parse_mount
from boxship.model.container import ContainerSpec
from boxship.model.image import ImageConfig
from boxship.model.status import MountPoint

Sources = Mapping[str, Sequence[MountPoint]]


def resolve(
    spec: ContainerSpec, image: ImageConfig, sources: Sources, exists: Callable[[str], bool]
) -> tuple[MountPoint, ...]:
    """Return the mount points, those that hold others first.

    sources: mounts of the containers named in `volumes_from`, by the name used there.
    exists:  whether a path is there on the host.
    Volumes have no source yet, anonymous ones no name. Raises Invalid with dockerd's sentences.
    """
    points = {point.destination: point for point in _inherited(spec, sources)}
    points.update(_asked(spec, exists))
    for point in _anonymous(spec, image):
        if point.destination not in points and point.destination not in _temporary(spec):
            points[point.destination] = point
    return tuple(sorted(points.values(), key=lambda point: (_depth(point.destination), point.destination)))


def _inherited(spec: ContainerSpec, sources: Sources) -> list[MountPoint]:
    found = []
    for text in spec.host.volumes_from or ():
        container, mode = modes.parse_source(text)
        for point in sources[container]:
            found.append(msgspec.structs.replace(point, rw=point.rw and modes.is_writable(mode), anonymous=False))
    return found


def _asked(spec: ContainerSpec, exists: Callable[[str], bool]) -> dict[str, MountPoint]:
    found: dict[str, MountPoint] = {}
    points = [parse_bind(text, spec.host.volume_driver) for text in spec.host.binds or ()]
    points += [parse_mount(mount, exists) for mount in spec.host.mounts or ()]
    temporary = _temporary(spec)
    for point in points:
        if point.destination in found or point.destination in temporary:
            raise Invalid(f"Duplicate mount point: {point.destination}")
        found[point.destination] = point
    return found


def _temporary(spec: ContainerSpec) -> set[str]:
    for target, options in (spec.host.tmpfs or {}).items():
        check_tmpfs(options)
        if not target.startswith("/"):
            raise Invalid(f"invalid mount path: '{target}' mount path must be absolute")
        if posixpath.normpath(target) == "/":
            raise Invalid("invalid specification: destination can't be '/'")
    return {posixpath.normpath(target) for target in spec.host.tmpfs or {}}


def _anonymous(spec: ContainerSpec, image: ImageConfig) -> list[MountPoint]:
    """VOLUMEs of the image and `-v /target`. Such a volume shows no mode."""
    found = []
    for target in (*spec.volumes, *image.volumes):
        if not target.startswith("/"):
            raise Invalid(f"invalid mount path: '{target}' mount path must be absolute")
        if posixpath.normpath(target) == "/":
            raise Invalid("invalid specification: destination can't be '/'")
        driver = spec.host.volume_driver
        point = MountPoint(type="volume", destination=posixpath.normpath(target), driver=driver, anonymous=True)
        found.append(point)
    return found


def _depth(path: str) -> int:
    return path.count("/")
