"""Bytes on their way between us and the daemon, told on a terminal's standard error: one line that moves."""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TextIO

from boxship.front.cli.bars import Meter, bar

EVERY = 0.1  # seconds between two pictures


def told(parts: Iterable[bytes], err: TextIO, verb: str, total: int = 0) -> Iterator[bytes]:
    """Yield the parts, and show on `err` how many there have been, if that is a terminal. total: bytes, 0 unknown."""
    if not err.isatty():
        yield from parts
        return
    meter, done, shown = Meter(), 0, 0.0
    try:
        for part in parts:
            yield part
            done += len(part)
            now = time.monotonic()
            if now - shown >= EVERY:
                shown = now
                meter.note(now, done)
                err.write(f"\r\x1b[2K{verb} {bar(done, total, meter.rate(), width(err) - len(verb) - 2)}")
                err.flush()
    finally:
        err.write("\r\x1b[2K")
        err.flush()


def width(out: TextIO) -> int:
    """Return the columns of a terminal, 80 where it does not tell."""
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except OSError:
        return 80
