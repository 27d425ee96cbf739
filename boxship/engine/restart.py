"""Restart policies: whether an ended container runs again, and when. Source: dockerd's restart policies."""

from boxship.base.units import MILLISECOND, SECOND
from boxship.model.container import RestartPolicy
from boxship.model.status import Container, Desired

FIRST_DELAY = 100 * MILLISECOND
LONGEST_DELAY = 60 * SECOND
LONG_RUN = 10 * SECOND  # after a run of this length the delay begins anew


def delay_after(container: Container, exit_code: int, ended_at: int) -> int | None:
    """Return how long to wait until the next start, in nanoseconds, or None if there is to be none.

    `container` is the record from before the end. What its user stopped or killed stays down."""
    status = container.status
    if container.desired not in (Desired.RUNNING, Desired.PAUSED) or status.stopped_by_user:
        return None
    if not answers(container.spec.host.restart_policy, exit_code, status.restart_count):
        return None
    return next_delay(status.restart_delay, max(0, ended_at - status.started_at))


def answers(policy: RestartPolicy, exit_code: int, restarts: int) -> bool:
    """Whether `policy` starts a container again that ended with `exit_code` after `restarts` restarts."""
    if policy.name in ("always", "unless-stopped"):
        return True
    most = policy.maximum_retry_count
    return policy.name == "on-failure" and exit_code != 0 and (most == 0 or restarts < most)


def next_delay(last: int, ran: int) -> int:
    """Return the delay that follows `last`, after a run that took `ran`; all in nanoseconds."""
    if last == 0 or ran >= LONG_RUN:
        return FIRST_DELAY
    return min(last * 2, LONGEST_DELAY)


def starts_with_machine(container: Container) -> bool:
    """Whether the machine's coming up is a reason to start this container, which its user had stopped:
    `always` means always, `unless-stopped` does not."""
    return container.spec.host.restart_policy.name == "always" and container.status.has_started
