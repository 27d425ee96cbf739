"""Hears of every change of mounts in our namespace. The kernel tells that something changed, never what."""

import asyncio
import contextlib
import select
from collections.abc import AsyncIterator, Iterator

TABLE = "/proc/self/mountinfo"


@contextlib.contextmanager
def _told(changed: asyncio.Event) -> Iterator[None]:
    """Set the event at each change. Source: proc(5): POLLPRI and POLLERR mark a change, POLLIN is always there."""
    loop = asyncio.get_running_loop()
    with open(TABLE, "rb") as table, select.epoll() as poll:
        poll.register(table, select.EPOLLPRI | select.EPOLLERR)

        def heard() -> None:
            poll.poll(0)
            changed.set()

        loop.add_reader(poll.fileno(), heard)
        try:
            yield
        finally:
            loop.remove_reader(poll.fileno())


async def changes(settle: float) -> AsyncIterator[None]:
    """Yield after each change, or several of them: `settle` seconds later, so that what goes on may end."""
    changed = asyncio.Event()
    with _told(changed):
        while True:
            await changed.wait()
            await asyncio.sleep(settle)
            changed.clear()
            yield
