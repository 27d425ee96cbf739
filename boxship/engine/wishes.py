"""Requests as wishes: each checks the present state and returns the record with what is now desired.

Pure. Errors have dockerd's texts and statuses."""

import enum

from msgspec.structs import replace

from boxship.base.errors import Conflict, Unchanged
from boxship.engine import signals
from boxship.engine.states import LIVE, UP, Event, step
from boxship.model.status import Container, Desired, State, Wish


class Milestone(enum.Enum):
    """What a request waits for."""

    STARTED = enum.auto()
    STOPPED = enum.auto()
    PAUSED = enum.auto()
    RESUMED = enum.auto()
    REMOVED = enum.auto()


def start(c: Container) -> Container:
    if c.status.state is State.PAUSED:
        raise Conflict("cannot start a paused container, try unpause instead")
    if c.status.state in UP:
        raise Unchanged("Container is already started")
    return _run(c)


def stop(c: Container, signal: str | None, grace: int | None) -> Container:
    """`grace`: seconds before KILL; None is the container's own, negative is for ever."""
    if c.status.state not in UP and c.desired is not Desired.RUNNING:
        raise Unchanged("Container is already stopped")
    number = signals.number(signal) if signal else 0
    _refuse_condemned(c, "stopped")
    status = replace(c.status, stopped_by_user=True)
    return replace(c, desired=Desired.STOPPED, wish=Wish(signal=number, grace=grace), status=status)


def restart(c: Container, signal: str | None, grace: int | None) -> Container:
    number = signals.number(signal) if signal else 0
    wanted = _run(c)
    if c.status.state not in LIVE:
        return wanted
    return replace(wanted, wish=Wish(signal=number, grace=grace, restart=True))


def kill(c: Container, signum: int) -> Container:
    """Return the record to store before the signal goes out. Signals that end a program also end its restarts."""
    if c.status.state not in UP:
        raise Conflict(f"Container {c.id} is not running")
    if not ends(c, signum):
        return c
    status = replace(c.status, stopped_by_user=True)
    if c.status.state is State.RESTARTING:
        return replace(c, desired=Desired.STOPPED, wish=Wish(), status=status)
    return replace(c, status=status)


def ends(c: Container, signum: int) -> bool:
    """Whether sending `signum` says that the container shall end."""
    return signum == signals.stop_signal(c.spec.stop_signal) or signum in signals.ENDING


def pause(c: Container) -> Container:
    if c.status.state is State.PAUSED:
        raise Conflict(f"Container {c.id} is already paused")
    if c.status.state is State.RESTARTING:
        raise Conflict(f"Container {c.id} is restarting, wait until the container is running")
    if c.status.state is not State.RUNNING:
        raise Conflict(f"Container {c.id} is not running")
    return replace(c, desired=Desired.PAUSED)


def unpause(c: Container) -> Container:
    if c.status.state is not State.PAUSED:
        raise Conflict(f"Container {c.id} is not paused")
    return replace(c, desired=Desired.RUNNING)


def remove(c: Container, force: bool, volumes: bool) -> Container:
    if c.desired is Desired.REMOVED and c.status.state is State.REMOVING:
        raise Conflict(f"removal of container {c.id} is already in progress")
    if c.status.state in UP:
        if not force:
            raise Conflict(f"You cannot remove a {c.status.state} container {c.id}. {_remedy(c)}")
        status = replace(c.status, stopped_by_user=True)
    else:
        status = replace(c.status, state=step(c.status.state, Event.CONDEMNED))
    return replace(c, desired=Desired.REMOVED, wish=Wish(volumes=volumes), status=status)


def _run(c: Container) -> Container:
    _refuse_condemned(c, "started")
    status = replace(c.status, stopped_by_user=False, restart_count=0, restart_delay=0)
    return replace(c, desired=Desired.RUNNING, wish=Wish(), status=status)


def _refuse_condemned(c: Container, verb: str) -> None:
    if c.desired is Desired.REMOVED or c.status.state in (State.REMOVING, State.DEAD):
        raise Conflict(f"container is marked for removal and cannot be {verb}")


def _remedy(c: Container) -> str:
    advice = "Stop the container before attempting removal or force remove"
    return f"Unpause and then {advice.lower()}" if c.status.state is State.PAUSED else advice
