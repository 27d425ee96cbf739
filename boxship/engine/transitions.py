"""What observations make of a record. Pure: a container in, a container out; every new state comes from states.py."""

from msgspec.structs import replace

from boxship.engine import restart
from boxship.engine.states import Event, step
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, Desired, HealthStatus, Wish

Endpoints = dict[str, EndpointStatus]
Ports = dict[str, tuple[tuple[str, int], ...]]
LOST = 255  # exit code of a container whose end nobody saw


def started(c: Container, pid: int, conmon_pid: int, now: int) -> Container:
    checked = c.spec.healthcheck is not None and c.spec.healthcheck.test[:1] not in ((), ("NONE",))
    status = replace(
        c.status,
        state=step(c.status.state, Event.STARTED),
        pid=pid,
        conmon_pid=conmon_pid,
        exit_code=0,
        error="",
        oom_killed=False,
        started_at=now,
        restart_at=0,
        has_started=True,
        health=HealthStatus() if checked else None,
    )
    return replace(c, status=status)


def paused(c: Container) -> Container:
    return replace(c, status=replace(c.status, state=step(c.status.state, Event.PAUSED)))


def resumed(c: Container) -> Container:
    return replace(c, status=replace(c.status, state=step(c.status.state, Event.RESUMED)))


def exited(c: Container, code: int, at: int, oom: bool) -> Container:
    """Record an end and, in the same breath, what follows from it: a restart, a removal, or rest."""
    delay = None if c.wish.restart else restart.delay_after(c, code, at)
    status = replace(
        c.status,
        state=step(c.status.state, Event.EXITED if delay is None else Event.FELL),
        pid=0,
        conmon_pid=0,
        exit_code=code,
        oom_killed=oom,
        started_at=c.status.started_at or at,
        finished_at=at,
        has_started=True,
    )
    if delay is not None:
        return _again(replace(c, status=status), delay, at)
    if c.wish.restart:
        return replace(c, status=status, wish=Wish())
    return _settled(replace(c, status=status))


def failed(c: Container, error: str, code: int, now: int) -> Container:
    """A start failed. One that a restart policy had asked for is tried again; the user's own is not."""
    waiting = c.status.restart_count > 0
    delay = restart.delay_after(c, code, now) if waiting else None
    status = replace(
        c.status,
        state=step(c.status.state, Event.FAILED if delay is None else Event.FELL),
        error=error,
        exit_code=code,
        pid=0,
        conmon_pid=0,
    )
    c = replace(c, status=status)
    return _settled(c) if delay is None else _again(c, delay, now)


def gave_up(c: Container) -> Container:
    return replace(c, status=replace(c.status, state=step(c.status.state, Event.GAVE_UP), restart_at=0))


def signalled(c: Container, signum: int, now: int) -> Container:
    return replace(c, wish=replace(c.wish, signal=signum, signalled=now))


def attached(c: Container, networks: Endpoints, ports: Ports) -> Container:
    return replace(c, status=replace(c.status, networks=networks, ports=ports))


def detached(c: Container) -> Container:
    """Its networks keep their names; addresses and ports are given back."""
    bare = {name: EndpointStatus(network_id=e.network_id, network=e.network) for name, e in c.status.networks.items()}
    return attached(c, bare, {})


def probed(c: Container, health: HealthStatus) -> Container:
    return replace(c, status=replace(c.status, health=health))


def _again(c: Container, delay: int, at: int) -> Container:
    status = replace(c.status, restart_count=c.status.restart_count + 1, restart_delay=delay, restart_at=at + delay)
    return replace(c, status=status, desired=Desired.RUNNING, wish=Wish())


def _settled(c: Container) -> Container:
    """The run that was asked for is over."""
    if c.desired is Desired.REMOVED:
        return _condemned(c)
    if c.spec.host.auto_remove:
        return replace(_condemned(c), desired=Desired.REMOVED, wish=Wish(volumes=True))
    return replace(c, desired=Desired.STOPPED, wish=Wish())


def _condemned(c: Container) -> Container:
    return replace(c, status=replace(c.status, state=step(c.status.state, Event.CONDEMNED)))
