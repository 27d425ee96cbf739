"""Events of the platform: who listens gets them in order, late comers can replay the last ones."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from boxship.base.event import Event as Event

REPLAY = 256  # Docker keeps as many


class Bus:
    """Publish to all present listeners. Publishing never waits: a listener's queue has no bound,
    so that a slow reader costs memory of its own and stops nobody."""

    def __init__(self, replay: int = REPLAY) -> None:
        self._past: deque[Event] = deque(maxlen=replay)
        self._queues: set[asyncio.Queue[Event]] = set()

    def publish(self, event: Event) -> None:
        self._past.append(event)
        for queue in self._queues:
            queue.put_nowait(event)

    def past(self) -> tuple[Event, ...]:
        return tuple(self._past)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Event]]:
        """Give a queue of all events published while the context is open."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def follow(self) -> AsyncIterator[Event]:
        """Yield events from now on, without end."""
        with self.listen() as queue:
            while True:
                yield await queue.get()
