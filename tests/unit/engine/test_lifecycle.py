"""Plans of the container lifecycle, as text; and the laws they keep."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from boxship.base.units import MILLISECOND, SECOND
from boxship.engine import lifecycle, transitions
from boxship.engine.lifecycle import Action, End, Seen, plan
from boxship.engine.states import LIVE
from boxship.model.container import ContainerSpec, HostSpec, RestartPolicy
from boxship.model.status import Container, ContainerStatus, Desired, State, Wish
from boxship.reconcile.plan import Plan, render

NOW = 1_000 * SECOND


def box(
    state: State = State.CREATED,
    desired: Desired = Desired.STOPPED,
    wish: Wish = Wish(),  # noqa: B008
    *,
    spec: ContainerSpec = ContainerSpec(),  # noqa: B008
    **status: Any,
) -> Container:
    return Container(
        id="c" * 64, name="web", created=1, image_id="i", group="c" * 64, spec=spec, desired=desired, wish=wish,
        status=ContainerStatus(state=state, **status),
    )  # fmt: skip


UP = Seen(mounted=True, attached=True, launched=True, started=True, alive=True, monitored=True, pid=7)
REMAINS = Seen(mounted=True, attached=True, launched=True, monitored=True, end=End(3, 5 * SECOND))
RAN = Seen(mounted=True, attached=True, launched=True, started=True, monitored=True, end=End(3, 5 * SECOND))
RUN, STOP, GONE, PAUSE = Desired.RUNNING, Desired.STOPPED, Desired.REMOVED, Desired.PAUSED

CASES: dict[str, tuple[Container, Seen, str]] = {
    "nothing is wanted, nothing is there": (box(), Seen(), ""),
    "a first start": (
        box(desired=RUN), Seen(),
        "0 mount: it is to run\n1 attach: it is to run\n2 launch after 0 1: it is to run\n"
        "3 connect after 2: it is to run\n4 start after 3: it is to run",
    ),
    "a start with the root file system already there": (
        box(desired=RUN), Seen(mounted=True),
        "0 attach: it is to run\n1 launch after 0: it is to run\n2 connect after 1: it is to run\n"
        "3 start after 2: it is to run",
    ),
    "a start cut short after the launch": (
        box(desired=RUN), Seen(mounted=True, attached=True, launched=True, alive=True, monitored=True),
        "0 delete: its start was cut short\n"
        "1 detach after 0: its start was cut short\n"
        "2 unmount after 0: its start was cut short",
    ),
    "a start cut short before its record": (box(desired=RUN), UP, "0 adopt: it was found running"),
    "a start whose program ended before its record": (
        box(desired=RUN), RAN, "0 record 3 5000000000 False: it ran and ended while nobody looked",
    ),
    "a start cut short whose process was killed before its program ran": (
        box(desired=RUN),
        REMAINS,
        "0 delete: its last run is over\n1 detach: its last run is over\n2 unmount: its last run is over",
    ),
    "it runs": (box(State.RUNNING, RUN), UP, ""),
    "it is to stop": (box(State.RUNNING, STOP), UP, "0 signal 15: it is to stop"),
    "it is to stop by a signal of the request": (
        box(State.RUNNING, STOP, Wish(signal=2)), UP, "0 signal 2: it is to stop",
    ),
    "it is to stop by its own signal": (
        box(State.RUNNING, STOP, spec=ContainerSpec(stop_signal="SIGQUIT")), UP, "0 signal 3: it is to stop",
    ),
    "its grace runs": (
        box(State.RUNNING, STOP, Wish(signal=15, signalled=NOW - 4 * SECOND)), UP,
        "again in 6000 ms: it is to stop, its grace runs",
    ),
    "its grace is over": (
        box(State.RUNNING, STOP, Wish(signal=15, signalled=NOW - 10 * SECOND)), UP, "0 signal 9: its grace is over",
    ),
    "its own grace counts": (
        box(State.RUNNING, STOP, Wish(signal=15, signalled=NOW), spec=ContainerSpec(stop_timeout=0)), UP,
        "0 signal 9: its grace is over",
    ),
    "the grace of the request counts more": (
        box(State.RUNNING, STOP, Wish(signal=15, signalled=NOW, grace=2), spec=ContainerSpec(stop_timeout=0)), UP,
        "again in 2000 ms: it is to stop, its grace runs",
    ),
    "a grace without end": (box(State.RUNNING, STOP, Wish(signal=15, signalled=1, grace=-1)), UP, ""),
    "KILL was sent": (
        box(State.RUNNING, STOP, Wish(signal=9, signalled=NOW)), UP, "again in 10000 ms: it is to stop, its grace runs",
    ),
    "it is to restart": (box(State.RUNNING, RUN, Wish(restart=True)), UP, "0 signal 15: it is to restart"),
    "a paused one is to stop": (
        box(State.PAUSED, STOP), UP,
        "0 signal 15: it is to stop\n1 thaw after 0: a frozen process feels no signal",
    ),
    "it is to pause": (box(State.RUNNING, PAUSE), UP, "0 freeze: it is to pause"),
    "a stop cut short between signal and thaw": (
        box(State.PAUSED, STOP, Wish(signalled=NOW)), UP, "0 thaw: a frozen process feels no signal",
    ),
    "it is paused": (box(State.PAUSED, PAUSE), UP, ""),
    "it is to go on": (box(State.PAUSED, RUN), UP, "0 thaw: it is to go on"),
    "it ended": (box(State.RUNNING, RUN), REMAINS, "0 record 3 5000000000 False: its monitor reported the end"),
    "a paused one ended": (
        box(State.PAUSED, PAUSE), REMAINS, "0 record 3 5000000000 False: its monitor reported the end",
    ),
    "it ended and its monitor is about to say how": (
        box(State.RUNNING, RUN), Seen(launched=True, monitored=True, gone_at=NOW - SECOND),
        "again in 1000 ms: its monitor is about to report the end",
    ),
    "it ended and its monitor keeps silent": (
        box(State.RUNNING, RUN), Seen(launched=True, monitored=True, gone_at=NOW - 2 * SECOND),
        f"0 record 255 {NOW} False: its process is gone and nobody saw how it ended",
    ),
    "it ended and its monitor is dead": (
        box(State.RUNNING, RUN), Seen(launched=True, gone_at=NOW),
        f"0 record 255 {NOW} False: its process is gone and nobody saw how it ended",
    ),
    "the machine went down": (
        box(State.RUNNING, RUN), Seen(gone_at=NOW), f"0 record 255 {NOW} False: nothing of it is left on the host",
    ),
    "the end is recorded, its remains are not cleared": (
        box(State.EXITED, STOP, finished_at=5 * SECOND), REMAINS,
        "0 delete: it does not run\n1 detach: it does not run\n2 unmount: it does not run",
    ),
    "a member of its group still runs": (
        box(State.EXITED, STOP), Seen(attached=True, mounted=True, shared=True), "0 unmount: it does not run",
    ),
    "it waits for its restart, its remains are not cleared": (
        box(State.RESTARTING, RUN, restart_at=NOW + SECOND, finished_at=5 * SECOND), REMAINS,
        "0 delete: its last run is over\n1 detach: its last run is over\n2 unmount: its last run is over",
    ),
    "it waits for its restart": (
        box(State.RESTARTING, RUN, restart_at=NOW + 400 * MILLISECOND), Seen(),
        "again in 400 ms: its restart is due then",
    ),
    "its restart is due": (
        box(State.RESTARTING, RUN, restart_at=NOW), Seen(mounted=True),
        "0 attach: its restart is due\n1 launch after 0: its restart is due\n2 connect after 1: its restart is due\n"
        "3 start after 2: its restart is due",
    ),
    "its restart is wanted no more": (
        box(State.RESTARTING, STOP, restart_at=NOW + SECOND), Seen(), "0 giveup: no restart is wanted any more",
    ),
    "a start that failed half way": (
        box(desired=STOP), Seen(mounted=True, attached=True, launched=True, alive=True),
        "0 delete: it does not run\n1 detach after 0: it does not run\n2 unmount after 0: it does not run",
    ),
    "a running one is to be removed": (box(State.RUNNING, GONE), UP, "0 signal 9: it is to be removed"),
    "one being stopped is to be removed": (
        box(State.RUNNING, GONE, Wish(signal=9, signalled=NOW)), UP,
        "again in 10000 ms: it is to be removed, its grace runs",
    ),
    "a stopped one is to be removed": (box(State.REMOVING, GONE), Seen(), "0 discard: it is to be removed"),
    "one that has just ended is to be removed": (
        box(State.REMOVING, GONE), REMAINS,
        "0 delete: it is to be removed\n1 detach: it is to be removed\n2 unmount: it is to be removed\n"
        "3 discard after 0 1 2: it is to be removed",
    ),
    "whose network others still use": (
        box(State.REMOVING, GONE), Seen(attached=True, shared=True),
        "0 detach: it is to be removed\n1 discard after 0: it is to be removed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("container", "seen", "text"), CASES.values(), ids=CASES)
def test_plan(container: Container, seen: Seen, text: str) -> None:
    assert render(plan(container, seen, NOW), NOW) == text


# A little world that obeys: it carries plans out on the two values alone.


def obey(c: Container, seen: Seen, action: Action, now: int) -> tuple[Container, Seen]:
    from dataclasses import replace as r

    match action:
        case lifecycle.Mount():
            return c, r(seen, mounted=True)
        case lifecycle.Attach():
            return c, r(seen, attached=True)
        case lifecycle.Launch():
            return c, r(seen, launched=True, alive=True, monitored=True, started=False, end=None, pid=9)
        case lifecycle.Start():
            return transitions.started(c, 9, 10, now), r(seen, started=True)
        case lifecycle.Adopt():
            return transitions.started(c, seen.pid, 10, now), seen
        case lifecycle.Signal(number):
            ended = (
                r(seen, alive=False, end=End(128 + number, now), gone_at=now) if seen.alive and number == 9 else seen
            )
            return transitions.signalled(c, number, now), ended
        case lifecycle.Freeze():
            return transitions.paused(c), seen
        case lifecycle.Thaw():
            return transitions.resumed(c), seen
        case lifecycle.Record(code, at, oom):
            return transitions.exited(c, code, at, oom), r(seen, alive=False, started=False)
        case lifecycle.GiveUp():
            return transitions.gave_up(c), seen
        case lifecycle.Delete():
            return c, r(seen, launched=False, alive=False, started=False, monitored=False, end=None, pid=0)
        case lifecycle.Detach():
            return c, r(seen, attached=False)
        case lifecycle.Unmount():
            return c, r(seen, mounted=False)
    return c, seen


seens = st.builds(
    Seen,
    mounted=st.booleans(), attached=st.booleans(), launched=st.booleans(), started=st.booleans(), alive=st.booleans(),
    monitored=st.booleans(), pid=st.just(7), gone_at=st.sampled_from([0, NOW - SECOND]),
    end=st.none() | st.builds(End, st.integers(0, 255), st.sampled_from([5 * SECOND, NOW - SECOND])),
    shared=st.booleans(),
).map(
    # what cannot be: a process that no runtime launched, a start of what is not there, an end of what lives
    lambda s: Seen(
        mounted=s.mounted, attached=s.attached, launched=s.launched, started=s.started and s.launched,
        alive=s.alive and s.launched, monitored=s.monitored and s.launched, pid=s.pid, gone_at=s.gone_at,
        end=None if s.alive or not s.launched else s.end, shared=s.shared,
    )
)  # fmt: skip
policies = st.sampled_from(["no", "always", "on-failure", "unless-stopped"]).map(lambda n: RestartPolicy(name=n))
legal = st.sampled_from(
    [
        (State.CREATED, STOP), (State.CREATED, RUN), (State.EXITED, STOP), (State.EXITED, RUN), (State.RUNNING, RUN),
        (State.RUNNING, STOP), (State.RUNNING, GONE), (State.RUNNING, PAUSE), (State.PAUSED, PAUSE),
        (State.PAUSED, RUN), (State.PAUSED, STOP), (State.PAUSED, GONE), (State.RESTARTING, RUN),
        (State.RESTARTING, STOP), (State.RESTARTING, GONE), (State.REMOVING, GONE), (State.CREATED, GONE),
        (State.EXITED, GONE),
    ]
)  # fmt: skip


@st.composite
def boxes(draw: st.DrawFn) -> Container:
    state, desired = draw(legal)
    host = HostSpec(restart_policy=draw(policies), auto_remove=False)
    wish = Wish(restart=draw(st.booleans())) if (state, desired) == (State.RUNNING, RUN) else Wish()
    finished = draw(st.sampled_from([0, 5 * SECOND]))
    return box(state, desired, wish, spec=ContainerSpec(host=host), finished_at=finished, restart_at=NOW + SECOND)


def settle(c: Container, seen: Seen, rounds: int = 40) -> tuple[Container, Seen, list[Action]]:
    """Obey plans until there are none; time goes on to when the planner wants to be asked again."""
    now, trail = NOW, []
    for _ in range(rounds):
        now += 1
        todo = plan(c, seen, now)
        for step in todo.steps:
            c, seen = obey(c, seen, step.action, now)
            trail.append(step.action)
            if isinstance(step.action, lifecycle.Discard):
                return c, seen, trail
        if not todo and todo.due is None:
            return c, seen, trail
        now = max(now, todo.due or now)
    raise AssertionError(f"does not settle: {[str(a) for a in trail]}")


@given(boxes(), seens)
def test_it_settles(c: Container, seen: Seen) -> None:
    assume(seen.started or not seen.alive or c.status.state not in LIVE)  # nothing was recorded as running before
    c, seen, trail = settle(c, seen)
    if c.desired is GONE:
        assert isinstance(trail[-1], lifecycle.Discard)
    elif c.desired is RUN:
        assert c.status.state is State.RUNNING
        assert seen.alive
        assert seen.started
    elif c.desired is STOP:
        assert c.status.state not in LIVE
        assert not lifecycle.held(seen)


@given(boxes(), seens)
def test_what_is_to_be_down_is_never_started(c: Container, seen: Seen) -> None:
    c = replace(c, status=replace(c.status, stopped_by_user=True))
    if c.desired in (RUN, PAUSE):
        return
    _, _, trail = settle(c, seen)
    assert not any(isinstance(a, lifecycle.Launch | lifecycle.Start | lifecycle.Adopt) for a in trail)


@given(boxes(), seens)
def test_nothing_is_given_back_under_a_living_process(c: Container, seen: Seen) -> None:
    now = NOW
    for _ in range(20):
        todo = plan(c, seen, now)
        for step in todo.steps:
            if isinstance(step.action, lifecycle.Detach | lifecycle.Unmount | lifecycle.Discard):
                before = [todo.steps[i].action for i in _all_before(todo, step.after)]
                assert not seen.alive or any(isinstance(a, lifecycle.Delete) for a in before)
        for step in todo.steps:
            c, seen = obey(c, seen, step.action, now)
            if isinstance(step.action, lifecycle.Discard):
                return
        now = max(now + 1, todo.due or 0)


def _all_before(todo: Plan[Action], after: tuple[int, ...]) -> set[int]:
    found = set(after)
    for i in after:
        found |= _all_before(todo, todo.steps[i].after)
    return found


@given(boxes(), seens, st.integers(0, 6))
def test_a_plan_cut_short_and_made_again_ends_the_same(c: Container, seen: Seen, cut: int) -> None:
    whole = settle(c, seen)
    half_c, half_seen = c, seen
    for step in plan(c, seen, NOW + 1).steps[:cut]:
        half_c, half_seen = obey(half_c, half_seen, step.action, NOW + 1)
        if isinstance(step.action, lifecycle.Discard):
            return
    again = settle(half_c, half_seen)
    assert again[0].status.state == whole[0].status.state
    assert lifecycle.held(again[1]) == lifecycle.held(whole[1])
