"""Webhooks: who is told of what happens. Notices wait in the records, so that neither a crash nor a receiver that is
away loses one. The envelope is that of distribution/distribution, docs/content/about/notifications.md.
"""

import asyncio
import json
import logging
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import aiohttp

from boxship.base import trust
from boxship.base.clock import Clock
from boxship.engine.registry.options import Webhook
from boxship.engine.registry.records import Records

SECOND = 1_000_000_000
MEDIA_TYPE = "application/vnd.docker.distribution.events.v1+json"
PAUSE_LIMIT = 600.0  # seconds between attempts at most
_LOOK = 1.0  # seconds between looks at notices of other processes
_BATCH = 32
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """action: push, pull, delete, mount.  url: of the thing, as the client reached us.  address: the client's."""

    action: str
    repository: str
    digest: str = ""
    tag: str = ""
    media_type: str = ""
    size: int = 0
    url: str = ""
    user: str = ""
    address: str = ""
    method: str = ""
    agent: str = ""


def envelope(happening: Happening, id: str, moment: float) -> bytes:
    """Return what receivers get. moment: seconds since 1970. Pure."""
    target: dict[str, Any] = {"repository": happening.repository}
    for key, value in (("mediaType", happening.media_type), ("digest", happening.digest), ("tag", happening.tag),
                       ("size", happening.size), ("length", happening.size), ("url", happening.url)):  # fmt: skip
        if value:
            target[key] = value
    event = {
        "id": id,
        "timestamp": datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z"),
        "action": happening.action,
        "target": target,
        "request": {
            "id": uuid.uuid5(uuid.NAMESPACE_URL, id).hex,
            "addr": happening.address,
            "method": happening.method,
            "useragent": happening.agent,
        },
        "actor": {"name": happening.user} if happening.user else {},
        "source": {},
    }
    return json.dumps({"events": [event]}).encode()


def pause(attempts: int) -> float:
    """Return seconds to wait after so many failures."""
    return float(min(2 ** (attempts - 1), PAUSE_LIMIT))


class Hooks:
    """`tell` from anywhere; one `deliver` a root. Must be closed."""

    def __init__(self, hooks: Sequence[Webhook], records: Records, clock: Clock) -> None:
        self._hooks = {hook.url: hook for hook in hooks}
        self._records = records
        self._clock = clock
        self._woken = {hook.url: asyncio.Event() for hook in hooks}
        self._http: aiohttp.ClientSession | None = None

    def _now(self) -> float:
        return self._clock.now() / SECOND

    def wants(self, action: str) -> bool:
        return any(action in hook.events for hook in self._hooks.values())

    async def tell(self, happening: Happening) -> None:
        """Keep a notice for every hook that wants it; returns once it is on disk."""
        chosen = [
            hook.url
            for hook in self._hooks.values()
            if happening.action in hook.events and fnmatchcase(happening.repository, hook.repositories)
        ]
        if not chosen:
            return
        now = self._now()
        body = envelope(happening, str(uuid.uuid4()), now)
        rows = [(url, body, now) for url in chosen]
        await self._records.write(
            lambda db: db.executemany("INSERT INTO notices (hook, body, due) VALUES (?, ?, ?)", rows)
        )
        for url in chosen:
            self._woken[url].set()

    async def deliver(self) -> None:
        """Send notices as they fall due, until cancelled. A slow receiver does not hold up the others."""
        known = tuple(self._hooks)
        marks = ",".join("?" * len(known))
        await self._records.write(lambda db: db.execute(f"DELETE FROM notices WHERE hook NOT IN ({marks})", known))
        await asyncio.gather(*(self._deliver_to(hook) for hook in self._hooks.values()))

    async def _deliver_to(self, hook: Webhook) -> None:
        woken = self._woken[hook.url]
        while True:
            woken.clear()
            rows = self._records.rows(
                "SELECT id, body, attempts FROM notices WHERE hook = ? AND due <= ? ORDER BY id LIMIT ?",
                (hook.url, self._now(), _BATCH),
            )
            for row in rows:
                await self._attempt(hook, *row)
            if not rows:
                try:
                    await asyncio.wait_for(woken.wait(), _LOOK)
                except TimeoutError:
                    continue

    async def _attempt(self, hook: Webhook, number: int, body: bytes, attempts: int) -> None:
        problem = await self._send(hook, body)
        attempts += 1
        if problem and attempts < hook.attempts:
            due = self._now() + pause(attempts)
            await self._records.write(lambda db: _postpone(db, number, attempts, due))
            return
        if problem:
            log.error("webhook %s: given up after %d attempts: %s", hook.url, attempts, problem)
        await self._records.write(lambda db: db.execute("DELETE FROM notices WHERE id = ?", (number,)))

    async def _send(self, hook: Webhook, body: bytes) -> str:
        """Return what went wrong, "" when nothing did."""
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust.system()))
        try:
            async with self._http.post(
                hook.url,
                data=body,
                headers={"Content-Type": MEDIA_TYPE, **hook.headers},
                timeout=aiohttp.ClientTimeout(total=hook.timeout),
            ) as response:
                return "" if response.status < 400 else f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            return str(e) or type(e).__name__

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.close()


def _postpone(db: sqlite3.Connection, number: int, attempts: int, due: float) -> None:
    db.execute("UPDATE notices SET attempts = ?, due = ? WHERE id = ?", (attempts, due, number))
