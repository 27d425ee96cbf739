import asyncio
import logging

import pytest

from boxship.base.clock import SystemClock
from boxship.base.units import MILLISECOND
from boxship.reconcile.controller import Controller


class Probe:
    """Counts rounds; the first `failures` of them fail."""

    def __init__(self, seconds: float = 0, failures: int = 0, due: int | None = None) -> None:
        self.rounds: list[str] = []
        self.running = 0
        self.most = 0
        self.seconds = seconds
        self.failures = failures
        self.due = due

    async def reconcile(self, key: str) -> int | None:
        self.rounds.append(key)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        if len(self.rounds) <= self.failures:
            raise RuntimeError("no luck")
        due, self.due = self.due, None
        return due


def controller(probe: Probe) -> Controller:
    return Controller(probe.reconcile, SystemClock(), "test")


async def test_a_wake_is_a_round() -> None:
    probe = Probe()
    workers = controller(probe)
    workers.wake("a")
    await asyncio.sleep(0.01)
    assert probe.rounds == ["a"]
    assert not workers.busy("a")
    await workers.aclose()


async def test_wakes_during_a_round_lead_to_exactly_one_more() -> None:
    probe = Probe(seconds=0.01)
    workers = controller(probe)
    workers.wake("a")
    await asyncio.sleep(0)
    assert workers.busy("a")
    for _ in range(5):
        workers.wake("a")
    await asyncio.sleep(0.05)
    assert probe.rounds == ["a", "a"]
    assert probe.most == 1
    await workers.aclose()


async def test_keys_do_not_wait_for_each_other() -> None:
    probe = Probe(seconds=0.01)
    workers = controller(probe)
    workers.wake("a")
    workers.wake("b")
    await asyncio.sleep(0.05)
    assert probe.most == 2
    await workers.aclose()


async def test_a_round_may_ask_for_another_one_later() -> None:
    probe = Probe(due=SystemClock().now() + 20 * MILLISECOND)
    workers = controller(probe)
    workers.wake("a")
    await asyncio.sleep(0.01)
    assert probe.rounds == ["a"]
    await asyncio.sleep(0.04)
    assert probe.rounds == ["a", "a"]
    await workers.aclose()


async def test_a_wake_replaces_the_timer() -> None:
    probe = Probe(due=SystemClock().now() + 20 * MILLISECOND)
    workers = controller(probe)
    workers.wake("a")
    await asyncio.sleep(0.005)
    workers.wake("a")
    await asyncio.sleep(0.05)
    assert probe.rounds == ["a", "a"]
    await workers.aclose()


async def test_failures_are_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    probe = Probe(failures=1)
    workers = controller(probe)
    with caplog.at_level(logging.ERROR):
        workers.wake("a")
        await asyncio.sleep(0.02)
        assert probe.rounds == ["a"]
        await asyncio.sleep(0.12)
    assert probe.rounds == ["a", "a"]
    assert "test a failed, next try in 100 ms" in caplog.text
    await workers.aclose()


async def test_a_closed_controller_does_nothing_more() -> None:
    probe = Probe(seconds=1)
    workers = controller(probe)
    workers.wake("a")
    workers.wake_at("b", SystemClock().now() + MILLISECOND)
    await asyncio.sleep(0)
    await workers.aclose()
    workers.wake("c")
    workers.wake_at("c", 0)
    await asyncio.sleep(0.01)
    assert probe.rounds == ["a"]
