"""Devices of the host: numbers and permissions of nodes, and the CDI specs that name devices for containers."""

import json
import logging
import os
import stat as modes
from typing import Any

import yaml

from boxship.base.errors import Invalid
from boxship.model.runtime import DeviceNode

CDI_DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
# Not devices, or belonging to one container each.
_SKIPPED = frozenset({"pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"})
log = logging.getLogger(__name__)


def nodes(path: str) -> tuple[DeviceNode, ...]:
    """Return the device at `path`, or all below it if it is a directory. Symbolic links are followed.
    Raises Invalid in dockerd's words when there is none."""
    try:
        found = tuple(_walk(path))
    except OSError as e:
        reason = (e.strerror or str(e)).lower()
        raise Invalid(f'error gathering device information while adding custom device "{path}": {reason}') from e
    if not found:
        raise Invalid(f'error gathering device information while adding custom device "{path}": not a device node')
    return found


def every() -> tuple[DeviceNode, ...]:
    """Return all devices of the host, for privileged containers."""
    return tuple(_walk("/dev"))


def number(path: str) -> tuple[int, int]:
    """Return (major, minor) of a block device. Raises Invalid."""
    found = nodes(path)
    if found[0].kind != "b":
        raise Invalid(f"{path}: not a block device")
    return found[0].major, found[0].minor


def cdi_specs(directories: tuple[str, ...] = CDI_DIRECTORIES) -> tuple[dict[str, Any], ...]:
    """Return the CDI specs of the host, the later ones taking precedence. One that cannot be read is logged."""
    found = []
    for directory in directories:
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            if name.endswith((".json", ".yaml", ".yml")) and (spec := _spec(f"{directory}/{name}")) is not None:
                found.append(spec)
    return tuple(found)


def _spec(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file) if path.endswith(".json") else yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError) as e:
        log.warning("CDI spec %s: %s", path, e)
        return None
    if not isinstance(found, dict) or "kind" not in found:
        log.warning("CDI spec %s: not an object with a kind", path)
        return None
    return found


def _walk(path: str) -> list[DeviceNode]:
    found = os.stat(path)
    if not modes.S_ISDIR(found.st_mode):
        return [_node(path, found)] if modes.S_ISCHR(found.st_mode) or modes.S_ISBLK(found.st_mode) else []
    inside: list[DeviceNode] = []
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name not in _SKIPPED and not entry.is_symlink():
                inside += _walk(entry.path)
    return inside


def _node(path: str, found: os.stat_result) -> DeviceNode:
    return DeviceNode(
        path=path,
        kind="b" if modes.S_ISBLK(found.st_mode) else "c",
        major=os.major(found.st_rdev),
        minor=os.minor(found.st_rdev),
        mode=modes.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
    )
