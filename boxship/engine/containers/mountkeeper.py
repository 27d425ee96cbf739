"""Holds what is mounted on the host for running containers against their records, and puts back what is missing.

The container itself has every such mount still, whatever was done on the host: what is put back is a copy of its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import NamedTuple, Protocol

from boxship.base.errors import PlatformError
from boxship.base.ids import short
from boxship.base.tasks import Tasks
from boxship.engine.events import Events
from boxship.engine.states import LIVE
from boxship.host.api.inside import Inside
from boxship.model.status import Container, MountPoint

SETTLE = 0.4  # seconds: a change goes on for a while, and so do we not look all the time
log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """Something mounted on the host for a container. inside: where the container has the same."""

    container: Container
    path: str
    inside: str


class Records(Protocol):
    def all(self) -> list[Container]: ...

    def busy(self, container_id: str) -> bool:
        """Whether something is being done to it now."""
        ...


class MountKeeper:
    """root: where a container's root file system is mounted.  device: where something is mounted for a volume, "" for
    a volume that is a directory.  mounted: all mount points of the host.  changes: yields when they changed."""

    def __init__(
        self, records: Records, inside: Inside, events: Events, *, root: Callable[[Container], str],
        device: Callable[[MountPoint], str], mounted: Callable[[], Collection[str]],
        changes: Callable[[float], AsyncIterator[None]],
    ) -> None:  # fmt: skip
        self._records = records
        self._inside = inside
        self._events = events
        self._root = root
        self._device = device
        self._mounted = mounted
        self._changes = changes
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.spawn(self._work(), "hold mounts against the records")

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def _work(self) -> None:
        suspects = {wanted.path for wanted in self.missing()}
        async for _ in self._changes(SETTLE):
            while missing := self.missing():
                again = [wanted for wanted in missing if wanted.path in suspects]
                suspects = {wanted.path for wanted in missing}
                for wanted in again:  # what is missing twice is no motion
                    await self.mend(wanted)
                await asyncio.sleep(SETTLE)
            suspects = set()

    def missing(self) -> list[Wanted]:
        """Return what should be mounted and is not; containers in motion are left out."""
        up = [c for c in self._records.all() if c.status.state in LIVE and not self._records.busy(c.id)]
        if not up:
            return []
        there = frozenset(self._mounted())
        return [wanted for c in up for wanted in self._wanted(c) if wanted.path not in there]

    def _wanted(self, c: Container) -> Iterator[Wanted]:
        yield Wanted(c, self._root(c), "/")
        for point in c.mounts:
            if point.place:
                yield Wanted(c, point.place, point.destination)
            elif point.type == "image" or point.subpath:
                yield Wanted(c, point.source, point.destination)
            elif point.type == "volume" and (path := self._device(point)):
                yield Wanted(c, path, point.destination)

    async def mend(self, wanted: Wanted) -> None:
        """Mount it again; what cannot be repaired is logged."""
        c, fault = wanted.container, f"{wanted.path} is not mounted any more"
        try:
            await asyncio.to_thread(self._inside.show, c.status.pid, wanted.inside, wanted.path)
        except PlatformError as e:
            log.error("container %s: %s, and it could not be repaired: %s", short(c.id), fault, e)
            return
        log.warning("container %s: %s: repaired", short(c.id), fault)
        self._events.container(c, "repair", fault=fault, repair="mounted again from the container")
