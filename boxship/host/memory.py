"""How the C library hands out memory to this process."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
ARENAS = 2


def few_arenas() -> None:
    """Let all threads share two heaps. glibc gives nearly every thread one of its own, and what each of them has once
    had for a layer's bytes it keeps. Call it before the first thread starts. Other C libraries have no such habit."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give the host the pages of this process that hold nothing any more. Takes some milliseconds. malloc_trim(3)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
