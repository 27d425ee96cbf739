"""Watch the disk that holds images; when it fills up, remove those that can be had again. What goes is in pressure.py.

Looks now and then, in the background; never while somebody waits.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from boxship.base.clock import Clock
from boxship.base.errors import PlatformError
from boxship.base.ids import short
from boxship.engine.events import Events
from boxship.engine.images import pressure
from boxship.engine.images.pressure import Disk, Evict, Limits, Seen
from boxship.engine.images.service import Images

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds between two looks


def measured(path: Path) -> Disk:
    """Return how full the disk is, as someone without privileges sees it: so does `df`."""
    found = os.statvfs(path)
    unit = found.f_frsize
    reserved = found.f_bfree - found.f_bavail
    return Disk(total=(found.f_blocks - reserved) * unit, free=found.f_bavail * unit)


class Evictor:
    """One per daemon. limits: may be replaced at any time."""

    def __init__(
        self, images: Images, events: Events, clock: Clock, limits: Limits, measure: Callable[[], Disk]
    ) -> None:
        self._images = images
        self._events = events
        self._clock = clock
        self._measure = measure
        self._used: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.limits = limits

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except Exception:  # a look that fails must not be the last one
                log.exception("images cannot be looked through for what the disk needs")

    async def look(self) -> list[str]:
        """Note what is in use; remove what has to go, if anything has. Return the ids of the images removed."""
        busy = self._images.in_use()
        now = self._clock.now()
        self._used.update(dict.fromkeys(busy, now))
        if not self.limits.high:
            return []
        disk = await asyncio.to_thread(self._measure)
        if disk.percent < self.limits.high:
            return []
        gone = [action.image_id for action in pressure.plan(disk, self._seen(busy), self.limits, now)
                if await self._evict(action)]  # fmt: skip
        if not gone:
            log.warning("the disk is %d%% full and no image may go: all are in use, pinned, or only here", disk.percent)
        return gone

    def _seen(self, busy: set[str]) -> Seen:
        brought = self._images.parents()  # they go with what needs them
        images = [image for image in self._images.all() if image.id not in brought]
        shared = self._images.shared_sizes()
        self._used = {i.id: max(self._used.get(i.id, 0), i.last_tagged, i.created) for i in images}
        sizes = {image.id: image.size - shared[image.id] for image in images}
        return Seen(images=images, used=dict(self._used), busy=busy, sizes=sizes)

    async def _evict(self, action: Evict) -> bool:
        """Who began to use an image meanwhile keeps it."""
        image = self._images.find(action.image_id)
        if image is None or image.id in self._images.in_use():
            return False
        names = ", ".join((*image.tags, *image.digests)[:3])
        attributes = {"name": names or image.id, "reason": action.cause, "size": str(image.size)}
        self._events.publish("image", "evict", image.id, attributes)
        log.warning("image %s (%s) is removed: %s", short(image.id), names, action.cause)
        try:
            for name in [*image.tags, *image.digests] or [image.id]:
                if self._images.find(name) is not None:
                    await self._images.remove(name)
        except PlatformError as e:
            log.warning("image %s stays after all: %s", short(image.id), e)
            return False
        return self._images.find(image.id) is None
