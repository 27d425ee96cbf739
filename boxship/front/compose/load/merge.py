"""One file over another: which keys add up, which replace, and what counts as the same entry of a list. Pure.

Source: the compose specification, "Merge"; entries that are the same keep their place and take the later text.
"""

from collections.abc import Callable
from typing import Any

from boxship.front.compose.load.errors import Path, Wrong, dotted
from boxship.front.compose.load.forms.mounts import target_of
from boxship.front.compose.load.rules import Change, Rules, change
from boxship.front.compose.words import text

Merger = Callable[[Any, Any, Path], Any]


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` changed by `over`; both may be changed on the way. Raises Wrong where the kinds do not fit."""
    merged: dict[str, Any] = _merge(base, over, (), _MERGERS)
    return unique(merged)


def extend(base: dict[str, Any], service: dict[str, Any]) -> dict[str, Any]:
    """Return the service that `service` is when it extends `base`."""
    merged: dict[str, Any] = _merge(base, service, ("services", "x"), _SERVICE_MERGERS)
    return merged


def unique(tree: dict[str, Any]) -> dict[str, Any]:
    """Let the last of several entries that are the same stand, at the place of the first."""
    change(tree, _UNIQUE)
    return tree


def _merge(base: Any, over: Any, path: Path, rules: Rules[Merger] | None) -> Any:
    if rules is not None and rules.rule is not None:
        return rules.rule(base, over, path)
    if over is None:
        return base
    if isinstance(base, dict):
        if not isinstance(over, dict):
            raise Wrong(f"cannot override {dotted(path)}", path)
        return _mappings(base, over, path, rules)
    if isinstance(base, list):
        if not isinstance(over, list):
            raise Wrong(f"cannot override {dotted(path)}", path)
        return base + over
    return over


def _mappings(base: dict[str, Any], over: dict[str, Any], path: Path, rules: Rules[Merger] | None) -> dict[str, Any]:
    for key, value in over.items():
        if key not in base or key.startswith("x-"):
            base[key] = value
        else:
            base[key] = _merge(base[key], value, (*path, key), rules.below(key) if rules else None)
    return base


def _replace(base: Any, over: Any, path: Path) -> Any:
    return over


def _add_up(base: Any, over: Any, path: Path) -> Any:
    return entries(base) + entries(over)


def entries(value: Any) -> list[Any]:
    """Return a mapping as sorted `key=value` entries, a single text as a list of one."""
    if isinstance(value, dict):
        found = []
        for key, item in value.items():
            if item is None:
                found.append(key)
            else:
                found += [f"{key}={text(one)}" for one in (item if isinstance(item, list) else [item])]
        return sorted(found)
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str) else []


def _extra_hosts(base: Any, over: Any, path: Path) -> Any:
    there = entries(base)
    return there + [entry for entry in entries(over) if entry not in there]


def _keyed(default: dict[str, Any] | None) -> Merger:
    def mapping(value: Any) -> dict[str, Any]:
        if isinstance(value, list):
            return {str(name): dict(default) if default else None for name in value}
        return value if isinstance(value, dict) else {}

    def merger(base: Any, over: Any, path: Path) -> Any:
        return _mappings(mapping(base), mapping(over), path, None)

    return merger


def _logging(base: Any, over: Any, path: Path) -> Any:
    """Options of one driver mean nothing to another."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over if over is not None else base
    if "driver" not in base or "driver" not in over or base["driver"] == over["driver"]:
        return _mappings(base, over, path, None)
    return over


def _build(base: Any, over: Any, path: Path) -> Any:
    def mapping(value: Any) -> dict[str, Any]:
        return {"context": value} if isinstance(value, str) else value if isinstance(value, dict) else {}

    return _mappings(mapping(base), mapping(over), path, _BUILD_MERGERS)


def _pools(base: Any, over: Any, path: Path) -> Any:
    """Address pools of the same subnet are one; others add up."""
    if not isinstance(base, list) or not isinstance(over, list):
        return over if over is not None else base
    pools: dict[Any, Any] = {pool.get("subnet"): pool for pool in base}
    for pool in over:
        subnet = pool.get("subnet")
        pools[subnet] = _mappings(pools[subnet], pool, path, None) if subnet in pools else pool
    return list(pools.values())


_IN_BUILD: dict[str, Merger] = {
    "additional_contexts": _add_up,
    "args": _add_up,
    "extra_hosts": _extra_hosts,
    "labels": _add_up,
}
_IN_SERVICE: dict[str, Merger] = {
    **dict.fromkeys(
        (
            *("annotations", "deploy.labels", "dns", "dns_opt", "dns_search", "env_file", "environment", "label_file"),
            *("labels", "sysctls", "tmpfs"),
        ),
        _add_up,
    ),
    **dict.fromkeys(("command", "entrypoint", "healthcheck.test", "ulimits.*"), _replace),
    "build": _build,
    "depends_on": _keyed({"condition": "service_started", "required": True}),
    "extra_hosts": _extra_hosts,
    "logging": _logging,
    "models": _keyed(None),
    "networks": _keyed(None),
}
_BUILD_MERGERS: Rules[Merger] = Rules(_IN_BUILD)
_SERVICE_MERGERS: Rules[Merger] = Rules(_IN_SERVICE)
_MERGERS: Rules[Merger] = Rules(
    {
        **{f"services.*.{key}": merger for key, merger in _IN_SERVICE.items()},
        "networks.*.ipam.config": _pools,
        "networks.*.labels": _add_up,
        "volumes.*.labels": _add_up,
    }
)


def _once(key_of: Callable[[Any, Path], str]) -> Change:
    def keep_last(value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return value
        found: dict[str, Any] = {}
        for index, entry in enumerate(value):
            found[key_of(entry, (*path, index))] = entry
        return list(found.values())

    return keep_last


def _name(entry: Any, path: Path) -> str:
    return text(entry).partition("=")[0]


def _device(entry: Any, path: Path) -> str:
    if isinstance(entry, dict):
        return str(entry.get("target") or entry.get("source"))
    parts = text(entry).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _port(entry: Any, path: Path) -> str:
    if not isinstance(entry, dict):
        return text(entry)
    host, protocol = entry.get("host_ip", "0.0.0.0"), entry.get("protocol", "tcp")
    return f"{host}:{entry.get('published')}:{entry.get('target')}/{protocol}"


def _file(directory: str) -> Callable[[Any, Path], str]:
    def key_of(entry: Any, path: Path) -> str:
        if isinstance(entry, dict):
            return text(entry["target"]) if "target" in entry else f"{directory}/{entry.get('source')}"
        return f"{directory}/{entry}"

    return key_of


def _path_of(entry: Any, path: Path) -> str:
    return text(entry.get("path")) if isinstance(entry, dict) else text(entry)


_NAMED = (
    *("annotations", "build.args", "build.additional_contexts", "build.tags", "build.labels", "cap_add", "cap_drop"),
    *("deploy.labels", "dns", "dns_opt", "dns_search", "environment", "expose", "labels", "links", "profiles"),
    *("networks.*.aliases", "networks.*.link_local_ips", "sysctls", "tmpfs"),
)
_UNIQUE: Rules[Change] = Rules(
    {
        **{f"services.*.{key}": _once(_name) for key in _NAMED},
        "networks.*.labels": _once(_name),
        "networks.*.ipam.options": _once(_name),
        "services.*.configs": _once(_file("")),
        "services.*.devices": _once(_device),
        "services.*.env_file": _once(_path_of),
        "services.*.ports": _once(_port),
        "services.*.secrets": _once(_file("/run/secrets")),
        "services.*.volumes": _once(target_of),
    }
)
