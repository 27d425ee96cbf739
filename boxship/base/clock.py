"""Time as an argument: who needs the time of day or a stopwatch is given a Clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Both readings are in nanoseconds."""

    def now(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""
        ...

    def monotonic(self) -> int:
        """Nanoseconds since some fixed point; never goes back."""
        ...


class SystemClock:
    def now(self) -> int:
        return time.time_ns()

    def monotonic(self) -> int:
        return time.monotonic_ns()


class ManualClock:
    """A clock that moves only when told; for tests and simulations."""

    def __init__(self, start: int = 1_000_000_000_000_000_000) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def monotonic(self) -> int:
        return self._now

    def advance(self, nanoseconds: int) -> None:
        self._now += nanoseconds
