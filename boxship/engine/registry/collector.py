"""The collection: expired tags, then blobs that nothing uses, then bytes that nobody records. Pushes go on meanwhile.

It works in small transactions, so that a push waits milliseconds for one at most, and rests between them.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from boxship.base.clock import Clock
from boxship.base.errors import PlatformError
from boxship.engine.registry import changes, collecting, retention
from boxship.engine.registry.content import SECOND, Parts
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.options import Options
from boxship.engine.registry.records import Records

BATCH = 200
STRAY_AGE = 3600.0  # seconds a file without a record may wait for it
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What one collection did. bytes: that it freed.  plan: what retention said, one line each."""

    tags: int = 0
    manifests: int = 0
    links: int = 0
    blobs: int = 0
    bytes: int = 0
    strays: int = 0
    uploads: int = 0
    plan: list[str] = field(default_factory=list)


class Collector:
    """At most one collection at a time in this process; those of others do no harm. freed: bytes since the start."""

    def __init__(self, parts: Parts, options: Options) -> None:
        self._parts = parts
        self._records: Records = parts.records
        self._clock: Clock = parts.clock
        self._options = options
        self._turn = asyncio.Lock()
        self.freed = 0

    def _now(self) -> float:
        return self._clock.now() / SECOND

    async def collect(self, *, dry: bool = False) -> Report:
        """Do all of it once. dry: only say what retention would remove."""
        async with self._turn:
            report = Report()
            await self._retain(report, dry)
            if not dry:
                await self._links(report)
                await self._blobs(report)
                await self._strays(report)
                await self._graves()
                report.uploads = await self._parts.uploads.sweep(self._now() - self._options.lease)
                await self._records.write(collecting.drop_empty)
            self.freed += report.bytes
            return report

    async def _retain(self, report: Report, dry: bool) -> None:
        if not self._options.retention:
            return
        for place, name in self._records.rows("SELECT id, name FROM repositories ORDER BY name"):
            actions = retention.plan(self._options.retention, name, self._tags(place), self._loose(place), self._now())
            report.plan += [f"{name}: {line}" for line in retention.render(actions).splitlines()]
            for action in () if dry else actions:
                await self._drop(name, action, report)
            await asyncio.sleep(0)

    async def _drop(self, name: str, action: retention.Action, report: Report) -> None:
        try:
            if isinstance(action, retention.DropTag):
                await self._records.write(lambda db: changes.remove_tag(db, name, action.name))
                report.tags += 1
            else:
                await self._records.write(lambda db: _drop_loose(db, name, action.digest))
                report.manifests += 1
        except Fault as fault:
            log.debug("retention: %s: %s", name, fault)  # somebody was faster, or needs it by now

    def _tags(self, place: int) -> list[retention.Tagged]:
        rows = self._records.rows("SELECT name, changed FROM tags WHERE repository = ?", (place,))
        return [retention.Tagged(*row) for row in rows]

    def _loose(self, place: int) -> list[retention.Untagged]:
        rows = self._records.rows(f"SELECT digest, pushed FROM manifests m WHERE repository = ? AND {_LOOSE}", (place,))
        return [retention.Untagged(*row) for row in rows]

    async def _links(self, report: Report) -> None:
        after: tuple[Any, ...] = (0, "")
        while rows := self._records.rows(collecting.LINKS_AFTER, (*after, self._now(), BATCH)):
            found, now = [(row[0], row[1]) for row in rows], self._now()
            report.links += await self._records.write(lambda db, f=found, n=now: collecting.drop_links(db, f, n))  # type: ignore[misc]
            after = rows[-1]

    async def _blobs(self, report: Report) -> None:
        after = ""
        while rows := self._records.rows(collecting.BLOBS_AFTER, (after, BATCH)):
            found, now = [row[0] for row in rows], self._now()
            count, size = await self._records.write(lambda db, f=found, n=now: collecting.bury_blobs(db, f, n))  # type: ignore[misc]
            report.blobs, report.bytes = report.blobs + count, report.bytes + size
            after = rows[-1][0]

    async def _strays(self, report: Report) -> None:
        """Bytes whose record was never written: the process ended in between."""
        limit = self._now() - STRAY_AGE
        batch: list[str] = []
        async for stored in self._parts.blobs.all():
            if stored.modified < limit:
                batch.append(stored.key)
            if len(batch) == BATCH:
                await self._bury_strays(batch, report)
                batch = []
        await self._bury_strays(batch, report)

    async def _bury_strays(self, found: list[str], report: Report) -> None:
        marks = ",".join("?" * len(found))
        recorded = {row[0] for row in self._records.rows(f"SELECT key FROM blobs WHERE key IN ({marks})", tuple(found))}
        keys, now = [key for key in found if key not in recorded], self._now()
        if keys:
            report.strays += await self._records.write(lambda db, k=keys, n=now: collecting.bury_strays(db, k, n))  # type: ignore[misc]

    async def _graves(self) -> None:
        """Remove bytes whose last readers have had time to open them."""
        limit = self._now() - self._options.grace
        while rows := self._records.rows("SELECT key FROM graves WHERE since <= ? LIMIT ?", (limit, BATCH)):
            keys = [row[0] for row in rows]
            for key in keys:
                await self._parts.blobs.remove(key)
            await self._records.write(lambda db, k=keys: collecting.close_graves(db, k))  # type: ignore[misc]

    async def repeat(self, every: float) -> None:
        """Collect every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(every)
            try:
                report = await self.collect()
                log.info("collection: %d tags, %d blobs, %d bytes", report.tags, report.blobs, report.bytes)
            except PlatformError as error:
                log.error("collection: %s", error)


_LOOSE = (
    " NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)"
    " AND NOT EXISTS (SELECT 1 FROM uses u WHERE u.repository = m.repository AND u.child = m.digest)"
    " AND NOT EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject)"
)


def _drop_loose(db: changes.Connection, name: str, digest: str) -> None:
    place = changes.known(db, name)
    if db.execute(
        f"SELECT 1 FROM manifests m WHERE repository = ? AND digest = ? AND {_LOOSE}", (place, digest)
    ).fetchone():
        changes.remove_manifest(db, name, digest)
