"""Logs of containers, whatever their driver."""

import asyncio
from collections.abc import AsyncIterator

from boxship.base.errors import Unsupported
from boxship.engine.logs import options
from boxship.engine.logs.cri import Line
from boxship.engine.logs.ends import Ends
from boxship.engine.logs.query import LogQuery
from boxship.engine.logs.reader import Reading, Watch
from boxship.model.status import Container


class Logs:
    def __init__(self, ends: Ends, watch: Watch) -> None:
        self._ends = ends
        self._watch = watch

    def check(self, container: Container) -> None:
        """Raise Unsupported when its driver keeps nothing that could be read."""
        if not options.readable(container.spec.host.log_config):
            raise Unsupported("configured logging driver does not support reading")

    def attributes(self, container: Container) -> dict[str, str]:
        """What `--details` shows with each line: labels, variables and tag chosen by options of the driver."""
        spec = container.spec.host.log_config
        return options.attributes(spec, options.Subject.of(container))

    async def read(self, container: Container, query: LogQuery) -> AsyncIterator[list[Line]]:
        """Yield batches of lines, oldest first. Raises Unsupported as `check` does.

        A container that does not run is not followed: what it wrote is all there is.
        """
        self.check(container)
        if not container.log_path:
            return
        if not query.follow or not self._ends.runs(container.id):
            async for batch in self._past(container, query):
                yield batch
            return
        ended = asyncio.Event()
        watcher = asyncio.create_task(self._ends.wait(container.id, ended, query.until), name="end of log")
        try:
            async for batch in self._following(container, query, ended):
                yield batch
        finally:
            watcher.cancel()

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
