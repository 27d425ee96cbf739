"""Requests waiting for their wish to come true. No I/O."""

import asyncio

from boxship.base.errors import Conflict, NotFound
from boxship.engine.lifecycle import Seen, held
from boxship.engine.states import LIVE
from boxship.engine.wishes import Milestone
from boxship.model.status import Container, State

Ticket = asyncio.Future[None]


def reached(milestone: Milestone, c: Container, seen: Seen) -> bool:
    match milestone:
        case Milestone.STARTED:
            return c.status.state in LIVE and not c.wish.restart
        case Milestone.STOPPED:
            return c.status.state in (State.CREATED, State.EXITED) and not held(seen)
        case Milestone.PAUSED:
            return c.status.state is State.PAUSED
        case Milestone.RESUMED:
            return c.status.state is State.RUNNING
        case Milestone.REMOVED:
            return False


class Tickets:
    def __init__(self) -> None:
        self._open: dict[str, list[tuple[Milestone, Ticket]]] = {}

    def take(self, container_id: str, milestone: Milestone) -> Ticket:
        """Return a future that ends when the milestone is reached, or fails with the reason why it was not."""
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._open.setdefault(container_id, []).append((milestone, ticket))
        return ticket

    def progress(self, c: Container, seen: Seen) -> None:
        """Answer whoever waits for what is true now."""
        left = []
        for milestone, ticket in self._open.pop(c.id, ()):
            if reached(milestone, c, seen):
                _answer(ticket, None)
            else:
                left.append((milestone, ticket))
        if left:
            self._open[c.id] = left

    def settled(self, c: Container) -> None:
        """Nothing more will happen by itself: what was not reached was overruled by something that came later."""
        for milestone, ticket in self._open.pop(c.id, ()):
            _answer(ticket, Conflict(f"container {c.id} is {c.status.state}: another request overruled this one"
                                     f" ({milestone.name.lower()})"))  # fmt: skip

    def failed(self, container_id: str, error: Exception, *milestones: Milestone) -> None:
        """Give `error` to those who wait for one of `milestones`, or to all when none is named."""
        waiting = self._open.pop(container_id, [])
        for milestone, ticket in waiting:
            if not milestones or milestone in milestones:
                _answer(ticket, error)
        left = [(m, t) for m, t in waiting if not t.done()]
        if left:
            self._open[container_id] = left

    def removed(self, container_id: str) -> None:
        for milestone, ticket in self._open.pop(container_id, ()):
            fate = None if milestone in (Milestone.REMOVED, Milestone.STOPPED) else _no_such(container_id)
            _answer(ticket, fate)


def _no_such(container_id: str) -> NotFound:
    return NotFound(f"No such container: {container_id}")


def _answer(ticket: Ticket, error: Exception | None) -> None:
    if ticket.done():
        return
    if error is None:
        ticket.set_result(None)
    else:
        ticket.set_exception(error)
        ticket.exception()  # whoever asked may have gone
