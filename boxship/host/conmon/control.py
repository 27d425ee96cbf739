"""Orders to a running conmon, through the FIFO in its bundle: a terminal's new size, a new log file."""

import asyncio
import os
from collections import deque

from boxship.base.errors import NotFound

RESIZE, REOPEN = 1, 2
# conmon takes the first of several orders that it reads at once for each of them, so they must come one by one.
SPACING = 0.02  # seconds


class _Line:
    """Orders to one monitor that wait for their turn. A new size replaces one that still waits."""

    def __init__(self) -> None:
        self.orders: deque[tuple[int, int, int]] = deque()

    def put(self, order: tuple[int, int, int]) -> None:
        kept = [o for o in self.orders if o[0] != order[0]]
        self.orders = deque([*kept, order])


class Control:
    """Sends orders to all monitors of an exec root; the loop must run."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def resize(self, path: str, height: int, width: int) -> None:
        """path: of the FIFO. Raises NotFound when no monitor reads it."""
        self._send(path, (RESIZE, height, width))

    def reopen_log(self, path: str) -> None:
        self._send(path, (REOPEN, 0, 0))

    def _send(self, path: str, order: tuple[int, int, int]) -> None:
        line = self._lines.get(path)
        if line is not None:
            line.put(order)
            return
        _write(path, order)
        self._lines[path] = _Line()
        asyncio.get_running_loop().call_later(SPACING, self._next, path)

    def _next(self, path: str) -> None:
        line = self._lines.pop(path)
        if not line.orders:
            return
        order = line.orders.popleft()
        try:
            _write(path, order)
        except NotFound:
            return
        self._lines[path] = line
        asyncio.get_running_loop().call_later(SPACING, self._next, path)


def _write(path: str, order: tuple[int, int, int]) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as e:
        raise NotFound(f"no monitor reads {path}: {e.strerror}") from e
    try:
        os.write(fd, b"%d %d %d\n" % order)
    finally:
        os.close(fd)
