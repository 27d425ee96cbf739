"""Links that the kernel was to delete: looked after once their time is over, and at the end."""

import asyncio

import pytest

from boxship.host.partings import Partings


class Hands:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.woken = asyncio.Event()

    async def delete(self, links: tuple[str, ...]) -> None:
        self.asked.append(links)
        self.woken.set()

    async def next(self) -> tuple[str, ...]:
        await asyncio.wait_for(self.woken.wait(), 30)
        self.woken.clear()
        return self.asked[-1]


async def test_links_get_time_and_are_then_deleted() -> None:
    hands = Hands()
    partings = Partings(hands.delete, patience=0.01)
    partings.expect(["a", "b"])
    assert hands.asked == []
    assert await hands.next() == ("a", "b")
    partings.expect(["c"])
    assert await hands.next() == ("c",)
    await partings.aclose()
    assert hands.asked == [("a", "b"), ("c",)]


async def test_who_comes_meanwhile_gets_time_too() -> None:
    hands = Hands()
    partings = Partings(hands.delete, patience=0.01)
    partings.expect(["a"])
    await asyncio.sleep(0)
    partings.expect(["b"])
    assert await hands.next() == ("a",)
    assert await hands.next() == ("b",)
    await partings.aclose()


async def test_the_end_waits_for_nothing() -> None:
    hands = Hands()
    partings = Partings(hands.delete, patience=1000)
    partings.expect(["a"])
    partings.expect([])
    await partings.aclose()
    await partings.aclose()
    assert hands.asked == [("a",)]


async def test_a_sweep_that_fails_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    asked = []

    async def refuse(links: tuple[str, ...]) -> None:
        asked.append(links)
        if len(asked) == 1:
            raise OSError("no")

    partings = Partings(refuse, patience=0)
    partings.expect(["a"])
    await asyncio.gather(partings._waiting or asyncio.sleep(0), return_exceptions=True)
    await asyncio.sleep(0)
    assert "links of namespaces that end" in caplog.text
    await partings.aclose()
    assert asked == [("a",), ("a",)]
