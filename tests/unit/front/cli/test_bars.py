"""Progress bars, their rates, and pictures that are drawn over each other."""

import io

from hypothesis import given
from hypothesis import strategies as st

from boxship.front.cli.bars import Meter, bar
from boxship.front.cli.live import picture
from boxship.front.cli.progress import Board
from boxship.front.cli.transfer import told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar() -> None:
    text = bar(25_000_000, 100_000_000, 5_000_000.0, 80)
    assert text.startswith("[=====")
    assert text.endswith("] 25MB/100MB 5MB/s 15 seconds")
    assert bar(100, 100, 0, 80).startswith("[" + "=" * 40 + "]")
    assert bar(5_000, 0, 1_000.0, 80) == "5kB 1kB/s"
    assert bar(5, 10, 0, 12) == "5B/10B"


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.floats(0, 1e12), st.integers(0, 200))
def test_a_bar_fits_where_there_is_a_total(done: int, total: int, rate: float, width: int) -> None:
    if total:
        assert len(bar(done, total, rate, width)) <= width


def test_a_rate_is_that_of_the_last_seconds() -> None:
    meter = Meter()
    assert meter.rate() == 0
    for second in range(11):
        meter.note(float(second), 100 * second)
    assert meter.rate() == 100
    for second in range(11, 30):
        meter.note(float(second), 1000 + 500 * (second - 10))
    assert meter.rate() == 500
    meter.note(31.0, 5)
    assert meter.rate() == 0


def test_messages_with_numbers_become_bars_on_a_terminal() -> None:
    out = Terminal()
    board = Board(out)
    for current in (10, 50):
        detail = {"current": current, "total": 100}
        board.tell({"id": "abc", "status": "Downloading", "progressDetail": detail, "progress": "[=> ] old"})
    shown = out.getvalue()
    assert "abc: Downloading [" in shown
    assert "50B/100B" in shown
    assert "old" not in shown


def test_a_pipe_sees_no_bars() -> None:
    out = io.StringIO()
    board = Board(out)
    board.tell({"id": "abc", "status": "Downloading", "progressDetail": {"current": 1, "total": 2}})
    board.tell({"id": "abc", "status": "Pull complete", "progressDetail": {}})
    assert out.getvalue() == "abc: Pull complete\n"
    assert b"".join(told([b"ab", b"c"], out, "Sending", 3)) == b"abc"
    assert out.getvalue() == "abc: Pull complete\n"


def test_bytes_on_their_way_are_told_on_a_terminal() -> None:
    err = Terminal()
    assert b"".join(told([b"x" * 1000, b"y" * 1000], err, "Sending", 2000)) == b"x" * 1000 + b"y" * 1000
    assert "Sending" in err.getvalue()
    assert err.getvalue().endswith("\r\x1b[2K")


def test_pictures_are_drawn_in_one_place() -> None:
    out = Terminal()
    with picture(out) as drawn:
        drawn.draw("a\nb")
        drawn.draw("c")
    text = out.getvalue()
    assert text.count("\x1b[2J") == 1
    assert text.count("\x1b[H") == 2
    assert text.endswith("\x1b[?25h")
    pipe = io.StringIO()
    with picture(pipe) as drawn:
        drawn.draw("a")
    assert pipe.getvalue() == "a\n"
