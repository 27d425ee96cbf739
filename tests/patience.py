"""Waiting for what is to come, instead of sleeping and hoping: long enough for a machine that has much else to do."""

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds


def until(check: Callable[[], object], why: str = "", seconds: float = PATIENCE, pause: float = 0.02) -> None:
    """Return as soon as `check` tells of something. Raises AssertionError when `seconds` are over."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, why or f"waited in vain for {seconds} s"
        time.sleep(pause)
