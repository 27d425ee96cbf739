import asyncio

import pytest

from boxship.reconcile.executor import execute
from boxship.reconcile.plan import Draft, Plan


def plan(*edges: tuple[str, tuple[int, ...]]) -> Plan[str]:
    draft: Draft[str] = Draft()
    for action, after in edges:
        draft.add(action, "", *after)
    return draft.plan()


class Hands:
    def __init__(self, failing: str = "") -> None:
        self.log: list[str] = []
        self.failing = failing

    async def act(self, action: str) -> None:
        self.log.append(f"+{action}")
        await asyncio.sleep(0.01 if action.startswith("slow") else 0)
        if action == self.failing:
            raise ValueError(action)
        self.log.append(f"-{action}")


async def test_a_chain_runs_in_order() -> None:
    hands = Hands()
    await execute(plan(("a", ()), ("b", (0,)), ("c", (1,))), hands.act)
    assert hands.log == ["+a", "-a", "+b", "-b", "+c", "-c"]


async def test_independent_actions_overlap() -> None:
    hands = Hands()
    await execute(plan(("slow1", ()), ("slow2", ()), ("end", (0, 1))), hands.act)
    assert hands.log[:2] == ["+slow1", "+slow2"]
    assert hands.log[-2:] == ["+end", "-end"]


async def test_after_a_failure_nothing_new_begins() -> None:
    hands = Hands(failing="bad")
    with pytest.raises(ValueError, match="bad"):
        await execute(plan(("bad", ()), ("slow", ()), ("end", (0, 1))), hands.act)
    assert "-slow" in hands.log, "what had begun is waited for"
    assert "+end" not in hands.log


async def test_nothing_to_do() -> None:
    await execute(Plan(), Hands().act)
