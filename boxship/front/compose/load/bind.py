"""A canonical tree into the typed model. Pure.

The model's own field types say how a value is read; READ lists the fields that mean more than their type says.
"""

from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

from boxship.front.compose.load import scalars
from boxship.front.compose.load.errors import Path
from boxship.front.compose.model import (
    Build,
    DeviceRequest,
    HealthCheck,
    Hook,
    Project,
    Provider,
    Resource,
    RestartPolicy,
    Service,
    SshKey,
    ThrottleDevice,
    TmpfsOptions,
    Ulimit,
    Update,
)
from boxship.front.compose.model.base import Part

Read = Callable[[Any, Path], Any]
P = TypeVar("P", bound=Part)


def project(tree: dict[str, Any], name: str) -> Project:
    """Return the project of a canonical tree, all of its services enabled. Raises Wrong."""
    services = {
        key: service(key, value or {}, ("services", key)) for key, value in sorted((tree.get("services") or {}).items())
    }
    rest = {key: value for key, value in tree.items() if key not in ("services", "name", "version", "include")}
    rest = {key: value for key, value in rest.items() if value is not None or key.startswith("x-")}
    bound = part(Project, rest, ())
    return _replace(bound, name=name, services=services)


def service(name: str, tree: dict[str, Any], path: Path) -> Service:
    """Return one service of its canonical mapping."""
    return _replace(part(Service, tree, path), name=name)


def _replace(value: P, **changes: Any) -> P:
    import msgspec

    return msgspec.structs.replace(value, **changes)


def part(kind: type[P], tree: Any, path: Path) -> P:
    """Return a mapping as a `kind`; x- keys become its extensions, keys without a value are left out."""
    fields = _fields(kind)
    given: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in (tree or {}).items():
        read = fields.get(key)
        if read is not None:
            if value is not None:
                given[key] = read(value, (*path, key))
        else:
            own[key] = value
    if own:
        given["extensions"] = dict(sorted(own.items()))
    return kind(**given)


@cache
def _fields(kind: type[Part]) -> dict[str, Read]:
    found: dict[str, Read] = {}
    for base in reversed(kind.__mro__):
        for name, annotation in getattr(base, "__annotations__", {}).items():
            if name in kind.__struct_fields__ and name != "extensions":
                found[name] = READ.get((kind, name)) or _reader(annotation)
    return found


def _reader(annotation: Any) -> Read:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, UnionType):
        return _reader(next(one for one in get_args(annotation) if one is not NoneType))
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return _listed(inner[0])
    if origin is dict:
        return _mapped(inner[1])
    return lambda value, path: part(annotation, value, path)


def _listed(kind: Any) -> Read:
    read = _reader(kind)
    return lambda value, path: tuple(read(item, (*path, index)) for index, item in enumerate(value))


def _mapped(kind: Any) -> Read:
    nothing = NoneType in get_args(kind)
    read = _reader(kind)

    def mapping(value: Any, path: Path) -> Any:
        found = sorted(value.items())
        return {key: None if item is None and nothing else read(item, (*path, key)) for key, item in found}

    return mapping


def _ulimit(value: Any, path: Path) -> Ulimit:
    if isinstance(value, dict):
        return part(Ulimit, value, path)
    return Ulimit(single=scalars.whole(value, path))


def _ulimits(value: Any, path: Path) -> dict[str, Ulimit]:
    return {key: _ulimit(item, (*path, key)) for key, item in sorted(value.items())}


def _ssh(value: Any, path: Path) -> tuple[SshKey, ...]:
    return tuple(SshKey(id=name, path=scalars.text(key, path)) for name, key in sorted(value.items()))


_PLAIN: dict[Any, Read] = {
    str: scalars.text,
    bool: scalars.boolean,
    int: scalars.whole,
    float: scalars.fraction,
    tuple[str, ...]: scalars.strings,
    dict[str, str]: scalars.pairs,
    dict[str, str | None]: scalars.variables,
    dict[str, tuple[str, ...]]: scalars.many_strings,
}

READ: dict[tuple[type[Part], str], Read] = {
    **{(Service, name): scalars.size for name in ("mem_limit", "mem_reservation", "memswap_limit", "shm_size")},
    **{(HealthCheck, name): scalars.duration for name in ("timeout", "interval", "start_period", "start_interval")},
    **{(Update, name): scalars.duration for name in ("delay", "monitor")},
    **{(RestartPolicy, name): scalars.duration for name in ("delay", "window")},
    **{(kind, "ulimits"): _ulimits for kind in (Service, Build)},
    **{(kind, "extra_hosts"): scalars.hosts for kind in (Service, Build)},
    **{(kind, "command"): scalars.command for kind in (Service, Hook)},
    (Service, "entrypoint"): scalars.command,
    (Service, "mem_swappiness"): scalars.size,
    (Service, "stop_grace_period"): scalars.duration,
    (Build, "shm_size"): scalars.size,
    (Build, "ssh"): _ssh,
    (DeviceRequest, "count"): scalars.count,
    (HealthCheck, "test"): scalars.health_test,
    (Provider, "options"): scalars.many_strings,
    (Resource, "memory"): scalars.size,
    (ThrottleDevice, "rate"): scalars.size,
    (TmpfsOptions, "size"): scalars.size,
}
