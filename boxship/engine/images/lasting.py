"""Bring layers to stable storage behind everybody's back: nobody who pulls or builds waits for the disk.

Until then a layer is marked, and given up should the machine fall; see layers.py.
"""

import asyncio
import logging

from boxship.base.tasks import Tasks
from boxship.engine.images.layers import Layers

log = logging.getLogger(__name__)
PAUSE = 1.0  # seconds in which more layers may come, since one sync serves all


class Lasting:
    """One per daemon. Must be closed, which waits for the disk."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._tasks = Tasks()
        self._waiting: asyncio.Task[None] | None = None

    def note(self) -> None:
        """There may be something new; costs nothing."""
        if self._waiting is None and self._layers.unsettled():
            self._waiting = self._tasks.spawn(self._later(), "layers to disk")

    async def _later(self) -> None:
        await asyncio.sleep(PAUSE)
        self._waiting = None  # what comes from here on is not in this sync for sure
        await self._settle()

    async def _settle(self) -> None:
        names = self._layers.unsettled()
        if names:
            await asyncio.to_thread(self._layers.settle, names)

    async def aclose(self) -> None:
        await self._tasks.aclose()
        try:
            await self._settle()
        except Exception as e:  # the end must come whatever the disk says
            log.warning("layers may not be on disk yet: %s", e)
