"""Volumes as directories of this host, or as what `type`, `device` and `o` say is mounted there on use."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from boxship.base.errors import Invalid, KernelError, PlatformError, Unsupported
from boxship.base.units import parse_size
from boxship.engine.volumes.names import failed
from boxship.model.volume import VolumeSpec

SMB = ("cifs", "smb3")
SERVED = ("nfs", "nfs4", *SMB)
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

    def address(self, host: str) -> str:
        """Return an address of a host, itself if it is one. Raises NotFound."""
        ...

    def require_quota(self, directory: str) -> None:
        """Raise Unsupported, naming what is missing, unless directories made here can have a limit."""
        ...

    def make_limited(self, directory: str, size: int) -> None:
        """Make a directory that holds at most `size` bytes. May be repeated."""
        ...


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
            self._check_size(spec)

    def _check_size(self, spec: VolumeSpec) -> None:
        kind = spec.options.get("type", "")
        try:
            size = parse_size(spec.options["size"])
        except Invalid as e:
            raise Invalid(failed("create", spec.name, str(e))) from e
        if size <= 0:
            raise Invalid(failed("create", spec.name, "size must be more than 0"))
        if kind not in ("", "tmpfs"):
            raise Invalid(failed("create", spec.name, f'size is for directories and tmpfs; say it to {kind} in "o"'))
        if not kind:
            try:
                self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
                self._ground.require_quota(str(self._root))
            except Unsupported as e:
                fault = f"quota size requested but no quota support: {e}"
                raise Invalid(failed("create", spec.name, fault)) from e

    def path(self, name: str) -> Path:
        return self._root / name / "_data"

    async def create(self, spec: VolumeSpec) -> None:
        path = self.path(spec.name)
        if spec.options.get("size") and not spec.options.get("type"):
            self._ground.make_limited(str(path.parent), parse_size(spec.options["size"]))
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
            try:
                await asyncio.to_thread(self._mount, spec, path)
            except PlatformError as e:
                # Never a 404: clients would take it for a missing image.
                raise KernelError(f"error while mounting volume '{path}': failed to mount local volume: {e}") from e
        self._users.setdefault(spec.name, set()).add(user)

    def _mount(self, spec: VolumeSpec, path: str) -> None:
        """A server is asked for by name; the kernel knows numbers only. Blocks: names are looked up."""
        device, kind = spec.options["device"], spec.options["type"]
        options = mount_options(spec, self._ground.address)
        self._ground.mount(device, path, kind, options)

    def adopt(self, name: str, user: str) -> None:
        self._users.setdefault(name, set()).add(user)

    async def unmount(self, spec: VolumeSpec, user: str) -> None:
        users = self._users.get(spec.name, set())
        users.discard(user)
        path = str(self.path(spec.name))
        if not users and spec.options.get("device") and self._ground.is_mounted(path):
            self._ground.unmount(path)


def mount_options(spec: VolumeSpec, address: Callable[[str], str]) -> str:
    """Return `o` with `size` in bytes and with the number of the server. address: of a host. Raises NotFound."""
    words = [word for word in spec.options.get("o", "").split(",") if word]
    if spec.options.get("size"):
        words.append(f"size={parse_size(spec.options['size'])}")
    kind, device = spec.options.get("type", ""), spec.options.get("device", "")
    if kind in SERVED:
        words = [f"addr={address(word.removeprefix('addr='))}" if word.startswith("addr=") else word for word in words]
        server = device.removeprefix("//").partition("/")[0]
        if kind in SMB and device.startswith("//") and not any(word.startswith(("addr=", "ip=")) for word in words):
            words.append(f"addr={address(server)}")
    return ",".join(words)
