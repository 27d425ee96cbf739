"""What containers use: one collector reads for all listeners, once a second, each container once."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import msgspec

from boxship.base.clock import Clock
from boxship.base.counters import CgroupStats
from boxship.base.errors import PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.sample import Sample, Traffic, parse_net_dev
from boxship.model.status import Container, State

PERIOD = 1.0  # seconds
BREATH = 8  # containers read before other work gets its turn
log = logging.getLogger(__name__)


class Sources(msgspec.Struct, frozen=True):
    """Where readings come from. Each call costs well under a millisecond.

    cgroup:  counters of a container's cgroup. Raises NotFound when it is gone.
    system:  (CPU time of the machine in ns, number of CPUs online).
    network: contents of /proc/PID/net/dev.
    memory:  bytes the machine has.
    """

    cgroup: Callable[[Container], CgroupStats]
    system: Callable[[], tuple[int, int]]
    network: Callable[[int], str]
    memory: int


class Stats:
    """current: the present record of a container id, None when there is none."""

    def __init__(self, current: Callable[[str], Container | None], sources: Sources, clock: Clock) -> None:
        self._current = current
        self._sources = sources
        self._clock = clock
        self._listeners: dict[str, set[asyncio.Queue[Sample | None]]] = {}
        self._tasks = Tasks()
        self._collector: asyncio.Task[None] | None = None

    def once(self, container: Container) -> Sample | None:
        """Read now. None for a container that does not run."""
        return self._read(container.id, self._sources.system())

    async def follow(self, container: Container) -> AsyncGenerator[Sample | None, None]:
        """Yield a sample about each second; None while it does not run. Ends with the container's removal."""
        queue: asyncio.Queue[Sample | None] = asyncio.Queue(1)
        self._listeners.setdefault(container.id, set()).add(queue)
        self._wake()
        try:
            yield self.once(container)
            while self._current(container.id) is not None:
                yield await queue.get()
        finally:
            self._listeners[container.id].discard(queue)
            if not self._listeners[container.id]:
                del self._listeners[container.id]

    def _wake(self) -> None:
        if self._collector is None or self._collector.done():
            self._collector = self._tasks.spawn(self._collect(), "statistics")

    async def _collect(self) -> None:
        """Read for all who listen, until nobody does."""
        loop = asyncio.get_running_loop()
        due = loop.time() + PERIOD
        while self._listeners:
            await asyncio.sleep(max(due - loop.time(), 0))
            due = max(due + PERIOD, loop.time())
            system = self._sources.system()
            for number, container_id in enumerate(tuple(self._listeners), 1):
                self._deliver(container_id, self._read(container_id, system))
                if number % BREATH == 0:
                    await asyncio.sleep(0)
                    system = self._sources.system()

    def _deliver(self, container_id: str, sample: Sample | None) -> None:
        """A listener too slow for the last sample gets this one in its place."""
        for queue in self._listeners.get(container_id, ()):
            with suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            queue.put_nowait(sample)

    def _read(self, container_id: str, system: tuple[int, int]) -> Sample | None:
        container = self._current(container_id)
        if container is None or container.status.state not in (State.RUNNING, State.PAUSED):
            return None
        try:
            cgroup = self._sources.cgroup(container)
        except PlatformError:
            return None  # it ended since
        return Sample(
            time=self._clock.now(), cgroup=cgroup, system=system[0], cpus=system[1],
            memory_total=self._sources.memory, networks=self._networks(container),
        )  # fmt: skip

    def _networks(self, container: Container) -> dict[str, Traffic] | None:
        if container.spec.host.network_mode == "host" or container.spec.network_disabled:
            return None
        try:
            return parse_net_dev(self._sources.network(container.status.pid))
        except OSError:
            return None

    async def aclose(self) -> None:
        await self._tasks.aclose()
