"""The model as plain dictionaries and lists, in docker compose's order and with its ways of writing values. Pure.

What is at its default is left out. Numbers that are text there (sizes) become text here; single-precision numbers
become `Single`, since they print differently.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from boxship.front.compose import words
from boxship.front.compose.model import (
    Build,
    Dependency,
    Deploy,
    DiscreteResource,
    EnvFile,
    FileObject,
    HealthCheck,
    Hook,
    Network,
    Project,
    Resource,
    RestartPolicy,
    Service,
    SshKey,
    ThrottleDevice,
    TmpfsOptions,
    Trigger,
    Ulimit,
    Update,
    WeightDevice,
)
from boxship.front.compose.model.base import Part
from boxship.front.compose.render.order import natural


class Single(float):
    """A number of single precision."""


Write = Callable[[Any], Any]

# Fields that are there even at their default. In JSON also those of HOLDERS, which Go cannot leave out.
KEPT: set[tuple[type[Part], str]] = {
    (Dependency, "required"),
    (DiscreteResource, "kind"),
    (DiscreteResource, "value"),
    (Trigger, "path"),
    (Trigger, "action"),
}
HOLDERS: set[tuple[type[Part], str]] = {
    (Deploy, "resources"),
    (Deploy, "placement"),
    (Hook, "command"),
    (Network, "ipam"),
    (Service, "command"),
    (Service, "entrypoint"),
    (Trigger, "exec"),
}
# Never printed: the service's name is its key; a secret's content is a secret.
HIDDEN: set[tuple[type[Part], str]] = {(Service, "name")}
# Keys that Go prints differently in JSON, since nobody told it better.
CAPITAL: dict[tuple[type[Part], str], str] = {
    (ThrottleDevice, "path"): "Path",
    (ThrottleDevice, "rate"): "Rate",
    (WeightDevice, "path"): "Path",
    (WeightDevice, "weight"): "Weight",
}


def plain(value: Any, *, json: bool = False, secrets: bool = False) -> Any:
    """Return a part of the model as docker compose would write it; `json`: as JSON, which leaves extensions out."""
    return _Writer(json, secrets).value(value)


class _Writer:
    def __init__(self, json: bool, secrets: bool) -> None:
        self._json = json
        self._secrets = secrets

    def value(self, value: Any) -> Any:
        if isinstance(value, Part):
            return self.part(value)
        if isinstance(value, dict):
            pairs = sorted(value.items()) if self._json else natural(value.items())
            return {key: self.value(item) for key, item in pairs}
        if isinstance(value, tuple | list):
            return [self.value(item) for item in value]
        return value

    def part(self, part: Part) -> Any:
        special = _SPECIAL.get(type(part))
        if special is not None:
            return special(part, self._json)
        found: dict[str, Any] = {}
        for name, key, default, write, kept, holder in _fields(type(part)):
            value = getattr(part, name)
            if value == default and not kept and not (holder and self._json):
                continue
            shown = write(value) if write is not None and value is not None else self.value(value)
            found[CAPITAL.get((type(part), name), key) if self._json else key] = shown
        extensions = getattr(part, "extensions", None)
        if extensions and not self._json:
            found.update(self.value(extensions))
        return found


@cache
def _fields(kind: type[Part]) -> tuple[tuple[str, str, Any, Write | None, bool, bool], ...]:
    found = []
    for name, default in zip(kind.__struct_fields__, _defaults(kind), strict=True):
        place = (kind, name)
        if name != "extensions" and place not in HIDDEN:
            found.append((name, name, default, WRITE.get(place), place in KEPT, place in HOLDERS))
    return tuple(found)


def _defaults(kind: type[Part]) -> list[Any]:
    """Return each field's default; msgspec keeps those of dictionaries as factories."""
    empty = kind()
    return [getattr(empty, name) for name in kind.__struct_fields__]


def _hosts(value: dict[str, tuple[str, ...]]) -> list[str]:
    return sorted(f"{name}={address}" for name, addresses in value.items() for address in addresses)


def _env_file(file: Part, json: bool) -> Any:
    assert isinstance(file, EnvFile)
    if file.required:
        return file.path
    shown: dict[str, Any] = {"path": file.path, "required": False}
    return {**shown, "format": file.format} if file.format and json else shown


def _ssh(key: Part, json: bool) -> Any:
    assert isinstance(key, SshKey)
    return f"{key.id}: {key.path}" if key.path else key.id


def _ulimit(limit: Part, json: bool) -> Any:
    assert isinstance(limit, Ulimit)
    if limit.single:
        return limit.single
    if not json:
        return {"soft": limit.soft, "hard": limit.hard}
    return {key: value for key, value in (("soft", limit.soft), ("hard", limit.hard)) if value}


_SPECIAL: dict[type[Part], Callable[[Part, bool], Any]] = {EnvFile: _env_file, SshKey: _ssh, Ulimit: _ulimit}

_SIZES = ("mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "shm_size")
WRITE: dict[tuple[type[Part], str], Write] = {
    **{(Service, name): str for name in _SIZES},
    **{(Service, name): Single for name in ("cpus", "cpu_percent")},
    **{(HealthCheck, name): words.duration for name in ("timeout", "interval", "start_period", "start_interval")},
    **{(Update, name): words.duration for name in ("delay", "monitor")},
    **{(RestartPolicy, name): words.duration for name in ("delay", "window")},
    **{(kind, "extra_hosts"): _hosts for kind in (Service, Build)},
    (Build, "shm_size"): str,
    (Resource, "cpus"): Single,
    (Resource, "memory"): str,
    (Service, "stop_grace_period"): words.duration,
    (ThrottleDevice, "rate"): str,
    (TmpfsOptions, "size"): str,
    (Update, "max_failure_ratio"): Single,
}


def project(value: Project, *, json: bool = False, secrets: bool = False) -> dict[str, Any]:
    """Return the whole project as `config` prints it."""
    writer = _Writer(json, secrets)
    tree: dict[str, Any] = {"name": value.name} if value.name or json else {}
    tree["services"] = writer.value(value.services)
    for kind in ("networks", "volumes", "secrets", "configs", "models"):
        resources = getattr(value, kind)
        if resources:
            tree[kind] = writer.value({key: _shown(item, kind, secrets) for key, item in resources.items()})
    tree.update(writer.value(value.extensions))
    return dict(sorted(tree.items())) if json else tree


def _shown(resource: Any, kind: str, secrets: bool) -> Any:
    """What a variable holds is read while loading; the file says which variable, and that is what is printed."""
    import msgspec

    if isinstance(resource, FileObject) and (resource.environment if kind == "configs" else not secrets):
        return msgspec.structs.replace(resource, content="")
    return resource
