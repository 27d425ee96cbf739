import itertools

import pytest

from boxship.base.errors import Conflict
from boxship.base.units import MILLISECOND, SECOND
from boxship.engine import transitions
from boxship.engine.states import MOVES, Event, step
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, RestartPolicy
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, ContainerStatus, Desired, HealthStatus, State, Wish

PLAIN, NO_WISH = ContainerSpec(), Wish()


def box(
    spec: ContainerSpec = PLAIN, desired: Desired = Desired.RUNNING, wish: Wish = NO_WISH, **status: object
) -> Container:
    return Container(
        id="c", name="web", created=1, image_id="i", group="c", spec=spec, desired=desired, wish=wish,
        status=ContainerStatus(**status),  # type: ignore[arg-type]
    )  # fmt: skip


ALWAYS = ContainerSpec(host=HostSpec(restart_policy=RestartPolicy(name="always")))


def test_every_state_and_event_is_decided() -> None:
    for state, event in itertools.product(State, Event):
        if event in MOVES.get(state, {}):
            assert step(state, event) in State
        else:
            with pytest.raises(Conflict, match=f"a container that is {state} cannot have"):
                step(state, event)


def test_started_wipes_the_last_run() -> None:
    c = transitions.started(box(exit_code=3, error="x", oom_killed=True, restart_at=9, finished_at=8), 7, 8, SECOND)
    status = c.status
    assert (status.state, status.pid, status.conmon_pid, status.started_at) == (State.RUNNING, 7, 8, SECOND)
    assert (status.exit_code, status.error, status.oom_killed, status.restart_at) == (0, "", False, 0)
    assert status.finished_at == 8, "inspect still tells when the last run ended"
    assert status.health is None


@pytest.mark.parametrize(("test", "health"), [(("CMD", "x"), HealthStatus()), (("NONE",), None), ((), None)])
def test_started_begins_health(test: tuple[str, ...], health: HealthStatus | None) -> None:
    c = transitions.started(box(ContainerSpec(healthcheck=HealthSpec(test=test))), 7, 8, 1)
    assert c.status.health == health


def test_an_exit_without_policy_settles_the_wish() -> None:
    c = transitions.exited(box(state=State.RUNNING, pid=7, started_at=1), 3, SECOND, True)
    assert (c.desired, c.status.state, c.status.pid) == (Desired.STOPPED, State.EXITED, 0)
    assert (c.status.exit_code, c.status.finished_at, c.status.oom_killed) == (3, SECOND, True)


def test_an_exit_under_a_policy_sets_the_next_start() -> None:
    c = transitions.exited(box(ALWAYS, state=State.RUNNING, started_at=SECOND), 0, 2 * SECOND, False)
    assert (c.desired, c.status.state) == (Desired.RUNNING, State.RESTARTING)
    assert c.status.restart_at == 2 * SECOND + 100 * MILLISECOND
    assert c.status.restart_count == 1


def test_an_exit_within_a_restart_keeps_the_wish_to_run() -> None:
    c = transitions.exited(box(wish=Wish(restart=True, signalled=5), state=State.RUNNING, started_at=1), 143, 9, False)
    assert (c.desired, c.status.state, c.wish) == (Desired.RUNNING, State.EXITED, Wish())


def test_an_exit_of_an_auto_remove_container_condemns_it() -> None:
    spec = ContainerSpec(host=HostSpec(auto_remove=True))
    c = transitions.exited(box(spec, state=State.RUNNING, started_at=1), 0, 9, False)
    assert (c.desired, c.status.state, c.wish.volumes) == (Desired.REMOVED, State.REMOVING, True)
    again = transitions.exited(box(spec, wish=Wish(restart=True), state=State.RUNNING, started_at=1), 0, 9, False)
    assert again.desired is Desired.RUNNING


def test_an_exit_of_a_condemned_one_keeps_how_to_remove_it() -> None:
    wish = Wish(volumes=True, signal=9, signalled=3)
    c = transitions.exited(box(desired=Desired.REMOVED, wish=wish, state=State.RUNNING, started_at=1), 137, 9, False)
    assert (c.desired, c.status.state, c.wish) == (Desired.REMOVED, State.REMOVING, wish)


def test_a_run_that_nobody_saw_is_recorded_as_a_run() -> None:
    c = transitions.exited(box(state=State.CREATED), 0, 9, False)
    assert (c.status.state, c.status.started_at, c.status.has_started) == (State.EXITED, 9, True)


def test_a_failed_start_of_the_users_own() -> None:
    c = transitions.failed(box(ALWAYS, state=State.CREATED), "no such file", 127, 5)
    assert (c.desired, c.status.state, c.status.error) == (Desired.STOPPED, State.CREATED, "no such file")
    assert (c.status.exit_code, c.status.finished_at) == (127, 0)


def test_a_failed_start_by_policy_is_tried_again() -> None:
    c = transitions.failed(box(ALWAYS, state=State.RESTARTING, restart_count=1, restart_delay=200), "busy", 128, 5)
    assert (c.status.state, c.status.restart_count, c.status.restart_at) == (State.RESTARTING, 2, 405)


def test_detached_keeps_the_names_of_networks() -> None:
    place = EndpointStatus(network_id="n", network="bridge", ipv4_address="10.0.0.2", endpoint_id="e")
    c = transitions.attached(box(), {"bridge": place}, {"80/tcp": (("0.0.0.0", 8080),)})
    assert c.status.ports
    c = transitions.detached(c)
    assert c.status.networks == {"bridge": EndpointStatus(network_id="n", network="bridge")}
    assert c.status.ports == {}
