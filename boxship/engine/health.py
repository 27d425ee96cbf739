"""Health checks: when to probe next and what a result means. Pure; rules and defaults are dockerd's."""

from msgspec.structs import replace

from boxship.base.units import SECOND
from boxship.model.container import HealthSpec
from boxship.model.status import Container, HealthStatus, ProbeResult

INTERVAL = 30 * SECOND
TIMEOUT = 30 * SECOND
START_INTERVAL = 5 * SECOND
RETRIES = 3
KEPT = 5  # results
OUTPUT = 4096  # bytes of each
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
RESTART_LABELS = ("boxship.restart-unhealthy", "autoheal")


def command(spec: HealthSpec | None, shell: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return what a probe runs; () when there is nothing to check."""
    test = spec.test if spec is not None else ()
    if len(test) > 1 and test[0] == "CMD":
        return test[1:]
    if len(test) > 1 and test[0] == "CMD-SHELL":
        return (*(shell or ("/bin/sh", "-c")), *test[1:])
    return ()


def next_probe(spec: HealthSpec, health: HealthStatus, started_at: int) -> int:
    """Return when to begin the next probe, nanoseconds since 1970: an interval after the last one's end, or after
    the start. A probe is due at the latest when the start period ends."""
    last = max((r.end for r in health.log if r.start >= started_at), default=started_at)
    interval = spec.interval or INTERVAL
    left = started_at + spec.start_period - last
    if left <= 0:
        return last + interval
    if health.status == STARTING:
        return last + min(spec.start_interval or START_INTERVAL, left)
    return last + min(interval, left)


def after(spec: HealthSpec, health: HealthStatus, result: ProbeResult, started_at: int) -> HealthStatus:
    """Return the health after one more result. Failures within the start period do not count while it is starting."""
    kept = (*health.log, result)[-KEPT:]
    if result.exit_code == 0:
        return HealthStatus(status=HEALTHY, failing_streak=0, log=kept)
    excused = health.status == STARTING and result.start - started_at < spec.start_period
    streak = health.failing_streak + (0 if excused else 1)
    sick = not excused and streak >= (spec.retries if spec.retries > 0 else RETRIES)
    return replace(health, status=UNHEALTHY if sick else health.status, failing_streak=streak, log=kept)


def wants_restart(c: Container) -> bool:
    """Whether the container asks, by label, to be restarted when it becomes unhealthy."""
    return any(c.spec.labels.get(label, "").lower() in ("true", "1", "yes") for label in RESTART_LABELS)


def cut(output: bytes) -> str:
    """Return the part of a probe's output that is kept, as text."""
    text = output[:OUTPUT].decode(errors="replace")
    return f"{text}..." if len(output) > OUTPUT else text
