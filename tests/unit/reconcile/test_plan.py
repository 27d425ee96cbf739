import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.units import SECOND
from boxship.reconcile.plan import Draft, Plan, render


def diamond() -> Plan[str]:
    draft: Draft[str] = Draft()
    left = draft.add("mount", "it is to run")
    right = draft.add("attach", "it is to run")
    top = draft.add("create", "it is to run", left, right, None)
    draft.add("start", "it is created", top)
    return draft.plan()


def test_a_plan_prints() -> None:
    assert render(diamond()).splitlines() == [
        "0 mount: it is to run",
        "1 attach: it is to run",
        "2 create after 0 1: it is to run",
        "3 start after 2: it is created",
    ]


def test_an_empty_plan_may_still_have_a_time() -> None:
    plan: Plan[str] = Plan((), due=7 * SECOND, why="grace")
    assert not plan
    assert render(plan, now=5 * SECOND) == "again in 2000 ms: grace"
    assert render(Plan()) == ""


def test_waves_overlap_what_may_overlap() -> None:
    assert list(diamond().waves()) == [["mount", "attach"], ["create"], ["start"]]
    assert list(Plan().waves()) == []


def test_then_comes_after_all_loose_ends() -> None:
    draft: Draft[str] = Draft()
    first = draft.add("a", "")
    draft.add("b", "", first)
    draft.add("c", "", first)
    draft.then("d", "")
    assert draft.steps[3].after == (1, 2)


@given(st.lists(st.sets(st.integers(0, 30)), max_size=12))
def test_no_wave_runs_before_what_it_needs(needs: list[set[int]]) -> None:
    draft: Draft[int] = Draft()
    for number, before in enumerate(needs):
        draft.add(number, "", *(b for b in before if b < number))
    done: set[int] = set()
    for wave in draft.plan().waves():
        assert all(b in done for number in wave for b in draft.steps[number].after)
        done |= set(wave)
    assert done == set(range(len(needs)))


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_truth_is_whether_there_is_work(steps: int) -> None:
    draft: Draft[int] = Draft()
    for number in range(steps):
        draft.add(number, "")
    assert bool(draft.plan()) is (steps > 0)
