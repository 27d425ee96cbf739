"""A log that is asked for right after the start waits for a short command's end, and for nothing else."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from boxship.base.clock import ManualClock
from boxship.front.docker import logs
from boxship.front.docker.keys import CLOCK, CONTAINERS
from boxship.model.status import State

SECOND = 1_000_000_000


class Waiter:
    def __init__(self, ends: bool) -> None:
        self.ends, self.asked = ends, False

    async def result(self) -> tuple[int, str]:
        self.asked = True
        if not self.ends:
            await asyncio.Event().wait()
        return 0, ""


@pytest.mark.parametrize(
    ("state", "ago", "ends", "waits"),
    [
        (State.RUNNING, 0, True, True),
        (State.RUNNING, logs.BRIEF - SECOND // 100, False, True),
        (State.RUNNING, logs.BRIEF, True, False),
        (State.RUNNING, -SECOND, True, False),
        (State.EXITED, 0, True, False),
    ],
    ids=["a short one", "one that goes on", "one that has run", "a clock that was set back", "one that has ended"],
)
async def test_only_what_was_just_started_is_waited_for(state: State, ago: int, ends: bool, waits: bool) -> None:
    clock, waiter = ManualClock(), Waiter(ends)
    service = SimpleNamespace(wait=lambda ref, condition: waiter)
    request = SimpleNamespace(app={CLOCK: clock, CONTAINERS: service})
    container = SimpleNamespace(id="c", status=SimpleNamespace(state=state, started_at=clock.now() - ago))
    await logs._settled(cast(Any, request), cast(Any, container))
    assert waiter.asked is waits
