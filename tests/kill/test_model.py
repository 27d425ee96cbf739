"""The model of the kill test must itself be able to fail."""

import pytest

from tests.kill.model import Op, Phase, Subject, Truth

CREATED = Truth(Phase.CREATED, "a")
RUNNING = Truth(Phase.RUNNING, "a", 0)


def test_an_answer_leaves_only_what_follows() -> None:
    subject = Subject("x", {CREATED, RUNNING})
    subject.answered(Op("start"))
    assert subject.possible == {RUNNING}
    with pytest.raises(AssertionError, match="yes to an impossible request"):
        subject.answered(Op("unpause"))


def test_a_refusal_rules_states_out() -> None:
    subject = Subject("x", {CREATED, RUNNING})
    subject.refused(Op("start"))
    assert subject.possible == {RUNNING}
    with pytest.raises(AssertionError, match="no to a possible request"):
        subject.refused(Op("stop"))


def test_a_cut_off_request_may_have_been_carried_out() -> None:
    subject = Subject("x", {RUNNING}, pid=7)
    subject.cut_off(Op("stop"))
    assert {t.phase for t in subject.possible} == {Phase.RUNNING, Phase.EXITED}
    assert subject.pid == 0
    subject.seen(Truth(Phase.EXITED, "a", 137))
    with pytest.raises(AssertionError, match="is none of"):
        subject.seen(RUNNING)


def test_a_wrong_exit_code_is_noticed() -> None:
    subject = Subject("x", {RUNNING})
    subject.answered(Op("kill"))
    with pytest.raises(AssertionError, match="is none of"):
        subject.seen(Truth(Phase.EXITED, "a", 0))
