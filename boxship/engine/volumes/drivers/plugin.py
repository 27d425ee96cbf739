"""Volumes that a plugin keeps. What it mounts is bound at a place of ours, so that a volume's path is known before."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from boxship.base.errors import KernelError, PlatformError
from boxship.engine.volumes.drivers.calls import PluginFailed
from boxship.engine.volumes.names import failed
from boxship.model.volume import VolumeSpec


class Ground(Protocol):
    """What the host does with mounts; each call blocks shortly. Errors are KernelError."""

    def bind(self, source: str, target: str) -> None: ...

    def unmount(self, target: str) -> None: ...

    def is_mounted(self, target: str) -> bool: ...


class Calls(Protocol):
    async def volume(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises PluginFailed."""
        ...


class PluginDriver:
    """`plugged/<driver>/<name>` below the daemon's data root is where a volume appears while somebody uses it."""

    def __init__(self, name: str, data_root: Path, ground: Ground, calls: Calls) -> None:
        self._root = data_root / "plugged" / name
        self._ground = ground
        self._calls = calls
        self._users: dict[str, set[str]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def check(self, spec: VolumeSpec) -> None:
        """Which options are good is the plugin's to say, when it makes the volume."""

    def path(self, name: str) -> Path:
        return self._root / name

    async def create(self, spec: VolumeSpec) -> None:
        """A volume that the plugin has already is taken as it is, as Docker does."""
        with _saying("create", spec):
            if not await self._has(spec.name):
                await self._calls.volume("Create", {"Name": spec.name, "Opts": spec.options})

    async def _has(self, name: str) -> bool:
        try:
            found = await self._calls.volume("Get", {"Name": name})
        except PluginFailed:  # there is no telling "none" from other faults; Create will say what is wrong
            return False
        return bool((found.get("Volume") or {}).get("Name"))

    async def remove(self, spec: VolumeSpec) -> None:
        async with self._turn(spec.name):
            self._hide(spec.name)
            with _saying("remove", spec):
                try:
                    await self._calls.volume("Remove", {"Name": spec.name})
                except PluginFailed:
                    if await self._listed(spec.name):
                        raise
        self._turns.pop(spec.name, None)

    async def _listed(self, name: str) -> bool:
        """Tell whether a volume is still there after a failed removal; one that is gone needs none."""
        found = (await self._calls.volume("List", {})).get("Volumes") or ()
        return any(volume.get("Name") == name for volume in found)

    async def mount(self, spec: VolumeSpec, user: str) -> None:
        async with self._turn(spec.name):
            with _saying("mount", spec):
                answer = await self._calls.volume("Mount", {"Name": spec.name, "ID": user})
                try:
                    self._show(spec.name, str(answer.get("Mountpoint") or ""))
                except PlatformError:
                    await self._calls.volume("Unmount", {"Name": spec.name, "ID": user})
                    raise
            self._users.setdefault(spec.name, set()).add(user)

    def adopt(self, name: str, user: str) -> None:
        self._users.setdefault(name, set()).add(user)

    async def unmount(self, spec: VolumeSpec, user: str) -> None:
        """Tells the plugin once for each user. A container must be able to stop without it, so its faults stay
        its own: the contents are hidden here in any case."""
        async with self._turn(spec.name):
            users = self._users.get(spec.name, set())
            users.discard(user)
            if not users:
                self._users.pop(spec.name, None)
                self._hide(spec.name)
            with contextlib.suppress(PluginFailed):
                await self._calls.volume("Unmount", {"Name": spec.name, "ID": user})

    def _turn(self, name: str) -> asyncio.Lock:
        return self._turns.setdefault(name, asyncio.Lock())

    def _show(self, name: str, mountpoint: str) -> None:
        if not mountpoint.startswith("/"):
            raise PluginFailed(f"VolumeDriver.Mount: no mountpoint, but {mountpoint!r}")
        path = self.path(name)
        if self._ground.is_mounted(str(path)):
            return
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ground.bind(mountpoint, str(path))

    def _hide(self, name: str) -> None:
        path = self.path(name)
        if self._ground.is_mounted(str(path)):
            self._ground.unmount(str(path))
        with contextlib.suppress(OSError):  # gone already
            path.rmdir()


@contextlib.contextmanager
def _saying(action: str, spec: VolumeSpec) -> Iterator[None]:
    """Put what was tried, with which volume, before the plugin's or the kernel's words."""
    try:
        yield
    except KernelError as e:
        raise KernelError(failed(action, spec.name, str(e)), e.code) from e
    except PluginFailed as e:
        raise PluginFailed(failed(action, spec.name, str(e))) from e
