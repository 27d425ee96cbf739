"""Workers by key: at most one at a time for each object, none for an object that nothing happens to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from boxship.base.clock import Clock
from boxship.base.tasks import Tasks
from boxship.base.units import MILLISECOND, SECOND

FIRST_BACKOFF = 100 * MILLISECOND
LONGEST_BACKOFF = 30 * SECOND
log = logging.getLogger(__name__)


class Controller:
    """Calls `reconcile(key)` after each wake of `key`; wakes during a call lead to exactly one more.

    `reconcile` returns when it wants to be called again at the latest (nanoseconds since 1970) or None. If it
    raises, that is logged and it is called again with growing back-off.
    """

    def __init__(self, reconcile: Callable[[str], Awaitable[int | None]], clock: Clock, name: str) -> None:
        self._reconcile = reconcile
        self._clock = clock
        self._name = name
        self._tasks = Tasks()
        self._busy: dict[str, bool] = {}  # key -> woken again meanwhile
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._backoff: dict[str, int] = {}
        self._closed = False

    def wake(self, key: str) -> None:
        """Something about `key` changed."""
        if self._closed:
            return
        if key in self._busy:
            self._busy[key] = True
            return
        self._busy[key] = False
        self._tasks.spawn(self._work(key), f"{self._name} {key}")

    def wake_at(self, key: str, when: int) -> None:
        """Wake `key` at `when`, nanoseconds since 1970; replaces the time set before."""
        self._cancel_timer(key)
        if not self._closed:
            delay = max(0, when - self._clock.now()) / SECOND
            self._timers[key] = asyncio.get_running_loop().call_later(delay, self.wake, key)

    def busy(self, key: str) -> bool:
        return key in self._busy

    async def aclose(self) -> None:
        """Stop at once, wherever the workers are."""
        self._closed = True
        for key in list(self._timers):
            self._cancel_timer(key)
        await self._tasks.aclose()

    async def _work(self, key: str) -> None:
        try:
            again = True
            while again:
                self._busy[key] = False
                self._cancel_timer(key)
                await self._round(key)
                again = self._busy[key]
        finally:
            del self._busy[key]

    async def _round(self, key: str) -> None:
        try:
            due = await self._reconcile(key)
            self._backoff.pop(key, None)
        except Exception:
            wait = min(self._backoff.get(key, FIRST_BACKOFF // 2) * 2, LONGEST_BACKOFF)
            self._backoff[key] = wait
            log.exception("%s %s failed, next try in %d ms", self._name, key, wait // MILLISECOND)
            due = self._clock.now() + wait
        if due is not None:
            self.wake_at(key, due)

    def _cancel_timer(self, key: str) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
