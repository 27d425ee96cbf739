import pytest

from boxship.base.errors import Invalid
from boxship.base.units import SECOND, parse_rfc3339
from boxship.engine.logs.cri import Line
from boxship.front.docker.wire import logs, stdcopy

TIME = parse_rfc3339("2026-11-21T10:00:00.5Z")
LINES = [Line(TIME, 1, b"out\n"), Line(TIME + 1, 2, b"err\n")]


def test_plain() -> None:
    framed = stdcopy.frame(1, b"out\n") + stdcopy.frame(2, b"err\n")
    assert logs.render(LINES, framed=True, timestamps=False) == framed
    assert logs.render(LINES, framed=False, timestamps=False) == b"out\nerr\n"


def test_times_have_nine_decimals() -> None:
    text = b"2026-11-21T10:00:00.500000000Z out\n2026-11-21T10:00:00.500000001Z err\n"
    assert logs.render(LINES, framed=False, timestamps=True) == text


def test_details_stand_between_time_and_text() -> None:
    prefix = logs.details({"b": "x y", "a": "1"})
    assert prefix == b"a=1,b=x+y "
    assert logs.render(LINES[:1], framed=False, timestamps=True, prefix=prefix).endswith(b"Z a=1,b=x+y out\n")
    assert logs.render(LINES[:1], framed=True, timestamps=False, prefix=logs.details({})) == stdcopy.frame(1, b" out\n")


def test_errors_travel_on_a_stream_of_their_own() -> None:
    text = b"Error grabbing logs: no disk\n"
    assert logs.failure("no disk", framed=True) == stdcopy.frame(3, text)
    assert logs.failure("no disk", framed=False) == text


@pytest.mark.parametrize(
    ("text", "want"), [("", None), ("all", None), ("0", 0), ("+5", 5), ("-1", None), ("1.5", None), ("x", None)]
)
def test_tail(text: str, want: int | None) -> None:
    assert logs.tail(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [("", 0), ("0", 0), ("12", 12 * SECOND), ("12.5", 12 * SECOND + SECOND // 2), ("1.000000001", SECOND + 1)],
)
def test_moment(text: str, want: int) -> None:
    assert logs.moment(text) == want


def test_a_wrong_moment_is_refused() -> None:
    with pytest.raises(Invalid):
        logs.moment("yesterday")
