"""Host ends of links whose namespaces are about to end.

The kernel deletes such a link with its namespace: in the background, many at a time, which costs nobody a wait.
But half-closed connections keep a namespace, and so the link, for minutes. What is still there after a while is
deleted by name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from boxship.base.tasks import Tasks

PATIENCE = 1.0  # seconds that the kernel may take

Delete = Callable[[tuple[str, ...]], Awaitable[None]]
"""Delete those of the links that still exist."""


class Partings:
    def __init__(self, delete: Delete, patience: float = PATIENCE) -> None:
        self._delete = delete
        self._patience = patience
        self._leaving: dict[str, None] = {}
        self._tasks = Tasks()
        self._waiting: asyncio.Task[None] | None = None

    def expect(self, links: Iterable[str]) -> None:
        """These links are to be gone soon."""
        self._leaving |= dict.fromkeys(links)
        if self._leaving and (self._waiting is None or self._waiting.done()):
            self._waiting = self._tasks.spawn(self._look(), "links of namespaces that end")

    async def _look(self) -> None:
        while self._leaving:
            seen = tuple(self._leaving)
            await asyncio.sleep(self._patience)
            await self._delete(seen)
            for link in seen:
                del self._leaving[link]

    async def aclose(self) -> None:
        """Wait for nothing any more: delete what is there."""
        await self._tasks.aclose()
        if self._leaving:
            await self._delete(tuple(self._leaving))
            self._leaving.clear()
