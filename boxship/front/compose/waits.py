"""Wait until containers meet a condition: woken by the daemon's events, never by polling."""

import select
import time
from collections.abc import Iterator, Sequence
from typing import Any

from boxship.base.errors import PlatformError
from boxship.front.client.api import ApiError, Client, segment
from boxship.front.client.wire import Reply
from boxship.front.compose.plan.steps import COMPLETED, HEALTHY, SETTLED, STEADY, Await

SECOND = 1_000_000_000


class Unmet(PlatformError):
    """The condition cannot be met any more."""


class TooLate(PlatformError):
    """The condition was not met in time."""


def wait(client: Client, action: Await, ids: Sequence[str], deadline: float | None = None) -> str:
    """Return how it ended: Healthy, Exited or Running. deadline: of time.monotonic(). Raises Unmet and TooLate."""
    query = {"filters": {"type": ["container"], "container": list(ids)}}
    reply = client.stream("GET", "/events", query)
    try:
        lines = reply.lines()
        while True:
            word, again = _look(client, action, ids)
            if word:
                return word
            _next(reply, lines, again, deadline)
    finally:
        if reply.connection is not None:
            reply.connection.close()


def _look(client: Client, action: Await, ids: Sequence[str]) -> tuple[str, float | None]:
    """Return the word for "met", else in how many seconds time alone may change it (None: never)."""
    pauses: list[float] = []
    word = ""
    for id in ids:
        try:
            found = client.get(f"/containers/{segment(id)}/json")
        except ApiError as error:
            raise Unmet(str(error)) from error
        met, pause = judge(action, found)
        if not met:
            return "", pause
        word = met
        pauses.append(pause or 0)
    return word, None


def judge(action: Await, found: dict[str, Any]) -> tuple[str, float | None]:
    """Return the word for "met" or "", and seconds after which to look again without an event. Raises Unmet."""
    state = found["State"]
    name, status = found["Name"].removeprefix("/"), state["Status"]
    if action.condition == COMPLETED:
        return _completed(action, state), None
    if status in ("exited", "dead", "removing"):
        raise Unmet(f"container {name} exited ({state['ExitCode']})")
    health = (state.get("Health") or {}).get("Status", "none")
    if health == "none" and action.condition == HEALTHY:
        raise Unmet(f"container {name} has no healthcheck configured")
    if health == "unhealthy":
        raise Unmet(f"container {name} is unhealthy")
    if action.condition == STEADY and status == "restarting":
        raise Unmet(f"container {name} exited ({state['ExitCode']}) and is restarted again and again")
    good = status == "running" and health in ("healthy", "none")
    if good and action.condition == STEADY and (health == "none" or action.always):
        rest = action.hold / SECOND - age(state["StartedAt"], time.time())
        return ("", max(rest, 0.01)) if rest > 0 else ("Running", None)
    if not good or action.condition not in (HEALTHY, SETTLED, STEADY):
        return "", None
    return ("Healthy" if health == "healthy" or action.condition == SETTLED else "Running"), None


def _completed(action: Await, state: dict[str, Any]) -> str:
    if state["Status"] != "exited":
        return ""
    if state["ExitCode"]:
        raise Unmet(f'service "{action.service}" didn\'t complete successfully: exit {state["ExitCode"]}')
    return "Exited"


def age(started: str, now: float) -> float:
    """Return the seconds since a time as the API writes it."""
    from boxship.base.units import parse_rfc3339

    return now - parse_rfc3339(started) / SECOND


def _next(reply: Reply, lines: Iterator[bytes], again: float | None, deadline: float | None) -> None:
    """Return at the next event, or when `again` seconds are over. Raises TooLate."""
    rest = None if deadline is None else deadline - time.monotonic()
    if rest is not None and rest <= 0:
        raise TooLate("not in time")
    limits = [limit for limit in (again, rest) if limit is not None]
    assert reply.connection is not None
    if not reply.connection.reader.pending:
        ready, _, _ = select.select([reply.connection.sock], [], [], min(limits) if limits else None)
        if not ready:
            return
    if next(lines, None) is None:
        raise PlatformError("the daemon ended its events")
