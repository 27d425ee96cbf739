"""Mounts of containers that run: added, taken away, and put back where a crash came between."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from boxship.base.errors import Conflict, PlatformError
from boxship.engine.containers import mountedits
from boxship.engine.containers.mountedits import MountEdit
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.engine.states import LIVE
from boxship.host.api.inside import Inside
from boxship.model.image import Image, ImageConfig
from boxship.model.status import Container, Desired, MountPoint

Points = Iterable[MountPoint]
log = logging.getLogger(__name__)


class Mounting:
    """The record is changed before the container, so that what is mounted is always known, and a crash in between
    leaves something to do (`restore`), never something forgotten."""

    def __init__(self, records: Records, parts: Parts, inside: Inside) -> None:
        self._records = records
        self._parts = parts
        self._inside = inside
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def edit(self, ref: str, edit: MountEdit) -> Container:
        """Carry out a change, all of it or nothing; return the new record. A container that does not run gets it with
        its next start. Raises NotFound, Invalid, Conflict, KernelError."""
        async with self._locks[self._records.find(ref).id]:
            c = self._records.find(ref)
            if c.desired is Desired.REMOVED:
                raise Conflict(f"container {c.id} is marked for removal and its mounts cannot be changed")
            gone = mountedits.removed(c, edit)
            new = self._settled(c, edit)
            after = mountedits.changed(c, edit, gone, new)
            await self._provide(c, new)
            saved = await self._save(after)
            try:
                await self._carry_out(saved, gone, new)
            except BaseException:
                await self._save(c)
                await self._withdraw(c, new)
                raise
            await self._withdraw(c, gone)
        self._parts.events.container(saved, "update")
        return saved

    def _settled(self, c: Container, edit: MountEdit) -> tuple[MountPoint, ...]:
        bare = Image(id=c.image_id, created=0, config=ImageConfig())  # its volumes are mounted already
        points = self._parts.volumes.settle(c.id, mountedits.wish(c, edit), bare)
        return tuple(replace(point, added=True) for point in points)

    async def _provide(self, c: Container, new: Points) -> None:
        """Make what new mounts need; a new volume is filled from the image, as at a first start."""
        only = replace(c, mounts=tuple(new), status=replace(c.status, has_started=False))
        try:
            await self._parts.volumes.provide(only)
        except BaseException:
            await self._parts.volumes.withdraw(only)
            raise

    async def _withdraw(self, c: Container, points: Points) -> None:
        await self._parts.volumes.withdraw(replace(c, mounts=tuple(points)))

    async def _save(self, wanted: Container) -> Container:
        """Store only what this is about: others may have changed other things meanwhile."""
        current = self._records.find(wanted.id)
        host = replace(current.spec.host, binds=wanted.spec.host.binds, mounts=wanted.spec.host.mounts)
        spec = replace(current.spec, host=host, volumes=wanted.spec.volumes)
        return await self._records.save(replace(current, spec=spec, mounts=wanted.mounts))

    async def _carry_out(self, c: Container, gone: Points, new: Points) -> None:
        if c.status.state not in LIVE:
            return
        out: list[MountPoint] = []
        put: list[MountPoint] = []
        try:
            for point in gone:
                await asyncio.to_thread(self._inside.remove, c.status.pid, point.destination)
                out.append(point)
            for point in new:
                await self._add(c, point)
                put.append(point)
        except PlatformError:
            current = self._records.of(c.id)
            if current is None or current.status.state not in LIVE or current.status.pid != c.status.pid:
                return  # it ended meanwhile: its next start does the rest
            for point in reversed(put):
                await asyncio.to_thread(self._inside.remove, c.status.pid, point.destination)
            for point in out:
                await self._add(c, point)
            raise

    async def _add(self, c: Container, point: MountPoint) -> None:
        addition = self._parts.launcher.addition(c, point)
        await asyncio.to_thread(self._inside.add, c.status.pid, addition)

    async def restore(self) -> None:
        """At the daemon's start: bring into running containers what was added on record and did not get there."""
        for c in self._records.all():
            added = [point for point in c.mounts if point.added]
            if c.status.state not in LIVE or not added:
                continue
            try:
                await self._complete(c, added)
            except PlatformError as e:
                log.warning("mounts of container %s: %s", c.name, e)

    async def _complete(self, c: Container, added: Points) -> None:
        there = await asyncio.to_thread(self._inside.mounted, c.status.pid)
        for point in added:
            if point.destination not in there:
                await self._provide(c, (point,))
                await self._add(c, point)
