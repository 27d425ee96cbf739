"""What the container service needs of others, and no more: so that scenarios can stand in for each of them."""

from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from boxship.base.clock import Clock
from boxship.engine.events import Events
from boxship.engine.networks.attached import Attached
from boxship.engine.options import EngineOptions
from boxship.host.api.inside import Addition
from boxship.host.api.runtime import Launch, Runtime
from boxship.model.container import ContainerSpec
from boxship.model.exec import ExecSpec
from boxship.model.image import Image
from boxship.model.status import Container, MountPoint


class ImageSource(Protocol):
    def get(self, ref: str) -> Image:
        """Raises NotFound `No such image: name:tag`."""
        ...

    def members(self, ref: str) -> list[Image]:
        """All images, one for each platform, of the index that `ref` names; [] where it names none."""
        ...

    def lowers(self, image: Image) -> tuple[str, ...]:
        """Directories of the image's layers, lowest first."""
        ...


class NetworkPlaces(Protocol):
    """Every method may be repeated: attaching what is attached returns what it has."""

    async def attach(self, container: Container) -> Attached:
        """Connect all networks of the container's own namespace; take its addresses and ports."""
        ...

    async def detach(self, container: Container) -> None: ...

    def join(self, container: Container, other: Container) -> Attached:
        """Enter the namespace of `other`, which runs."""
        ...

    async def adopt(self, containers: Iterable[Container]) -> None:
        """Take over the places of running containers, at the start of a daemon; give back all others."""
        ...


class VolumeSource(Protocol):
    def settle(self, container_id: str, spec: ContainerSpec, image: Image) -> tuple[MountPoint, ...]:
        """Return the mounts `spec` asks for, volumes not yet made. Raises Invalid for what cannot be."""
        ...

    async def provide(self, container: Container) -> None:
        """Make the volumes and sources of the container's mounts. May be repeated."""
        ...

    async def withdraw(self, container: Container) -> None:
        """The container has stopped: unmount what was mounted for it alone. May be repeated."""
        ...

    async def release(self, container: Container) -> None:
        """Remove the anonymous volumes of a container that is gone, unless others use them. May be repeated."""
        ...


class Layers(Protocol):
    """Assembles root file systems on the host."""

    def lay_out(self, container: Container) -> None:
        """Make the directories of a new container. May be repeated."""
        ...

    async def usage(self, container: Container) -> int:
        """Return the bytes it has written itself."""
        ...

    def mount(self, container: Container) -> Path:
        """Return where the root is. Nothing happens if it is mounted."""
        ...

    def unmount(self, container: Container) -> None: ...

    def is_mounted(self, container: Container) -> bool: ...

    def mounted(self, container: Container) -> AbstractAsyncContextManager[Path]: ...

    def discard(self, container: Container) -> None:
        """Put all its files away at once; their deletion goes on in the background. May be repeated."""
        ...

    def sweep(self, known: Collection[str]) -> None:
        """Put away the files of containers that are not among the `known` ids."""
        ...


class Launcher(Protocol):
    async def prepare(self, container: Container, netns_path: str) -> Launch:
        """Write the container's files and return what the runtime is to create. Raises Invalid."""
        ...

    def addition(self, container: Container, point: MountPoint) -> Addition:
        """Return what brings one more mount into a container that runs. Raises Invalid."""
        ...

    async def process_of(self, container: Container, spec: ExecSpec) -> dict[str, Any]:
        """Return the OCI process of one more command in a running container."""
        ...

    def check(self, spec: ContainerSpec) -> tuple[str, ...]:
        """Raise Invalid for what this host cannot run at all; return warnings about what it will leave out."""
        ...

    def limits(self, container: Container) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return OCI resources for the container's present spec, and warnings about what this host lacks."""
        ...


class Clients(Protocol):
    """Clients attached to a container's streams."""

    async def launched(self, container_id: str) -> None: ...

    def ended(self, container_id: str) -> None: ...

    def resize(self, container: Container, height: int, width: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the container service works with."""

    options: EngineOptions
    clock: Clock
    events: Events
    runtime: Runtime
    images: ImageSource
    networks: NetworkPlaces
    volumes: VolumeSource
    layers: Layers
    launcher: Launcher
    clients: Clients
