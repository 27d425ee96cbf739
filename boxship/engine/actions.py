"""The hands of the lifecycle: one method per action, each idempotent. They decide nothing."""

from collections.abc import Callable
from typing import assert_never

from boxship.base.units import SECOND
from boxship.engine import groups, lifecycle, transitions
from boxship.engine.lifecycle import Action, Record
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.engine.sightings import Sightings
from boxship.engine.waiters import Waiters
from boxship.model.status import Container, Desired

Stirred = Callable[[str], None]


class Hands:
    """`stirred` is called with the id of a container whose health or group needs another look."""

    def __init__(self, records: Records, parts: Parts, sightings: Sightings, waiters: Waiters) -> None:
        self._records = records
        self._parts = parts
        self._sightings = sightings
        self._waiters = waiters
        self._netns: dict[str, str] = {}
        self.on_group: Stirred = lambda _: None
        self.on_running: Stirred = lambda _: None

    async def act(self, container_id: str, action: Action) -> None:
        c = self._records.of(container_id)
        if c is None:
            return
        match action:
            case lifecycle.Mount():
                await self._mount(c)
            case lifecycle.Attach():
                await self._attach(c)
            case lifecycle.Launch():
                await self._launch(c)
            case lifecycle.Connect():
                await self._parts.clients.launched(c.id)
            case lifecycle.Start():
                await self._start(c)
            case lifecycle.Adopt():
                await self._running(c, self._parts.clock.now())
            case lifecycle.Signal(number):
                await self._signal(c, number)
            case lifecycle.Freeze():
                await self._freeze(c)
            case lifecycle.Thaw():
                await self._thaw(c)
            case lifecycle.Record():
                await self._record(c, action)
            case lifecycle.GiveUp():
                self._waiters.exited(await self._save(c, transitions.gave_up))
            case lifecycle.Delete():
                await self._delete(c)
            case lifecycle.Detach():
                await self._detach(c)
            case lifecycle.Unmount():
                await self._unmount(c)
            case lifecycle.Discard():
                await self._discard(c)
            case _:
                assert_never(action)

    async def _mount(self, c: Container) -> None:
        self._sightings.note(c, mounted=True)
        await self._parts.volumes.provide(c)
        self._parts.layers.mount(c)

    async def _unmount(self, c: Container) -> None:
        await self._parts.volumes.withdraw(c)
        self._parts.layers.unmount(c)
        self._sightings.note(c, mounted=False)

    async def _attach(self, c: Container) -> None:
        self._sightings.note(c, attached=True)
        if groups.joins(c):
            other = self._records.find(c.group)
            groups.require_running(other, "network")
            attached = self._parts.networks.join(c, other)
        else:
            attached = await self._parts.networks.attach(c)
        self._netns[c.id] = attached.netns_path
        self._note(c.id, attached.networks, attached.ports)

    def _note(self, container_id: str, networks: transitions.Endpoints, ports: transitions.Ports) -> None:
        """The store learns of it with the start; after a crash the host tells."""
        c = self._records.of(container_id)
        assert c is not None
        self._records.note(transitions.attached(c, networks, ports))

    async def _launch(self, c: Container) -> None:
        launch = await self._parts.launcher.prepare(c, self._netns.get(c.id, ""))
        launched = await self._parts.runtime.create(launch)
        self._sightings.note(
            c, launched=True, alive=True, monitored=True, started=False, end=None,
            pid=launched.pid, conmon_pid=launched.conmon_pid,
        )  # fmt: skip

    async def _start(self, c: Container) -> None:
        now = self._parts.clock.now()
        await self._parts.runtime.start(c.id, c.runtime)
        self._sightings.note(c, started=True)
        await self._running(c, now)

    async def _running(self, c: Container, now: int) -> None:
        seen = self._sightings.of(c)
        saved = await self._save(c, lambda known: transitions.started(known, seen.pid, seen.conmon_pid, now))
        self._parts.events.container(saved, "start")
        self.on_running(c.id)

    async def _signal(self, c: Container, number: int) -> None:
        delivered = self._parts.runtime.signal(c.id, c.status.pid, number)
        now = self._parts.clock.now()
        if not delivered:
            self._sightings.note(c, alive=False, gone_at=now)
        saved = await self._save(c, lambda known: transitions.signalled(known, number, now))
        self._parts.events.container(saved, "kill", signal=str(number))

    async def _freeze(self, c: Container) -> None:
        await self._parts.runtime.pause(c.id)
        self._parts.events.container(await self._save(c, transitions.paused), "pause")

    async def _thaw(self, c: Container) -> None:
        await self._parts.runtime.resume(c.id)
        saved = await self._save(c, transitions.resumed)
        if saved.desired is Desired.RUNNING:
            self._parts.events.container(saved, "unpause")
            self.on_running(c.id)

    async def _record(self, c: Container, end: Record) -> None:
        saved = await self._save(c, lambda known: transitions.exited(known, end.code, end.at, end.oom))
        self._sightings.note(c, alive=False, started=False)
        self._waiters.exited(saved)
        if end.oom:
            self._parts.events.container(saved, "oom")
        ran = max(0, end.at - saved.status.started_at) // SECOND
        self._parts.events.container(saved, "die", exitCode=str(end.code), execDuration=str(ran))
        if c.wish.signalled and c.desired is not Desired.REMOVED:
            self._parts.events.container(saved, "stop")

    async def _save(self, c: Container, change: Callable[[Container], Container]) -> Container:
        """Store a change of what is on record now: while we acted, others may have changed other things of it."""
        return await self._records.save(change(self._records.of(c.id) or c))

    async def _delete(self, c: Container) -> None:
        await self._parts.runtime.delete(c.id, c.runtime)
        self._parts.runtime.forget(c.id)
        self._sightings.note(c, launched=False, alive=False, started=False, monitored=False, end=None, pid=0)
        if groups.joins(c):
            self.on_group(c.group)

    async def _detach(self, c: Container) -> None:
        if not groups.joins(c):
            await self._parts.networks.detach(c)
        self._netns.pop(c.id, None)
        self._sightings.note(c, attached=False)
        await self._save(c, transitions.detached)

    async def _discard(self, c: Container) -> None:
        if c.wish.volumes:
            await self._parts.volumes.release(c)
        self._parts.layers.discard(c)
        self._parts.runtime.forget(c.id)
        await self._records.drop(c)
        self._sightings.forget(c)
        self._parts.clients.ended(c.id)
        self._waiters.removed(c)
        self._parts.events.container(c, "destroy")
