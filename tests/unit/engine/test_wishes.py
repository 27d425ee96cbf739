from collections.abc import Callable

import pytest

from boxship.base.errors import Conflict, Invalid, PlatformError, Unchanged
from boxship.engine import wishes
from boxship.model.container import ContainerSpec
from boxship.model.status import Container, ContainerStatus, Desired, State, Wish

ID = "c" * 64


def box(state: State, desired: Desired | None = None, **status: object) -> Container:
    natural = {State.RUNNING: Desired.RUNNING, State.PAUSED: Desired.PAUSED, State.RESTARTING: Desired.RUNNING,
               State.REMOVING: Desired.REMOVED}  # fmt: skip
    return Container(
        id=ID, name="web", created=1, image_id="i", group=ID, spec=ContainerSpec(),
        desired=desired or natural.get(state, Desired.STOPPED),
        status=ContainerStatus(state=state, **status),  # type: ignore[arg-type]
    )  # fmt: skip


def stop(c: Container) -> Container:
    return wishes.stop(c, None, None)


def restart(c: Container) -> Container:
    return wishes.restart(c, None, None)


def remove(c: Container) -> Container:
    return wishes.remove(c, False, False)


def force(c: Container) -> Container:
    return wishes.remove(c, True, True)


def kill(c: Container) -> Container:
    return wishes.kill(c, 9)


S = State
REFUSED: list[tuple[Callable[[Container], Container], State, type[PlatformError], str]] = [
    (wishes.start, S.RUNNING, Unchanged, "Container is already started"),
    (wishes.start, S.RESTARTING, Unchanged, "Container is already started"),
    (wishes.start, S.PAUSED, Conflict, "cannot start a paused container, try unpause instead"),
    (wishes.start, S.REMOVING, Conflict, "container is marked for removal and cannot be started"),
    (wishes.start, S.DEAD, Conflict, "container is marked for removal and cannot be started"),
    (stop, S.CREATED, Unchanged, "Container is already stopped"),
    (stop, S.EXITED, Unchanged, "Container is already stopped"),
    (restart, S.REMOVING, Conflict, "container is marked for removal and cannot be started"),
    (kill, S.CREATED, Conflict, f"Container {ID} is not running"),
    (kill, S.EXITED, Conflict, f"Container {ID} is not running"),
    (wishes.pause, S.CREATED, Conflict, f"Container {ID} is not running"),
    (wishes.pause, S.PAUSED, Conflict, f"Container {ID} is already paused"),
    (wishes.pause, S.RESTARTING, Conflict, f"Container {ID} is restarting, wait until the container is running"),
    (wishes.unpause, S.RUNNING, Conflict, f"Container {ID} is not paused"),
    (remove, S.RUNNING, Conflict, f"You cannot remove a running container {ID}. Stop the container before attempting"
                                  " removal or force remove"),
    (remove, S.PAUSED, Conflict, f"You cannot remove a paused container {ID}. Unpause and then stop the container"
                                 " before attempting removal or force remove"),
    (remove, S.RESTARTING, Conflict, f"You cannot remove a restarting container {ID}. Stop the container before"
                                     " attempting removal or force remove"),
    (force, S.REMOVING, Conflict, f"removal of container {ID} is already in progress"),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "state", "error", "text"), REFUSED)
def test_refused(wish: Callable[[Container], Container], state: State, error: type[PlatformError], text: str) -> None:
    with pytest.raises(error) as caught:
        wish(box(state))
    assert str(caught.value) == text


@pytest.mark.parametrize("state", [S.CREATED, S.EXITED])
def test_start_forgets_what_was(state: State) -> None:
    c = wishes.start(box(state, stopped_by_user=True, restart_count=5, restart_delay=9))
    assert (c.desired, c.status.restart_count, c.status.restart_delay) == (Desired.RUNNING, 0, 0)
    assert not c.status.stopped_by_user


@pytest.mark.parametrize("state", [S.RUNNING, S.PAUSED, S.RESTARTING])
def test_stop(state: State) -> None:
    c = wishes.stop(box(state), "SIGINT", 3)
    assert (c.desired, c.wish) == (Desired.STOPPED, Wish(signal=2, grace=3))
    assert c.status.stopped_by_user


def test_stop_of_what_is_about_to_start() -> None:
    assert stop(box(S.CREATED, Desired.RUNNING)).desired is Desired.STOPPED


def test_stop_refuses_a_signal_that_is_none() -> None:
    with pytest.raises(Invalid, match="Invalid signal: NOPE"):
        wishes.stop(box(S.RUNNING), "NOPE", None)


@pytest.mark.parametrize(
    ("state", "ends_first"), [(S.RUNNING, True), (S.PAUSED, True), (S.EXITED, False), (S.RESTARTING, False)]
)
def test_restart(state: State, ends_first: bool) -> None:
    c = restart(box(state))
    assert c.desired is Desired.RUNNING
    assert c.wish.restart is ends_first


@pytest.mark.parametrize(("signum", "marks"), [(9, True), (15, True), (2, True), (1, False), (10, False), (28, False)])
def test_kill_marks_what_it_ends(signum: int, marks: bool) -> None:
    c = wishes.kill(box(S.RUNNING), signum)
    assert c.status.stopped_by_user is marks
    assert c.desired is Desired.RUNNING


def test_kill_of_what_waits_for_its_restart() -> None:
    assert kill(box(S.RESTARTING)).desired is Desired.STOPPED


@pytest.mark.parametrize(("state", "after"), [(S.CREATED, S.REMOVING), (S.EXITED, S.REMOVING), (S.RUNNING, S.RUNNING)])
def test_removal(state: State, after: State) -> None:
    c = force(box(state))
    assert (c.desired, c.status.state, c.wish) == (Desired.REMOVED, after, Wish(volumes=True))
