import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.units import SECOND
from boxship.engine import health
from boxship.model.container import ContainerSpec, HealthSpec
from boxship.model.status import Container, HealthStatus, ProbeResult

START = 1_000 * SECOND


def result(code: int, at: int = START + 60 * SECOND) -> ProbeResult:
    return ProbeResult(start=at, end=at + SECOND, exit_code=code, output="")


@pytest.mark.parametrize(
    ("test", "shell", "command"),
    [
        ((), None, ()),
        (("NONE",), None, ()),
        (("CMD",), None, ()),
        (("CMD", "check", "-x"), None, ("check", "-x")),
        (("CMD-SHELL", "a | b"), None, ("/bin/sh", "-c", "a | b")),
        (("CMD-SHELL", "a"), ("/bin/bash", "-ec"), ("/bin/bash", "-ec", "a")),
        (("OTHER", "a"), None, ()),
    ],
)
def test_command(test: tuple[str, ...], shell: tuple[str, ...] | None, command: tuple[str, ...]) -> None:
    assert health.command(HealthSpec(test=test), shell) == command


@pytest.mark.parametrize(
    ("spec", "status", "last_end", "due"),
    [
        (HealthSpec(), "starting", None, 30),
        (HealthSpec(interval=5 * SECOND), "starting", None, 5),
        (HealthSpec(interval=5 * SECOND), "healthy", 7, 12),
        (HealthSpec(interval=60 * SECOND, start_period=20 * SECOND), "starting", None, 5),
        (HealthSpec(interval=60 * SECOND, start_period=20 * SECOND, start_interval=SECOND), "starting", 3, 4),
        (HealthSpec(interval=60 * SECOND, start_period=20 * SECOND, start_interval=9 * SECOND), "starting", 18, 20),
        (HealthSpec(interval=60 * SECOND, start_period=20 * SECOND), "healthy", 6, 20),
        (HealthSpec(interval=60 * SECOND, start_period=20 * SECOND), "healthy", 21, 81),
    ],
)
def test_when_to_probe(spec: HealthSpec, status: str, last_end: int | None, due: int) -> None:
    past = (
        () if last_end is None else (ProbeResult(start=START, end=START + last_end * SECOND, exit_code=0, output=""),)
    )
    assert (health.next_probe(spec, HealthStatus(status=status, log=past), START) - START) / SECOND == due


def test_results_of_an_earlier_run_do_not_count() -> None:
    old = HealthStatus(log=(result(0, START - 90 * SECOND),))
    assert health.next_probe(HealthSpec(), old, START) == START + 30 * SECOND


def run(spec: HealthSpec, codes: list[int], at: int = START + 60 * SECOND) -> HealthStatus:
    status = HealthStatus()
    for code in codes:
        status = health.after(spec, status, result(code, at), START)
    return status


@pytest.mark.parametrize(
    ("spec", "codes", "status", "streak"),
    [
        (HealthSpec(), [], "starting", 0),
        (HealthSpec(), [0], "healthy", 0),
        (HealthSpec(), [1, 1], "starting", 2),
        (HealthSpec(), [1, 1, 1], "unhealthy", 3),
        (HealthSpec(), [0, 1, 1], "healthy", 2),
        (HealthSpec(), [0, 1, 1, 1, 0], "healthy", 0),
        (HealthSpec(retries=1), [2], "unhealthy", 1),
        (HealthSpec(retries=1, start_period=90 * SECOND), [1, 1], "starting", 0),
        (HealthSpec(retries=1, start_period=90 * SECOND), [0, 1], "unhealthy", 1),
    ],
)
def test_what_results_mean(spec: HealthSpec, codes: list[int], status: str, streak: int) -> None:
    after = run(spec, codes)
    assert (after.status, after.failing_streak) == (status, streak)


@given(st.lists(st.integers(-1, 2), max_size=30), st.integers(0, 4))
def test_laws(codes: list[int], retries: int) -> None:
    status = run(HealthSpec(retries=retries), codes)
    assert len(status.log) == min(len(codes), 5)
    assert [r.exit_code for r in status.log] == codes[-5:]
    if codes and codes[-1] == 0:
        assert status.status == "healthy"
    if status.status == "unhealthy":
        assert status.failing_streak >= (retries or 3)


@pytest.mark.parametrize(
    ("labels", "wants"),
    [
        ({}, False),
        ({"autoheal": "true"}, True),
        ({"boxship.restart-unhealthy": "True"}, True),
        ({"autoheal": "no"}, False),
    ],
)
def test_who_asks_to_be_restarted(labels: dict[str, str], wants: bool) -> None:
    c = Container(id="c", name="n", created=1, image_id="i", group="c", spec=ContainerSpec(labels=labels))
    assert health.wants_restart(c) is wants


def test_output_is_cut() -> None:
    assert health.cut(b"x" * 4096) == "x" * 4096
    assert health.cut(b"x" * 5000) == "x" * 4096 + "..."
    assert health.cut(b"\xff") == "\ufffd"
