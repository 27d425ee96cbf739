"""After a start of the daemon: what the host shows of each container, and what belongs to none.

There is no second way to recover: what is found here goes into the same planner as everything else."""

from collections.abc import Mapping

from msgspec.structs import replace

from boxship.engine import groups, restart
from boxship.engine.lifecycle import End, Seen
from boxship.engine.states import LIVE
from boxship.host.api.runtime import Exit, Present
from boxship.model.status import Container, Desired


def observe(c: Container, present: Present | None, ended: Exit | None, mounted: bool, now: int) -> Seen:
    """Return what the host shows of `c`.

    Places in networks are not looked up: whoever has one on record, or was about to get one, is taken to have it,
    since giving back what is not there does no harm."""
    alive = present is not None and present.running
    return Seen(
        mounted=mounted,
        attached=alive or has_place(c) or (c.desired is Desired.RUNNING and c.status.state not in LIVE),
        launched=present is not None,
        started=present is not None and present.started,
        alive=alive,
        monitored=present is not None and present.conmon_pid is not None,
        pid=(present.pid or 0) if present is not None else 0,
        conmon_pid=(present.conmon_pid or 0) if present is not None else 0,
        end=End(ended.code, ended.time_ns, ended.oom) if ended is not None else None,
        gone_at=0 if alive else now,
    )


def has_place(c: Container) -> bool:
    """Whether the record says that the container has something in a network."""
    return bool(c.status.ports) or any(e.endpoint_id or e.ipv4_address for e in c.status.networks.values())


def after_boot(c: Container) -> Container:
    """The machine came up anew: some that rest are to run."""
    resting = c.status.state not in LIVE and c.desired is Desired.STOPPED
    if resting and restart.starts_with_machine(c):
        return replace(c, desired=Desired.RUNNING, status=replace(c.status, stopped_by_user=False))
    return c


def strangers(present: Mapping[str, Present], known: Mapping[str, Container]) -> list[str]:
    """Return ids of what the runtime keeps and no record claims: removals that were cut short."""
    return [container_id for container_id in present if container_id not in known]


def leaders_first(containers: list[Container]) -> list[Container]:
    """Order so that who lends a namespace comes before who borrows it."""
    return sorted(containers, key=lambda c: (groups.joins(c), c.created))
