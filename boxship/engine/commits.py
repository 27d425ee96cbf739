"""Containers into images: `docker commit`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from boxship.base.clock import Clock
from boxship.base.errors import Conflict
from boxship.engine.events import Events
from boxship.engine.images.making import CommitWish, check, committed, origin
from boxship.engine.images.service import Images
from boxship.model.image import Image
from boxship.model.status import Container, State


class ContainerSource(Protocol):
    """What a commit asks of containers."""

    def get(self, ref: str) -> Container: ...

    async def pause(self, ref: str) -> None: ...

    async def unpause(self, ref: str) -> None: ...


class UpperTars(Protocol):
    """What a commit asks of root file systems and the ground."""

    def upper(self, container: Container) -> Path:
        """Return the directory that holds what the container has written."""
        ...

    def pack_layer(self, upper: Path) -> AsyncIterator[bytes]:
        """Return an upper directory as a layer's tar, in pieces; overlay's whiteouts take the archive's form."""
        ...


class Commits:
    def __init__(
        self, images: Images, containers: ContainerSource, tars: UpperTars, events: Events, clock: Clock
    ) -> None:
        self._images = images
        self._containers = containers
        self._tars = tars
        self._events = events
        self._clock = clock

    async def commit(self, ref: str, wish: CommitWish) -> Image:
        """Make an image of a container's files and settings; it is paused meanwhile if the wish says so.
        Raises NotFound, Invalid; then nothing is left."""
        container = self._containers.get(ref)
        base = self._images.get(container.image_id)
        check(wish)
        async with self._still(container, wish.pause):
            layer = await self._images.stage(self._tars.pack_layer(self._tars.upper(container)))
        image = committed(base, container.spec, wish, layer.facts.diff_id, self._clock.now())
        made = await self._images.create(image, layer, wish.reference, extra=origin(container))
        named = wish.reference.familiar if wish.reference else ""
        self._events.container(container, "commit", comment=wish.comment, imageID=made.id, imageRef=named)
        return made

    @asynccontextmanager
    async def _still(self, container: Container, pause: bool) -> AsyncIterator[None]:
        """Nothing in the container moves; only if it ran, and is not paused already. One that ends by itself
        meanwhile is still enough."""
        paused = pause and container.status.state is State.RUNNING and await self._pause(container)
        try:
            yield
        finally:
            if paused:
                with suppress(Conflict):
                    await self._containers.unpause(container.id)

    async def _pause(self, container: Container) -> bool:
        try:
            await self._containers.pause(container.id)
        except Conflict:
            return False
        return True
