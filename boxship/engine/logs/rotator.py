"""The daemon's watch over the sizes of logs: a few system calls a container and second, more while one grows fast."""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Iterable

from boxship.base.errors import PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.logs import files, options
from boxship.engine.logs.options import Rotation
from boxship.engine.logs.rotation import Pack, execute, pack, plan
from boxship.host.api.runtime import Runtime
from boxship.model.status import Container, State

PERIOD = 1.0  # seconds between two looks at all sizes
HURRY = 0.05  # seconds between two looks at those that would outgrow their limit before the next look at all
PATIENCE = 2.0  # seconds that a monitor may take to begin a new file
BREATH = 64  # sizes looked at before other work gets its turn
log = logging.getLogger(__name__)


class Rotator:
    """Looks at the logs of all running containers and rotates those that have grown too large.

    containers: give all containers.
    """

    def __init__(self, containers: Callable[[], Iterable[Container]], runtime: Runtime) -> None:
        self._containers = containers
        self._runtime = runtime
        self._missing: dict[str, float] = {}
        self._packing: set[str] = set()
        self._sizes: dict[str, tuple[float, int]] = {}
        self._growing: set[str] = set()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.spawn(self._watch(), "log rotation")

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await self.look()
            while self._growing and loop.time() < due - HURRY:
                await asyncio.sleep(HURRY)
                await self.look(self._growing)
            await asyncio.sleep(max(due - loop.time(), 0))

    async def look(self, chosen: Collection[str] | None = None) -> None:
        """Look at the log of every running container, or of those chosen, once."""
        for number, container in enumerate(tuple(self._containers()), 1):
            if chosen is not None and container.id not in chosen:
                continue
            if container.status.state is State.RUNNING and container.log_path:
                try:
                    self._check(container)
                except (OSError, PlatformError) as error:
                    log.warning("log of %s cannot be rotated: %s", container.id, error)
            else:
                self._forget(container.id)
            if number % BREATH == 0:
                await asyncio.sleep(0)

    def _forget(self, container_id: str) -> None:
        self._growing.discard(container_id)
        self._sizes.pop(container_id, None)

    def _check(self, container: Container) -> None:
        try:
            size = os.stat(container.log_path).st_size
        except FileNotFoundError:
            self._reopen_missing(container)
            return
        self._missing.pop(container.id, None)
        if container.id in self._packing:
            return
        policy = options.rotation(container.spec.host.log_config)
        self._note_growth(container.id, size, policy.max_size)
        if size >= policy.max_size:
            self._rotate(container, policy)

    def _note_growth(self, container_id: str, size: int, limit: int) -> None:
        """Remember whether the limit will be passed before the next look, going by the speed since the last one."""
        now = asyncio.get_running_loop().time()
        then, before = self._sizes.get(container_id, (now - PERIOD, 0))
        self._sizes[container_id] = (now, size)
        grown = size - before if size >= before else size  # smaller than before: a new file
        speed = grown / (now - then) if now > then else 0.0
        if size + speed * PERIOD >= limit:
            self._growing.add(container_id)
        else:
            self._growing.discard(container_id)

    def _reopen_missing(self, container: Container) -> None:
        """A daemon ended between renaming and reopening, or the monitor has not got to it: ask it after some time.

        Asked twice at once, it could begin a file anew that it has just begun."""
        now = asyncio.get_running_loop().time()
        since = self._missing.setdefault(container.id, now)
        if now - since >= PATIENCE:
            self._missing[container.id] = now
            self._runtime.reopen_log(container.id)

    def _rotate(self, container: Container, policy: Rotation) -> None:
        actions = plan(container.log_path, files.names(container.log_path), policy)
        execute(actions, lambda: self._runtime.reopen_log(container.id))
        if packs := [action.path for action in actions if isinstance(action, Pack)]:
            self._packing.add(container.id)
            self._tasks.spawn(self._pack(container.id, packs), f"packing logs of {container.id}")

    async def _pack(self, container_id: str, paths: Iterable[str]) -> None:
        try:
            for path in paths:
                await asyncio.to_thread(pack, path)
        finally:
            self._packing.discard(container_id)
