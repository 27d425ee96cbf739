"""Send what containers write to where their driver sends it: journald or syslog.

Lines are taken from the monitor's file, from a stored place on, so that none is missed while no daemon runs or the
destination is away. After a crash the last few may go out twice, never not at all.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable

import msgspec

from boxship.base.bus import Bus
from boxship.base.codec import decode, encode
from boxship.base.tasks import Tasks
from boxship.engine.logs import drivers
from boxship.engine.logs.cri import Line
from boxship.engine.logs.drivers import Destination
from boxship.engine.logs.ends import Ends
from boxship.engine.logs.options import Subject
from boxship.engine.logs.query import LogQuery
from boxship.engine.logs.reader import Cursor, Reading, Watch
from boxship.model.container import LogSpec
from boxship.model.status import Container
from boxship.store.api import Store

PREFIX = "logs/"
RETRY = (0.5, 30.0)  # seconds: first and longest pause while the destination is away
log = logging.getLogger(__name__)


class _Place(msgspec.Struct):
    inode: int
    offset: int
    time: int


class Shipping:
    """containers: give all containers."""

    def __init__(self, containers: Callable[[], Iterable[Container]], ends: Ends, watch: Watch, store: Store) -> None:
        self._containers = containers
        self._ends = ends
        self._watch = watch
        self._store = store
        self._working: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()

    async def start(self, bus: Bus) -> None:
        """Take up what was left when the last daemon ended, then follow every start."""
        self._tasks.spawn(self._follow(bus), "log shipping")
        for container in tuple(self._containers()):
            self._ship(container)

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def _follow(self, bus: Bus) -> None:
        async for event in bus.follow():
            if event.kind == "container" and event.action == "start":
                for container in self._containers():
                    if container.id == event.id:
                        self._ship(container)
            elif event.kind == "container" and event.action == "destroy":
                await self._store.delete(PREFIX + event.id)

    def _ship(self, container: Container) -> None:
        spec = container.spec.host.log_config
        if spec.type not in drivers.SHIPPED or container.id in self._working or not os.path.exists(container.log_path):
            return
        task = self._tasks.spawn(self._carry(container, spec), f"shipping log of {container.id}")
        self._working[container.id] = task
        task.add_done_callback(lambda _: self._working.pop(container.id, None))

    async def _carry(self, container: Container, spec: LogSpec) -> None:
        """Send what is there and what comes, until the container has ended and all is sent."""
        destination = drivers.destination(spec, Subject.of(container))
        try:
            while True:
                await self._carry_run(container, destination)
                if not self._ends.runs(container.id):
                    return
        finally:
            destination.close()

    async def _carry_run(self, container: Container, destination: Destination) -> None:
        ended = asyncio.Event()
        watcher = asyncio.create_task(self._ends.wait(container.id, ended), name="end of log")
        reading = Reading(container.log_path, LogQuery(), await self._stored(container.id))
        try:
            async for lines in reading.follow(self._watch, ended):
                await _deliver(destination, lines, container.id)
                await self._keep(container.id, reading.cursor)
            if rest := reading.flush():
                await _deliver(destination, rest, container.id)
                await self._keep(container.id, reading.end)
        finally:
            watcher.cancel()
            reading.close()

    async def _stored(self, container_id: str) -> Cursor | None:
        entry = await self._store.get(PREFIX + container_id)
        if entry is None:
            return None
        place = decode(entry.value, _Place)
        return Cursor(place.inode, place.offset, place.time)

    async def _keep(self, container_id: str, cursor: Cursor) -> None:
        await self._store.put(PREFIX + container_id, encode(_Place(*cursor)))


async def _deliver(destination: Destination, lines: list[Line], container_id: str) -> None:
    """Send until it succeeds, with growing pauses. A destination that is away costs no line."""
    pause, longest = RETRY
    while True:
        try:
            await destination.send(lines)
            return
        except (OSError, TimeoutError) as error:
            if pause == RETRY[0]:
                log.warning("log of %s cannot be sent, trying again: %s", container_id, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
