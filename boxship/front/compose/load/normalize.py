"""What a file leaves unsaid: the default network, full names, dependencies that other keys imply. Pure."""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from boxship.front.compose.load.forms.canonical import STARTED

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")


def project_name(text: str) -> str:
    """Return `text` as a project may be called: small letters, digits, - and _, a letter or digit first."""
    return re.sub(r"[^a-z0-9_-]", "", text.lower()).lstrip("_-")


def defaults(tree: dict[str, Any]) -> dict[str, Any]:
    """Fill in what holds whether or not the rest is normalised."""
    for service in _services(tree):
        build = service.get("build")
        if isinstance(build, dict):
            build.setdefault("context", ".")
        for secret in _mappings(service.get("secrets")):
            secret.setdefault("target", f"/run/secrets/{secret.get('source')}")
        for port in _mappings(service.get("ports")):
            port.setdefault("protocol", "tcp")
            port.setdefault("mode", "ingress")
        for request in (*_mappings(service.get("gpus")), *_mappings(_reserved_devices(service))):
            if "count" not in request and "device_ids" not in request:
                request["count"] = "all"
    return tree


def _reserved_devices(service: dict[str, Any]) -> Any:
    found: Any = service
    for key in ("deploy", "resources", "reservations", "devices"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def normalize(tree: dict[str, Any], name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return `tree` with everything said that its keys imply, as project `name`."""
    tree["name"] = name
    _networks(tree)
    for service in _services(tree):
        _service(service, environment)
    for kind in ("networks", "volumes", "configs", "secrets"):
        for key, resource in (tree.get(kind) or {}).items():
            named = tree[kind][key] = resource if resource is not None else {}
            if named.get("name") is None:
                external = str(named.get("external", False)).lower() in ("true", "1", "t")
                named["name"] = key if external else f"{name}_{key}"
    return tree


def _networks(tree: dict[str, Any]) -> None:
    """Join services that name no network to the default one, which is there when somebody is on it."""
    used = False
    for service in _services(tree):
        if "network_mode" in service or "provider" in service:
            continue
        if not service.get("networks"):
            service["networks"] = {"default": None}
        used = used or "default" in service["networks"]
    networks = tree.get("networks") or {}
    if used:
        networks.setdefault("default", None)
    if networks:
        tree["networks"] = networks


def _service(service: dict[str, Any], environment: Mapping[str, str]) -> None:
    if service.get("pull_policy") == "if_not_present":
        service["pull_policy"] = "missing"
    build = service.get("build")
    if isinstance(build, dict):
        if build.get("context") is None:
            build["context"] = "."
        if build.get("dockerfile") is None and build.get("dockerfile_inline") is None:
            build["dockerfile"] = "Dockerfile"
        if "args" in build:
            build["args"] = _filled(build["args"], environment.get, keep=False)
    if "environment" in service:
        service["environment"] = _filled(service["environment"], environment.get, keep=True)
    for mount in _mappings(service.get("volumes")):
        mount["target"] = posixpath.normpath(str(mount.get("target", ""))).replace("//", "/")
    _implied(service)


def _filled(value: Any, lookup: Callable[[str], str | None], *, keep: bool) -> Any:
    """Give entries without a value that of the environment; without one there either they stay only if `keep`."""
    if isinstance(value, dict):
        known = {key: lookup(key) if item is None else item for key, item in value.items()}
        return {key: item for key, item in known.items() if keep or item is not None}
    found = []
    for entry in value or ():
        value_there = lookup(entry) if isinstance(entry, str) and "=" not in entry else None
        if value_there is not None:
            found.append(f"{entry}={value_there}")
        elif keep or "=" in str(entry):
            found.append(entry)
    return found


def _implied(service: dict[str, Any]) -> None:
    """Who is linked to, or whose namespace or volumes are shared, has to be there first."""
    depends: dict[str, Any] = service.get("depends_on") or {}

    def need(name: str, restart: bool) -> None:
        depends.setdefault(name, {"condition": STARTED, "restart": restart, "required": True})

    for link in service.get("links") or ():
        need(str(link).split(":")[0], True)
    for key in _NAMESPACES:
        mode = service.get(key)
        if isinstance(mode, str) and mode.startswith("service:"):
            need(mode.removeprefix("service:"), True)
    for source in service.get("volumes_from") or ():
        if not str(source).startswith("container:"):
            need(str(source).split(":")[0], False)
    if depends:
        service["depends_on"] = depends


def _services(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return _mappings(list((tree.get("services") or {}).values()))


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
