"""Progress bars with rates: how far, how fast, how long yet. Pure: the time is an argument."""

from collections import deque

from boxship.base.units import human_duration, human_size

SECONDS = 3.0  # over which a rate is measured
NARROW, WIDE = 10, 40  # columns of a bar


class Meter:
    """How fast one transfer goes, from what it has told of late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        """`done` bytes in all by `now`, in seconds of a clock that only goes on. A smaller number begins anew."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > SECONDS:
            self._seen.popleft()

    def rate(self) -> float:
        """Return bytes a second, 0 while nobody can tell."""
        if len(self._seen) < 2:
            return 0.0
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else 0.0


def bar(done: int, total: int, rate: float, width: int) -> str:
    """Return `[=====>    ] 12MB/45MB 8.1MB/s 4 seconds` within `width` columns; without a total no bar."""
    speed = f" {human_size(rate, digits=3)}/s" if rate >= 1 else ""
    if total <= 0:
        return f"{human_size(done, digits=3)}{speed}"
    done = min(done, total)
    left = (total - done) / rate if rate >= 1 else 0
    remaining = f" {human_duration(left).lower()}" if left >= 1 else ""
    told = f"{human_size(done, digits=3)}/{human_size(total, digits=3)}{speed}{remaining}"
    room = min(WIDE, width - len(told) - 3)
    if room < NARROW:
        return told[: max(width, 0)]
    filled = room * done // total
    return f"[{'=' * filled}{'>' if filled < room else ''}{' ' * (room - filled - 1)}] {told}"
