"""The node as a whole: what it is, what it holds, what its files take. Front ends give the facts their shape."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from boxship.engine.options import EngineOptions
from boxship.model.image import Image
from boxship.model.status import Container, State
from boxship.model.system import Counts, Facts, Usage
from boxship.model.volume import Volume

RUNNING = frozenset({State.RUNNING, State.RESTARTING})


class ContainerSource(Protocol):
    def all(self) -> list[Container]: ...


class ImageStore(Protocol):
    def all(self) -> list[Image]: ...

    def find(self, ref: str) -> Image | None: ...

    def layer_sizes(self, image: Image) -> tuple[int, ...]: ...

    def disk_usage(self) -> int: ...


class VolumeStore(Protocol):
    def all(self) -> list[Volume]: ...


class System:
    """measure: gives the bytes of the files below a directory, 0 if it is not there; does not block the loop.
    listeners: tells how many clients follow events."""

    def __init__(
        self,
        facts: Facts,
        options: EngineOptions,
        *,
        containers: ContainerSource,
        images: ImageStore,
        volumes: VolumeStore,
        measure: Callable[[Path], Awaitable[int]],
        listeners: Callable[[], int] = lambda: 0,
    ) -> None:
        self._facts = facts
        self.options = options
        self._containers = containers
        self._images = images
        self._volumes = volumes
        self._measure = measure
        self._listeners = listeners

    def facts(self) -> Facts:
        return self._facts

    def reload(self, facts: Facts) -> None:
        """Take new facts, as after a change of settings."""
        self._facts = facts

    @property
    def unified_cgroups(self) -> bool:
        return self._facts.cgroup_version == 2

    def counts(self) -> Counts:
        states = [container.status.state for container in self._containers.all()]
        running = sum(state in RUNNING for state in states)
        paused = states.count(State.PAUSED)
        return Counts(
            running=running,
            paused=paused,
            stopped=len(states) - running - paused,
            images=len(self._images.all()),
            listeners=self._listeners(),
        )

    async def sizes(self, container: Container) -> tuple[int, int]:
        """Return the bytes of the container's writable layer, and with its image's layers."""
        written = await self._measure(self.options.container_dir(container.id) / "upper")
        image = self._images.find(container.image_id)
        return written, written + (sum(self._images.layer_sizes(image)) if image else 0)

    async def usage(self, kinds: Collection[str]) -> Usage:
        """Measure what `kinds` (container, image, volume) takes."""
        containers = self._containers.all()
        return Usage(
            layers=self._images.disk_usage() if "image" in kinds else 0,
            images=self._image_usage(containers) if "image" in kinds else None,
            containers=await self._container_usage(containers) if "container" in kinds else None,
            volumes=await self._volume_usage(containers) if "volume" in kinds else None,
        )

    def _image_usage(self, containers: Iterable[Container]) -> tuple[tuple[Image, int, int], ...]:
        images = self._images.all()
        holders: dict[str, int] = {}
        for image in images:
            for chain in image.chain:
                holders[chain] = holders.get(chain, 0) + 1
        users = [container.image_id for container in containers]
        return tuple((image, self._shared(image, holders), users.count(image.id)) for image in images)

    def _shared(self, image: Image, holders: Mapping[str, int]) -> int:
        sizes = zip(image.chain, self._images.layer_sizes(image), strict=False)
        return sum(size for chain, size in sizes if holders[chain] > 1)

    async def _container_usage(self, containers: Iterable[Container]) -> tuple[tuple[Container, int, int], ...]:
        found = []
        for container in containers:
            found.append((container, *await self.sizes(container)))
        return tuple(found)

    async def _volume_usage(self, containers: Collection[Container]) -> tuple[tuple[Volume, int, int], ...]:
        volumes = self._volumes.all()
        sizes = await asyncio.gather(*(self._measure(Path(volume.mountpoint)) for volume in volumes))
        used = [{m.name for m in container.mounts if m.type == "volume"} for container in containers]
        return tuple(
            (volume, size, sum(volume.name in names for names in used))
            for volume, size in zip(volumes, sizes, strict=True)
        )
