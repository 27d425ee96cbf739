import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.units import MILLISECOND, SECOND
from boxship.engine.restart import FIRST_DELAY, LONGEST_DELAY, answers, delay_after, next_delay, starts_with_machine
from boxship.model.container import ContainerSpec, HostSpec, RestartPolicy
from boxship.model.status import Container, ContainerStatus, Desired


def box(policy: str, most: int = 0, desired: Desired = Desired.RUNNING, **status: object) -> Container:
    host = HostSpec(restart_policy=RestartPolicy(name=policy, maximum_retry_count=most))
    return Container(
        id="c", name="web", created=1, image_id="i", group="c", spec=ContainerSpec(host=host), desired=desired,
        status=ContainerStatus(**status),  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "most", "code", "restarts", "again"),
    [
        ("", 0, 1, 0, False),
        ("no", 0, 1, 0, False),
        ("always", 0, 0, 99, True),
        ("unless-stopped", 0, 0, 99, True),
        ("on-failure", 0, 0, 0, False),
        ("on-failure", 0, 1, 99, True),
        ("on-failure", 3, 1, 2, True),
        ("on-failure", 3, 1, 3, False),
    ],
)
def test_which_policy_answers(policy: str, most: int, code: int, restarts: int, again: bool) -> None:
    assert answers(RestartPolicy(name=policy, maximum_retry_count=most), code, restarts) is again


def test_delays_double_and_begin_anew_after_a_long_run() -> None:
    delays = [0]
    for _ in range(12):
        delays.append(next_delay(delays[-1], 0))
    shown = [d // MILLISECOND for d in delays[1:]]
    assert shown == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]
    assert next_delay(LONGEST_DELAY, 10 * SECOND) == FIRST_DELAY


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_delays_keep_their_bounds(last: int, ran: int) -> None:
    assert FIRST_DELAY <= next_delay(last, ran) <= LONGEST_DELAY or last < FIRST_DELAY // 2


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.REMOVED])
def test_what_is_wanted_down_stays_down(desired: Desired) -> None:
    assert delay_after(box("always", desired=desired), 1, 0) is None


def test_what_its_user_stopped_stays_down() -> None:
    assert delay_after(box("always", stopped_by_user=True), 1, 0) is None


def test_the_last_delay_grows() -> None:
    assert delay_after(box("always", restart_delay=FIRST_DELAY, started_at=SECOND), 0, 2 * SECOND) == 2 * FIRST_DELAY
    assert delay_after(box("always", restart_delay=FIRST_DELAY, started_at=SECOND), 0, 12 * SECOND) == FIRST_DELAY


@pytest.mark.parametrize(
    ("policy", "started", "with_machine"),
    [("always", True, True), ("always", False, False), ("unless-stopped", True, False), ("no", True, False)],
)
def test_what_starts_with_the_machine(policy: str, started: bool, with_machine: bool) -> None:
    assert starts_with_machine(box(policy, has_started=started)) is with_machine
