"""The engine room: one worker per container plans, acts and plans again until what is desired is true."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial

from boxship.base.errors import Conflict, PlatformError
from boxship.base.tasks import Tasks
from boxship.engine import failures, lifecycle, recovery, signals, transitions, wishes
from boxship.engine.actions import Hands
from boxship.engine.containers.tickets import Tickets
from boxship.engine.lifecycle import Action, End
from boxship.engine.probes import Probes
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.engine.sightings import Sightings
from boxship.engine.states import LIVE
from boxship.engine.waiters import Waiters
from boxship.engine.wishes import Milestone
from boxship.host.api.runtime import Exit, Present
from boxship.model.status import Container, Desired, State
from boxship.reconcile.controller import Controller
from boxship.reconcile.executor import execute
from boxship.reconcile.plan import Plan

STARTING = (lifecycle.Mount, lifecycle.Attach, lifecycle.Launch, lifecycle.Connect, lifecycle.Start)
log = logging.getLogger(__name__)


class Work:
    def __init__(self, records: Records, parts: Parts) -> None:
        self.records = records
        self.parts = parts
        self.waiters = Waiters()
        self._sightings = Sightings()
        self._tickets = Tickets()
        self._tasks = Tasks()
        self._hands = Hands(records, parts, self._sightings, self.waiters)
        self._workers = Controller(self._reconcile, parts.clock, "container")
        self._probes = Probes(records, parts, self.restart_unhealthy)
        self._hands.on_group = self._workers.wake
        self._hands.on_running = self._probes.wake

    # requests

    async def fulfil(self, c: Container, milestone: Milestone, wish: Callable[[Container], Container]) -> None:
        """Store what `wish` makes of the record, and return once the milestone is reached.

        Raises what `wish` raises, or why the milestone cannot be reached."""
        await self.records.save(wish(c))
        ticket = self._tickets.take(c.id, milestone)
        self._workers.wake(c.id)
        await ticket

    async def kill(self, c: Container, signal: str) -> None:
        """Send a signal now, past whatever the worker waits for; KILL also waits for the end."""
        signum = signals.number(signal) if signal else signals.KILL
        marked = await self.records.save(wishes.kill(c, signum))
        if marked.status.state in LIVE:
            await self._deliver(marked, signum)
        if signum == signals.KILL or marked.status.state not in LIVE:
            ticket = self._tickets.take(c.id, Milestone.STOPPED)
            self._workers.wake(c.id)
            await ticket

    async def _deliver(self, c: Container, signum: int) -> None:
        self.parts.runtime.signal(c.id, c.status.pid, signum)
        if c.status.state is State.PAUSED and wishes.ends(c, signum):
            await self.parts.runtime.resume(c.id)  # a frozen process feels no signal
        self.parts.events.container(c, "kill", signal=str(signum))

    def restart_unhealthy(self, c: Container) -> None:
        """Health checks failed, and the container asks to be restarted then."""
        self._tasks.spawn(self._restart(c), f"restart of unhealthy {c.id}")

    async def _restart(self, c: Container) -> None:
        with contextlib.suppress(Conflict):  # stopped or removed meanwhile
            await self.fulfil(c, Milestone.STARTED, lambda now: wishes.restart(now, None, None))

    def wake(self, container_id: str) -> None:
        self._workers.wake(container_id)

    def busy(self, container_id: str) -> bool:
        return self._workers.busy(container_id)

    def look(self, container_id: str) -> None:
        """See the host anew; nothing happens while the worker is at it."""
        c = self.records.of(container_id)
        if c is not None and not self.busy(container_id):
            self._observe(c, self.parts.runtime.present())
            self._workers.wake(container_id)

    # the worker

    async def _reconcile(self, container_id: str) -> int | None:
        while True:
            c = self.records.of(container_id)
            if c is None:
                self._tickets.removed(container_id)
                return None
            seen = self._sightings.of(c)
            self._tickets.progress(c, seen)
            plan = lifecycle.plan(c, seen, self.parts.clock.now())
            if not plan:
                if plan.due is None and c.status.state not in LIVE:
                    self._tickets.settled(c)
                return plan.due
            await self._carry_out(container_id, plan)

    async def _carry_out(self, container_id: str, plan: Plan[Action]) -> None:
        try:
            await execute(plan, partial(self._hands.act, container_id))
        except Exception as error:
            if not any(isinstance(step.action, STARTING) for step in plan.steps):
                self._tickets.failed(container_id, error)
                raise
            await self._failed(container_id, error)

    async def _failed(self, container_id: str, error: Exception) -> None:
        """A start failed: remember why, tell who waits for it; the next plan gives back what it had taken."""
        if not isinstance(error, PlatformError):
            log.error("start of container %s failed", container_id, exc_info=error)
        c = self.records.of(container_id)
        if c is None or c.status.state in LIVE:
            return
        told, code = failures.explain(error)
        if c.desired is Desired.RUNNING:
            c = await self.records.save(transitions.failed(c, str(told), code, self.parts.clock.now()))
        self.parts.clients.ended(container_id)
        self.waiters.settled(c)
        self._tickets.failed(container_id, told, Milestone.STARTED)

    # the outside world

    async def recover(self) -> None:
        """Take over from the daemon that was here before: read, look, adopt, and let the workers settle the rest."""
        await self.records.load()
        if not await self.records.same_boot(self.parts.options.boot_id):
            await self._boot()
        found = recovery.leaders_first(self.records.all())
        present = self.parts.runtime.present()
        for c in found:
            self._observe(c, present)
        for container_id in recovery.strangers(present, {c.id: c for c in found}):
            await self.parts.runtime.delete(container_id)
            self.parts.runtime.forget(container_id)
        self.parts.layers.sweep({c.id for c in found})
        seen = [(c, self._sightings.of(c)) for c in found]
        await self.parts.networks.adopt([c for c, s in seen if s.alive and s.started])
        self._tasks.spawn(self._watch_exits(), "exits of containers")
        for c in found:
            self._workers.wake(c.id)
            self._probes.wake(c.id)

    def _observe(self, c: Container, present: Mapping[str, Present]) -> None:
        ended = self.parts.runtime.exit_of(c.id) if c.id in present else None
        mounted = self.parts.layers.is_mounted(c)
        self._sightings.set(c, recovery.observe(c, present.get(c.id), ended, mounted, self.parts.clock.now()))

    async def _boot(self) -> None:
        """The machine may have come up since the last daemon: then mark what is to start with it."""
        for c in self.records.all():
            wanted = recovery.after_boot(c)
            if wanted is not c:
                await self.records.save(wanted)
        await self.records.note_boot(self.parts.options.boot_id)

    async def _watch_exits(self) -> None:
        async for exit in self.parts.runtime.exits():
            self._noticed(exit)

    def _noticed(self, exit: Exit) -> None:
        """A monitor reported an end. One of a run before this one, reported late, is none of our business."""
        c = self.records.of(exit.id)
        if c is None:
            return
        seen = self._sightings.of(c)
        if not seen.launched or self.parts.runtime.signal(c.id, seen.pid, 0):
            return
        self._sightings.note(c, alive=False, end=End(exit.code, exit.time_ns, exit.oom), gone_at=exit.time_ns)
        self._workers.wake(c.id)

    async def aclose(self) -> None:
        await self._probes.aclose()
        await self._workers.aclose()
        await self._tasks.aclose()
