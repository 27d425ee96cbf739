"""A picture that is drawn again and again in the same place, without flicker."""

import contextlib
from collections.abc import Iterator
from typing import TextIO

HOME, END_OF_LINE, END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Picture:
    """Every line is written over the one before it; what a shorter picture leaves below is taken away."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._drawn = False

    def draw(self, text: str) -> None:
        """On a pipe pictures follow each other."""
        if not self._out.isatty():
            self._out.write(f"{text}\n")
        else:
            clear = "" if self._drawn else "\x1b[2J"
            lines = text.replace("\n", f"{END_OF_LINE}\n")
            self._out.write(f"{clear}{HOME}{lines}{END_OF_LINE}\n{END_OF_SCREEN}")
        self._drawn = True
        self._out.flush()


@contextlib.contextmanager
def picture(out: TextIO) -> Iterator[Picture]:
    """Give a picture; the cursor is out of sight meanwhile."""
    moves = out.isatty()
    if moves:
        out.write(HIDE)
    try:
        yield Picture(out)
    finally:
        if moves:
            out.write(SHOW)
            out.flush()
