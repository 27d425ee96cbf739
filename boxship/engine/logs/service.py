"""Logs of containers, whatever their driver."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from boxship.base.bus import Bus
from boxship.base.errors import Unsupported
from boxship.base.units import SECOND
from boxship.engine.logs import options
from boxship.engine.logs.cri import Line
from boxship.engine.logs.query import LogQuery
from boxship.engine.logs.reader import Reading, Watch
from boxship.model.container import LogSpec
from boxship.model.status import Container, State

LIVE = (State.RUNNING, State.PAUSED)


class Logs:
    """current: the present record of a container id, None when there is none."""

    def __init__(self, current: Callable[[str], Container | None], bus: Bus, watch: Watch, default: LogSpec) -> None:
        self._current = current
        self._bus = bus
        self._watch = watch
        self._default = default

    def check(self, container: Container) -> None:
        """Raise Unsupported when its driver keeps nothing that could be read."""
        if not options.readable(options.settle(container.spec.host.log_config, self._default)):
            raise Unsupported("configured logging driver does not support reading")

    def attributes(self, container: Container) -> dict[str, str]:
        """What `--details` shows with each line: labels, variables and tag chosen by options of the driver."""
        spec = options.settle(container.spec.host.log_config, self._default)
        return options.attributes(spec, options.Subject.of(container))

    async def read(self, container: Container, query: LogQuery) -> AsyncIterator[list[Line]]:
        """Yield batches of lines, oldest first. Raises Unsupported as `check` does.

        A container that does not run is not followed: what it wrote is all there is.
        """
        self.check(container)
        if not container.log_path:
            return
        if not query.follow or not self._runs(container.id):
            async for batch in self._past(container, query):
                yield batch
            return
        ended = asyncio.Event()
        watcher = asyncio.create_task(self._await_end(container.id, query.until, ended), name="end of log")
        try:
            async for batch in self._following(container, query, ended):
                yield batch
        finally:
            watcher.cancel()

    def _runs(self, container_id: str) -> bool:
        now = self._current(container_id)
        return now is not None and now.status.state in LIVE

    async def _past(self, container: Container, query: LogQuery) -> AsyncIterator[list[Line]]:
        reading = Reading(container.log_path, query)
        try:
            async for batch in reading.lines():
                yield batch
            if rest := reading.flush():
                yield rest
        finally:
            reading.close()

    async def _following(
        self, container: Container, query: LogQuery, ended: asyncio.Event
    ) -> AsyncIterator[list[Line]]:
        reading = Reading(container.log_path, query)
        try:
            async for batch in reading.follow(self._watch, ended):
                yield batch
            if rest := reading.flush():
                yield rest
        finally:
            reading.close()

    async def _await_end(self, container_id: str, until: int, ended: asyncio.Event) -> None:
        """Set `ended` when the container dies, at once if it is dead, or when the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout((until - time.time_ns()) / SECOND if until else None):
                with self._bus.listen() as queue:
                    while self._runs(container_id):
                        event = await queue.get()
                        if event.kind == "container" and event.id == container_id and event.action == "die":
                            break
        ended.set()
