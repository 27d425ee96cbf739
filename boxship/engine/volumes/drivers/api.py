"""The seam of volume drivers."""

from pathlib import Path
from typing import Protocol

from boxship.model.volume import VolumeSpec


class VolumeDriver(Protocol):
    """Every method may be repeated. Paths are directories on the host."""

    def check(self, spec: VolumeSpec) -> None:
        """Raises Invalid for options the driver does not take; dockerd's sentences."""
        ...

    def path(self, name: str) -> Path:
        """Return where the volume is, or will be, while it is mounted."""
        ...

    async def create(self, spec: VolumeSpec) -> None: ...

    async def remove(self, spec: VolumeSpec) -> None:
        """Destroy the volume's data. What was mounted into it stays as it is elsewhere."""
        ...

    async def mount(self, spec: VolumeSpec, user: str) -> None:
        """Make the contents appear at `path` for `user`. Raises KernelError."""
        ...

    def adopt(self, name: str, user: str) -> None:
        """`user` has had the contents since before this daemon started."""
        ...

    async def unmount(self, spec: VolumeSpec, user: str) -> None:
        """`user` needs the contents no longer; with the last one they go away."""
        ...
