"""Devices: which nodes a container sees in /dev, and which it may open."""

import re
from typing import Any

from boxship.base.errors import Invalid
from boxship.model.container import HostSpec
from boxship.model.runtime import DeviceNode, Surroundings

_RULE = re.compile(r"([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})")
_PERMISSIONS = re.compile(r"[rwm]{1,3}")

# Everybody may make nodes, and open null, zero, full, random, urandom, tty, console, ptmx and their terminals.
_USUAL = (
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 5, 1, "rwm"),
    ("c", 5, 2, "rwm"),
    ("c", 136, None, "rwm"),
)


def check(spec: HostSpec) -> None:
    """Raise Invalid for device rules and permissions that mean nothing, in dockerd's words."""
    for text in spec.device_cgroup_rules or ():
        _parsed(text)
    for device in spec.devices or ():
        if not _PERMISSIONS.fullmatch(device.cgroup_permissions or "rwm"):
            raise Invalid(f"invalid device mode: {device.cgroup_permissions}")


def nodes(spec: HostSpec, around: Surroundings) -> list[dict[str, Any]]:
    """Return OCI `linux.devices` besides the usual ones; a privileged container sees all of the host's."""
    found = {node.path: _node(node, node.path) for node in around.host_devices} if spec.privileged else {}
    for _, node, target in _asked(spec, around):
        found[target] = _node(node, target)
    return list(found.values())


def binds(spec: HostSpec, around: Surroundings) -> list[dict[str, Any]]:
    """Return mounts in place of `nodes`, for a user namespace, where nobody can make nodes."""
    return [bind(node.path, target) for _, node, target in _asked(spec, around)]


def bind(source: str, target: str) -> dict[str, Any]:
    return {"destination": target, "type": "bind", "source": source, "options": ["bind", "private", "noexec", "nosuid"]}


def rules(spec: HostSpec, around: Surroundings) -> list[dict[str, Any]]:
    """Return OCI `linux.resources.devices`; a later rule wins."""
    if spec.privileged:
        return [{"allow": True, "access": "rwm"}]
    usual = [_rule(kind, major, minor, access) for kind, major, minor, access in _USUAL]
    own = [_rule(n.kind, n.major, n.minor, access) for access, n, _ in _asked(spec, around)]
    said = [_parsed(text) for text in spec.device_cgroup_rules or ()]
    return [{"allow": False, "access": "rwm"}, *usual, *own, *said]


def _asked(spec: HostSpec, around: Surroundings) -> list[tuple[str, DeviceNode, str]]:
    """Return (access, node, path in the container); a directory of devices keeps its shape."""
    found = []
    for device in spec.devices or ():
        inside = device.path_in_container or device.path_on_host
        for node in around.devices.get(device.path_on_host, ()):
            below = node.path.removeprefix(device.path_on_host.rstrip("/")) if node.path != device.path_on_host else ""
            found.append((device.cgroup_permissions or "rwm", node, inside.rstrip("/") + below))
    return found


def _node(node: DeviceNode, path: str) -> dict[str, Any]:
    return {
        "path": path,
        "type": node.kind,
        "major": node.major,
        "minor": node.minor,
        "fileMode": node.mode,
        "uid": node.uid,
        "gid": node.gid,
    }


def _rule(kind: str, major: int | None, minor: int | None, access: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": True, "type": kind, "access": access}
    if major is not None:
        rule["major"] = major
    if minor is not None:
        rule["minor"] = minor
    return rule


def _parsed(text: str) -> dict[str, Any]:
    match = _RULE.fullmatch(text)
    if not match:
        raise Invalid(f"invalid device cgroup rule format: '{text}'")
    kind, major, minor, access = match.groups()
    return _rule(kind, None if major == "*" else int(major), None if minor == "*" else int(minor), access)
