"""What a change of mounts makes of a container's record. Pure."""

import posixpath
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.engine.volumes.parse import parse_bind
from boxship.model.container import ContainerSpec, HostSpec, MountSpec
from boxship.model.status import Container, MountPoint

T = TypeVar("T")


class MountEdit(msgspec.Struct, frozen=True, kw_only=True):
    """add: as `--mount` asks for them.  binds: as `-v` does.  remove: places in the container, taken away first."""

    add: tuple[MountSpec, ...] = ()
    binds: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def wish(c: Container, edit: MountEdit) -> ContainerSpec:
    """Return the container's wish with nothing mounted but what is to be added."""
    host = replace(c.spec.host, binds=edit.binds, mounts=edit.add, volumes_from=None, tmpfs=None)
    return replace(c.spec, host=host, volumes=())


def removed(c: Container, edit: MountEdit) -> tuple[MountPoint, ...]:
    """Return the mounts to take away. Raises NotFound for what is none, Conflict for what the container has not
    asked for itself: the next start would bring it back."""
    found = []
    own = _own(c.spec)
    for target in map(posixpath.normpath, edit.remove):
        point = next((p for p in c.mounts if p.destination == target), None)
        if point is None:
            raise NotFound(f"container {c.name} has no mount at {target}")
        if target not in own:
            raise Conflict(f"mount {target} of container {c.name} comes from its image or another container")
        found.append(point)
    for point in found:
        inner = [p.destination for p in c.mounts if p not in found and _is_below(p.destination, point.destination)]
        if inner:
            raise Conflict(f"mount {point.destination} of container {c.name} holds others: {', '.join(inner)}")
    return tuple(sorted(found, key=lambda p: p.destination, reverse=True))


def changed(c: Container, edit: MountEdit, gone: Iterable[MountPoint], new: Collection[MountPoint]) -> Container:
    """Return the record with the change made; `new` are the settled mount points of what is added. Raises Invalid
    when two mounts would meet."""
    targets = {point.destination for point in gone}
    kept = [point for point in c.mounts if point.destination not in targets]
    taken = {p.destination for p in kept} | {posixpath.normpath(t) for t in c.spec.host.tmpfs or {}}
    for point in new:
        if point.destination in taken:
            raise Invalid(f"Duplicate mount point: {point.destination}")
    mounts = sorted((*kept, *new), key=lambda p: (p.destination.count("/"), p.destination))
    spec = _without(c.spec, targets)
    host = spec.host
    host = replace(
        host,
        binds=(*(host.binds or ()), *edit.binds) if edit.binds else host.binds,
        mounts=(*(host.mounts or ()), *edit.add) if edit.add else host.mounts,
    )
    return replace(c, spec=replace(spec, host=host), mounts=tuple(mounts))


def _is_below(path: str, above: str) -> bool:
    return path.startswith(above.rstrip("/") + "/")


def _own(spec: ContainerSpec) -> set[str]:
    host = spec.host
    written = {parse_bind(text).destination for text in host.binds or ()}
    return (
        written | {posixpath.normpath(m.target) for m in host.mounts or ()} | set(map(posixpath.normpath, spec.volumes))
    )


def _without(spec: ContainerSpec, targets: Collection[str]) -> ContainerSpec:
    host: HostSpec = spec.host
    host = replace(
        host,
        binds=_left(host.binds, lambda text: parse_bind(text).destination, targets),
        mounts=_left(host.mounts, lambda mount: posixpath.normpath(mount.target), targets),
    )
    return replace(spec, host=host, volumes=_left(spec.volumes, posixpath.normpath, targets) or ())


def _left(entries: tuple[T, ...] | None, target: Callable[[T], str], gone: Collection[str]) -> tuple[T, ...] | None:
    return None if entries is None else tuple(entry for entry in entries if target(entry) not in gone)
