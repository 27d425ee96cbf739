"""Devices of the host: what a path names, everything below /dev, and what vendors describe by CDI."""

import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from boxship.base.errors import Invalid
from boxship.model.container import HostSpec
from boxship.model.runtime import DeviceNode

# Made anew in each container, or none of its business.
LEFT_OUT = ("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console")


def nodes(path: str) -> tuple[DeviceNode, ...]:
    """Return the device that `path` names, or all below it. Raises Invalid when there is none."""
    try:
        found = _node(path, os.stat(path))
        if found is not None:
            return (found,)
        below = tuple(_below(path)) if os.path.isdir(path) else ()
    except OSError as e:
        raise Invalid(
            f'error gathering device information while adding custom device "{path}": {(e.strerror or "").lower()}'
        ) from e
    if not below:
        raise Invalid(f'error gathering device information while adding custom device "{path}": not a device node')
    return below


def everything() -> tuple[DeviceNode, ...]:
    """Return what a privileged container gets."""
    return tuple(_below("/dev"))


def number(path: str) -> tuple[int, int]:
    """Return (major, minor) of a device. Raises Invalid when there is none."""
    try:
        at = os.stat(path)
    except OSError as e:
        raise Invalid(f"stat {path}: {(e.strerror or '').lower()}") from e
    return os.major(at.st_rdev), os.minor(at.st_rdev)


def throttled(spec: HostSpec) -> dict[str, tuple[int, int]]:
    """Return path -> (major, minor) of every device that an input/output limit names."""
    throttles = (
        *(spec.blkio_device_read_bps or ()),
        *(spec.blkio_device_write_bps or ()),
        *(spec.blkio_device_read_iops or ()),
        *(spec.blkio_device_write_iops or ()),
    )
    paths = {t.path for t in throttles} | {w.path for w in spec.blkio_weight_device or ()}
    return {path: number(path) for path in sorted(paths)}


def cdi(directories: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """Return the CDI specs of the host, later directories last. What cannot be read describes nothing."""
    specs = []
    for directory in directories:
        for file in sorted(Path(directory).glob("*")):
            if file.suffix in (".json", ".yaml", ".yml") and isinstance(spec := _parsed(file), dict):
                specs.append(spec)
    return tuple(specs)


def _parsed(file: Path) -> Any:
    try:
        text = file.read_text()
        return json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _below(directory: str) -> Iterator[DeviceNode]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name in LEFT_OUT or entry.is_symlink():
                continue
            if entry.is_dir():
                yield from _below(entry.path)
            elif (found := _node(entry.path, entry.stat())) is not None:
                yield found


def _node(path: str, at: os.stat_result) -> DeviceNode | None:
    kind = "c" if stat.S_ISCHR(at.st_mode) else "b" if stat.S_ISBLK(at.st_mode) else ""
    if not kind:
        return None
    return DeviceNode(
        path=path, kind=kind, major=os.major(at.st_rdev), minor=os.minor(at.st_rdev),
        mode=stat.S_IMODE(at.st_mode), uid=at.st_uid, gid=at.st_gid,
    )  # fmt: skip
