"""Compare what is wanted of a container with what is there, and say what to do next.

Pure: no I/O, no clock. The same planner serves requests, exits, restarts, and recovery after a crash."""

from dataclasses import dataclass

from boxship.base.units import SECOND
from boxship.engine import signals
from boxship.engine.states import LIVE
from boxship.engine.transitions import LOST
from boxship.model.status import Container, Desired, State
from boxship.reconcile.plan import Draft, Plan

DEFAULT_GRACE = 10  # seconds between the stop signal and KILL
KILL_AGAIN = 10 * SECOND  # when to repeat a KILL that has shown no effect
REPORT_TIME = 2 * SECOND  # how long a monitor may take to report an end we noticed by ourselves


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended. at: nanoseconds since 1970."""

    code: int
    at: int
    oom: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the host shows of a container.

    mounted:   its root file system is assembled.
    attached:  its networks are connected, addresses and ports taken.
    launched:  the runtime or its monitor still keep something of it.
    started:   its program was told to run.
    alive:     its first process exists.
    monitored: its monitor lives.
    end:       what the monitor reported of the last run.
    gone_at:   when we noticed that the process is gone, nanoseconds since 1970; 0 is not.
    shared:    other members of its group are running, so its network must stay.
    """

    mounted: bool = False
    attached: bool = False
    launched: bool = False
    started: bool = False
    alive: bool = False
    monitored: bool = False
    pid: int = 0
    conmon_pid: int = 0
    end: End | None = None
    gone_at: int = 0
    shared: bool = False


class _Action:
    """An action prints as its name and its values."""

    __slots__ = ()

    def __str__(self) -> str:
        values = [str(getattr(self, name)) for name in self.__dataclass_fields__]  # type: ignore[attr-defined]
        return " ".join([type(self).__name__.lower(), *values])


@dataclass(frozen=True, slots=True)
class Mount(_Action):
    """Assemble the root file system."""


@dataclass(frozen=True, slots=True)
class Attach(_Action):
    """Connect the networks, or join the group's; record addresses and ports."""


@dataclass(frozen=True, slots=True)
class Launch(_Action):
    """Let the runtime create the container, up to the point before its program runs."""


@dataclass(frozen=True, slots=True)
class Connect(_Action):
    """Connect the clients that wait for its output."""


@dataclass(frozen=True, slots=True)
class Start(_Action):
    """Run its program, record it as running."""


@dataclass(frozen=True, slots=True)
class Adopt(_Action):
    """Record as running what was found running."""


@dataclass(frozen=True, slots=True)
class Signal(_Action):
    number: int


@dataclass(frozen=True, slots=True)
class Freeze(_Action):
    """Pause, record it."""


@dataclass(frozen=True, slots=True)
class Thaw(_Action):
    """Resume, record it."""


@dataclass(frozen=True, slots=True)
class Record(_Action):
    """Record the end of a run, with all that follows from it; whoever waits gets the answer."""

    code: int
    at: int
    oom: bool


@dataclass(frozen=True, slots=True)
class GiveUp(_Action):
    """Record that the restart it waited for will not happen."""


@dataclass(frozen=True, slots=True)
class Delete(_Action):
    """Let runtime and monitor forget it; kills what still runs."""


@dataclass(frozen=True, slots=True)
class Detach(_Action):
    """Give addresses and ports back."""


@dataclass(frozen=True, slots=True)
class Unmount(_Action):
    pass


@dataclass(frozen=True, slots=True)
class Discard(_Action):
    """Remove its files and its record."""


Action = (
    Mount
    | Attach
    | Launch
    | Connect
    | Start
    | Adopt
    | Signal
    | Freeze
    | Thaw
    | Record
    | GiveUp
    | Delete
    | Detach
    | Unmount
    | Discard
)


def plan(c: Container, seen: Seen, now: int) -> Plan[Action]:
    """Return what brings `c` nearer to what is desired; an empty plan when it is there, or can only wait.

    Carry it out, observe, and plan again: some ways lead through several plans."""
    if c.status.state in LIVE and not seen.alive:
        return _record(c, seen, now)
    if _ran_unnoticed(c, seen):
        assert seen.end is not None
        return _one(Record(seen.end.code, seen.end.at, seen.end.oom), "it ran and ended while nobody looked")
    if c.status.state in LIVE:
        return _live(c, seen, now)
    return _down(c, seen, now)


def held(seen: Seen) -> bool:
    """Whether the host still keeps something for a container that does not run."""
    return seen.launched or seen.mounted or (seen.attached and not seen.shared)


def grace_end(c: Container) -> int | None:
    """When KILL follows the stop signal, nanoseconds since 1970; None is never."""
    if c.wish.signal == signals.KILL:
        return c.wish.signalled + KILL_AGAIN
    grace = c.wish.grace
    if grace is None:
        grace = DEFAULT_GRACE if c.spec.stop_timeout is None else c.spec.stop_timeout
    return None if grace < 0 else c.wish.signalled + grace * SECOND


def _one(action: Action, cause: str) -> Plan[Action]:
    draft: Draft[Action] = Draft()
    draft.add(action, cause)
    return draft.plan()


def _record(c: Container, seen: Seen, now: int) -> Plan[Action]:
    if seen.end is not None and seen.end.at != c.status.finished_at:
        return _one(Record(seen.end.code, seen.end.at, seen.end.oom), "its monitor reported the end")
    if not seen.launched:
        return _one(Record(LOST, now, False), "nothing of it is left on the host")
    if not seen.monitored or now >= seen.gone_at + REPORT_TIME:
        return _one(Record(LOST, now, False), "its process is gone and nobody saw how it ended")
    return Plan(due=seen.gone_at + REPORT_TIME, why="its monitor is about to report the end")


def _ran_unnoticed(c: Container, seen: Seen) -> bool:
    """Whether there is an end that the record does not know: we died between its start and its record.

    One that was created and never started has not run, whatever ended it."""
    known = c.status.state is State.REMOVING or (seen.end is not None and seen.end.at == c.status.finished_at)
    return seen.end is not None and seen.started and not seen.alive and seen.launched and not known


def _live(c: Container, seen: Seen, now: int) -> Plan[Action]:
    if c.desired is Desired.REMOVED:
        return _end(c, now, signals.KILL, "it is to be removed")
    if c.desired is Desired.STOPPED or c.wish.restart:
        signum = c.wish.signal or signals.stop_signal(c.spec.stop_signal)
        return _end(c, now, signum, "it is to restart" if c.wish.restart else "it is to stop")
    if c.desired is Desired.PAUSED and c.status.state is State.RUNNING:
        return _one(Freeze(), "it is to pause")
    if c.desired is Desired.RUNNING and c.status.state is State.PAUSED:
        return _one(Thaw(), "it is to go on")
    return Plan()


def _end(c: Container, now: int, signum: int, cause: str) -> Plan[Action]:
    """Send `signum`, later KILL. A frozen process must be thawed to feel a signal."""
    if not c.wish.signalled:
        return _signal(c, signum, cause)
    if c.status.state is State.PAUSED:
        return _one(Thaw(), "a frozen process feels no signal")
    deadline = grace_end(c)
    if deadline is None:
        return Plan()
    if now >= deadline:
        return _signal(c, signals.KILL, "its grace is over")
    return Plan(due=deadline, why=f"{cause}, its grace runs")


def _signal(c: Container, signum: int, cause: str) -> Plan[Action]:
    draft: Draft[Action] = Draft()
    draft.add(Signal(signum), cause)
    if c.status.state is State.PAUSED:
        draft.then(Thaw(), "a frozen process feels no signal")
    return draft.plan()


def _down(c: Container, seen: Seen, now: int) -> Plan[Action]:
    if c.desired is Desired.REMOVED:
        return _release(c, seen, "it is to be removed", discard=True)
    if c.desired is Desired.STOPPED:
        if c.status.state is State.RESTARTING:
            return _one(GiveUp(), "no restart is wanted any more")
        return _release(c, seen, "it does not run")
    if seen.launched and not seen.alive:
        return _release(c, seen, "its last run is over")
    if seen.launched and not seen.started:  # its monitor could not report to the one who died, and gave up
        return _release(c, seen, "its start was cut short")
    waits = c.status.state is State.RESTARTING and now < c.status.restart_at
    if waits and held(seen):
        return _release(c, seen, "its last run is over")
    if waits:
        return Plan(due=c.status.restart_at, why="its restart is due then")
    return _start(c, seen)


def _start(c: Container, seen: Seen) -> Plan[Action]:
    cause = "its restart is due" if c.status.state is State.RESTARTING else "it is to run"
    draft: Draft[Action] = Draft()
    if seen.alive and seen.started:
        draft.add(Adopt(), "it was found running")
        return draft.plan()
    mount = None if seen.mounted else draft.add(Mount(), cause)
    attach = draft.add(Attach(), cause)
    draft.add(Launch(), cause, mount, attach)
    draft.then(Connect(), cause)
    draft.then(Start(), cause)
    return draft.plan()


def _release(c: Container, seen: Seen, cause: str, discard: bool = False) -> Plan[Action]:
    """Give back what the host keeps for it. What still runs is killed first."""
    draft: Draft[Action] = Draft()
    first = draft.add(Delete(), cause) if seen.launched else None
    needed = first if seen.alive else None
    if seen.attached and (discard or not seen.shared):
        draft.add(Detach(), cause, needed)
    if seen.mounted:
        draft.add(Unmount(), cause, needed)
    if discard:
        draft.then(Discard(), cause)
    return draft.plan()
