"""Turns a tree of one or more merged files into long forms throughout. Pure; changes the tree it is given."""

from collections.abc import Callable
from typing import Any

from boxship.front.compose.load.errors import Path, Wrong, dotted
from boxship.front.compose.load.forms.mounts import long_mount
from boxship.front.compose.load.forms.ports import long_ports
from boxship.front.compose.load.rules import Change, Rules, change
from boxship.front.compose.words import text

STARTED = "service_started"


def canonical(tree: dict[str, Any], *, lenient: bool = False) -> dict[str, Any]:
    """Return `tree` in long forms. Raises Wrong; `lenient` leaves what cannot be read (variables) as written."""
    change(tree, _LENIENT if lenient else _RULES)
    return tree


def _as_key(key: str) -> Change:
    def wrap(value: Any, path: Path) -> Any:
        return {key: value} if isinstance(value, str) else value

    return wrap


def _as_list(value: Any, path: Path) -> Any:
    return [value] if isinstance(value, str) else value


def _pairs(value: Any, path: Path) -> Any:
    """`key=value` entries as a mapping; an entry without a value is an error."""
    if not isinstance(value, list):
        return value
    found = {}
    for index, entry in enumerate(value):
        key, equals, rest = text(entry).partition("=")
        if not equals:
            raise Wrong(f"{dotted(path)}: invalid value {entry}, expected key=value", (*path, index))
        found[key] = rest
    return found


def _depends_on(value: Any, path: Path) -> Any:
    if isinstance(value, list):
        return {str(name): {"condition": STARTED, "required": True} for name in value}
    if isinstance(value, dict):
        for name, entry in value.items():
            if not isinstance(entry, dict):
                raise Wrong(f"{dotted((*path, name))} must be a mapping", (*path, name))
            entry.setdefault("condition", STARTED)
            entry.setdefault("required", True)
    return value


def _env_file(value: Any, path: Path) -> Any:
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list):
        return value
    long = ({"path": entry} if isinstance(entry, str) else entry for entry in entries)
    return [{"required": True, **entry} for entry in long]


def _networks(value: Any, path: Path) -> Any:
    return {str(name): None for name in value} if isinstance(value, list) else value


def _models(value: Any, path: Path) -> Any:
    return _networks(value, path)


def _device(value: Any, path: Path) -> Any:
    if not isinstance(value, str):
        return value
    parts = value.split(":")
    if len(parts) > 3:
        raise Wrong(f"confusing device mapping, please use long syntax: {value}", path)
    target = parts[1] if len(parts) > 1 and parts[1] else parts[0]
    return {"source": parts[0], "target": target, "permissions": parts[2] if len(parts) == 3 else "rwm"}


def _gpus(value: Any, path: Path) -> Any:
    return [{"count": value}] if isinstance(value, str) else value


def _ssh(value: Any, path: Path) -> Any:
    if not isinstance(value, list):
        return value
    found: dict[str, str | None] = {}
    for index, entry in enumerate(value):
        name, equals, key = text(entry).partition("=")
        if not equals and name != "default":
            raise Wrong(f'invalid ssh key "{entry}"', (*path, index))
        found[name] = key if equals else None
    return found


def _external(value: Any, path: Path) -> Any:
    """`external: {name: x}` of old files as `name: x` and `external: true`."""
    if not isinstance(value, dict) or not isinstance(value.get("external"), dict):
        return value
    name = value["external"].get("name")
    if name is not None and value.get("name", name) != name:
        raise Wrong(f"{dotted(path)}: name and external.name conflict; only use name", path)
    value["external"] = True
    if name is not None:
        value["name"] = name
    return value


_SERVICE: dict[str, Callable[[Any, Path], Any]] = {
    "build": _as_key("context"),
    "build.additional_contexts": _pairs,
    "build.secrets.*": _as_key("source"),
    "build.ssh": _ssh,
    "configs.*": _as_key("source"),
    "depends_on": _depends_on,
    "devices.*": _device,
    "dns": _as_list,
    "env_file": _env_file,
    "extends": _as_key("service"),
    "gpus": _gpus,
    "label_file": _as_list,
    "models": _models,
    "networks": _networks,
    "ports": long_ports,
    "secrets.*": _as_key("source"),
    "volumes.*": long_mount,
}
_TABLE: dict[str, Change] = {
    **{f"services.*.{key}": rule for key, rule in _SERVICE.items()},
    **{f"{kind}.*": _external for kind in ("networks", "volumes", "secrets", "configs")},
}


def _forgiving(rule: Change) -> Change:
    def attempt(value: Any, path: Path) -> Any:
        try:
            return rule(value, path)
        except Wrong:
            return value

    return attempt


_RULES: Rules[Change] = Rules(_TABLE)
_LENIENT: Rules[Change] = Rules({key: _forgiving(rule) for key, rule in _TABLE.items()})
