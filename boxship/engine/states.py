"""Life of a container. Every legal move is in MOVES; nothing else changes a state."""

import enum

from boxship.base.errors import Conflict
from boxship.model.status import State


class Event(enum.Enum):
    """What can happen to a container, as observed."""

    STARTED = enum.auto()
    PAUSED = enum.auto()
    RESUMED = enum.auto()
    EXITED = enum.auto()  # and no restart policy answers
    FELL = enum.auto()  # exited or failed to start, and will be started again
    FAILED = enum.auto()  # could not be started
    GAVE_UP = enum.auto()  # waited for a restart that is no longer wanted
    CONDEMNED = enum.auto()  # is being removed


MOVES: dict[State, dict[Event, State]] = {
    State.CREATED: {
        Event.STARTED: State.RUNNING,
        Event.EXITED: State.EXITED,  # it ran and ended while nobody looked
        Event.FELL: State.RESTARTING,
        Event.FAILED: State.CREATED,
        Event.CONDEMNED: State.REMOVING,
    },
    State.RUNNING: {
        Event.PAUSED: State.PAUSED,
        Event.EXITED: State.EXITED,
        Event.FELL: State.RESTARTING,
    },
    State.PAUSED: {
        Event.RESUMED: State.RUNNING,
        Event.EXITED: State.EXITED,
        Event.FELL: State.RESTARTING,
    },
    State.RESTARTING: {
        Event.STARTED: State.RUNNING,
        Event.EXITED: State.EXITED,
        Event.FELL: State.RESTARTING,
        Event.FAILED: State.EXITED,
        Event.GAVE_UP: State.EXITED,
    },
    State.EXITED: {
        Event.STARTED: State.RUNNING,
        Event.EXITED: State.EXITED,
        Event.FELL: State.RESTARTING,
        Event.FAILED: State.EXITED,
        Event.CONDEMNED: State.REMOVING,
    },
    State.REMOVING: {Event.CONDEMNED: State.REMOVING, Event.EXITED: State.REMOVING},
    State.DEAD: {Event.CONDEMNED: State.REMOVING},
}

LIVE = frozenset({State.RUNNING, State.PAUSED})  # there is a process
UP = LIVE | {State.RESTARTING}  # what Docker calls running


def step(state: State, event: Event) -> State:
    """Return the state after `event`. Raises Conflict when MOVES has no such move."""
    try:
        return MOVES[state][event]
    except KeyError:
        raise Conflict(f"a container that is {state} cannot have {event.name.lower()}") from None
