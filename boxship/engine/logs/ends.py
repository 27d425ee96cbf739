"""When a container that is being read from ends."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from boxship.base.bus import Bus
from boxship.base.units import SECOND
from boxship.model.status import Container, State

LIVE = (State.RUNNING, State.PAUSED)


class Ends:
    """current: the present record of a container id, None when there is none."""

    def __init__(self, current: Callable[[str], Container | None], bus: Bus) -> None:
        self._current = current
        self._bus = bus

    def runs(self, container_id: str) -> bool:
        now = self._current(container_id)
        return now is not None and now.status.state in LIVE

    async def wait(self, container_id: str, ended: asyncio.Event, until: int = 0) -> None:
        """Set `ended` when the container dies, at once if it is dead, or at `until`, nanoseconds since 1970, 0 never.

        Its log is complete by then: the monitor writes the last line before it reports the exit."""
        with suppress(TimeoutError):
            async with asyncio.timeout((until - time.time_ns()) / SECOND if until else None):
                await self._death(container_id)
        ended.set()

    async def _death(self, container_id: str) -> None:
        with self._bus.listen() as queue:
            while self.runs(container_id):
                event = await queue.get()
                if event.kind == "container" and event.id == container_id and event.action == "die":
                    return
