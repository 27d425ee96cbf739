"""What may be asked of containers. A request is checked, its wish is stored, and a worker fulfils it."""

import os
from collections.abc import Callable

from boxship.engine import wishes
from boxship.engine.containers.changes import Changes
from boxship.engine.containers.create import Creation
from boxship.engine.containers.prune import Pruned, prune
from boxship.engine.containers.work import Work
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.engine.waiters import Waiter
from boxship.engine.wishes import Milestone
from boxship.model.container import ContainerSpec, HostUpdate
from boxship.model.status import Container


class Containers:
    """`ref` is a full id, a name, or the unique beginning of an id, as in Docker's tools.

    Every method raises NotFound for an unknown `ref`, and Conflict when the present state forbids the request;
    texts and statuses are dockerd's.
    """

    def __init__(self, records: Records, parts: Parts) -> None:
        self._records = records
        self._parts = parts
        self._work = Work(records, parts)
        self._creation = Creation(records, parts)
        self._changes = Changes(records, parts, os.cpu_count() or 1)

    async def recover(self) -> None:
        """Read the records, compare with what the host shows, and let the workers settle the difference; once.

        Networks, images and volumes must be ready."""
        await self._work.recover()

    async def aclose(self) -> None:
        """Stop working. Containers go on running; a wish under way stays stored and is taken up at the next start."""
        await self._work.aclose()

    def get(self, ref: str) -> Container:
        """Raises NotFound when nothing answers to `ref`, Invalid when several do."""
        return self._records.find(ref)

    def all(self) -> list[Container]:
        """Every container there is, oldest first."""
        return self._records.all()

    def busy(self, container_id: str) -> bool:
        """Whether something is being done to it now."""
        return self._work.busy(container_id)

    def look(self, container_id: str) -> None:
        """See the host anew, and let the worker settle what differs from the record."""
        self._work.look(container_id)

    async def create(
        self, spec: ContainerSpec, name: str | None = None, platform: str = ""
    ) -> tuple[Container, tuple[str, ...]]:
        """Return the new container and warnings for its user. `spec` is what was asked, the image not yet merged in.

        Raises Invalid for impossible settings, Conflict for a name in use, NotFound for a missing image."""
        return await self._creation.create(spec, name, platform)

    async def start(self, ref: str) -> None:
        """Return once it runs. Raises Unchanged if it does already, RuntimeFailed or Invalid if it cannot."""
        await self._work.fulfil(self.get(ref), Milestone.STARTED, wishes.start)

    async def stop(self, ref: str, *, signal: str | None = None, grace: int | None = None) -> None:
        """Return once it has ended. `grace`: seconds before KILL, -1 for ever. Raises Unchanged if it does not run."""
        await self._work.fulfil(self.get(ref), Milestone.STOPPED, lambda c: wishes.stop(c, signal, grace))

    async def restart(self, ref: str, *, signal: str | None = None, grace: int | None = None) -> None:
        """Stop if running, then start; return once it runs."""
        await self._work.fulfil(self.get(ref), Milestone.STARTED, lambda c: wishes.restart(c, signal, grace))
        self._parts.events.container(self.get(ref), "restart")

    async def kill(self, ref: str, signal: str = "") -> None:
        """Send `signal` ("" is KILL; KILL also waits for the end)."""
        await self._work.kill(self.get(ref), signal)

    async def pause(self, ref: str) -> None:
        await self._work.fulfil(self.get(ref), Milestone.PAUSED, wishes.pause)

    async def unpause(self, ref: str) -> None:
        await self._work.fulfil(self.get(ref), Milestone.RESUMED, wishes.unpause)

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        """Return once nothing of it is left. `force` ends it first; `volumes` takes its anonymous volumes along;
        `link` removes only the link named `ref` ("/parent/alias")."""
        if link:
            await self._changes.unlink(ref)
        else:
            await self._work.fulfil(self.get(ref), Milestone.REMOVED, lambda c: wishes.remove(c, force, volumes))

    async def rename(self, ref: str, name: str) -> None:
        await self._changes.rename(self.get(ref), name)

    async def update(self, ref: str, update: HostUpdate) -> tuple[str, ...]:
        """Change limits and restart policy, also of a running container. Return warnings."""
        return await self._changes.update(self.get(ref), update)

    def resize(self, ref: str, height: int, width: int) -> None:
        """Set the size of the terminal. Raises Conflict unless it runs."""
        self._changes.resize(self.get(ref), height, width)

    def wait(self, ref: str, condition: str = "") -> Waiter:
        """Register at once; the answer comes from `Waiter.result`. `condition`: not-running (also ""), next-exit,
        removed. Raises Invalid for another one."""
        return self._work.waiters.add(self.get(ref), condition)

    async def prune(self, chosen: Callable[[Container], bool]) -> Pruned:
        """Remove the stopped containers that are `chosen`; return (ids, bytes freed)."""
        return await prune(self.all(), chosen, self._parts.layers, self.remove)
