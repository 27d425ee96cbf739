"""Volumes as directories of this host, or as what `type`, `device` and `o` say is mounted there on use."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from boxship.base.errors import Invalid, KernelError
from boxship.engine.volumes.names import failed
from boxship.model.volume import VolumeSpec

OPTIONS = ("type", "o", "device", "size")
_NEEDS = {"device": ("type",), "type": ("device",), "o": ("device", "type")}


class Ground(Protocol):
    """What the host does with mounts and trees; each call blocks shortly."""

    def mount(self, source: str, target: str, kind: str, options: str) -> None:
        """As mount(8) does with `-t kind -o options`. Raises KernelError."""
        ...

    def unmount(self, target: str) -> None: ...

    def is_mounted(self, target: str) -> bool: ...

    def trash(self, path: Path) -> None: ...


class LocalDriver:
    """`volumes/<name>/_data` below the daemon's data root."""

    def __init__(self, data_root: Path, ground: Ground) -> None:
        self._root = data_root / "volumes"
        self._ground = ground
        self._users: dict[str, set[str]] = {}

    def check(self, spec: VolumeSpec) -> None:
        for option in spec.options:
            if option not in OPTIONS:
                raise Invalid(failed("create", spec.name, f'invalid option: "{option}"'))
        for option, needed in _NEEDS.items():
            for other in needed:
                if spec.options.get(option) and not spec.options.get(other):
                    raise Invalid(failed("create", spec.name, f'missing required option: "{other}"'))
        if spec.options.get("size"):
            raise Invalid(failed("create", spec.name, "quota size requested but no quota support"))

    def path(self, name: str) -> Path:
        return self._root / name / "_data"

    async def create(self, spec: VolumeSpec) -> None:
        path = self.path(spec.name)
        path.parent.mkdir(mode=0o701, parents=True, exist_ok=True)
        os.chmod(path.parent, 0o701)
        path.mkdir(mode=0o755, exist_ok=True)
        os.chmod(path, 0o755)

    async def remove(self, spec: VolumeSpec) -> None:
        path = self.path(spec.name)
        if self._ground.is_mounted(str(path)):
            self._ground.unmount(str(path))
        if path.parent.exists():
            self._ground.trash(path.parent)

    async def mount(self, spec: VolumeSpec, user: str) -> None:
        path = str(self.path(spec.name))
        if spec.options.get("device") and not self._ground.is_mounted(path):
            options = (spec.options["device"], path, spec.options["type"], spec.options.get("o", ""))
            try:
                await asyncio.to_thread(self._ground.mount, *options)
            except KernelError as e:
                raise KernelError(f"error while mounting volume '{path}': failed to mount local volume: {e}") from e
        self._users.setdefault(spec.name, set()).add(user)

    async def unmount(self, spec: VolumeSpec, user: str) -> None:
        users = self._users.get(spec.name, set())
        users.discard(user)
        path = str(self.path(spec.name))
        if not users and spec.options.get("device") and self._ground.is_mounted(path):
            self._ground.unmount(path)
