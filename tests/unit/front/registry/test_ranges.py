import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.registry.faults import Fault
from boxship.front.registry.ranges import held, sent, wanted

WANTED = {
    "": None,
    "bytes=0-": (0, 100),
    "bytes=10-19": (10, 10),
    "bytes=90-1000": (90, 10),
    "bytes=-10": (90, 10),
    "bytes=-1000": (0, 100),
    "bytes=99-99": (99, 1),
    "bytes=20-10": None,
    "bytes=1-2,5-6": None,
    "items=0-1": None,
    "bytes=-": None,
    "bytes=a-b": None,
}


@pytest.mark.parametrize(("header", "span"), WANTED.items())
def test_what_a_range_asks_for(header: str, span: tuple[int, int] | None) -> None:
    assert wanted(header, 100) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=0-", 0), ("bytes=-0", 100), ("bytes=-5", 0)])
def test_nothing_of_it_is_there(header: str, size: int) -> None:
    with pytest.raises(Fault) as caught:
        wanted(header, size)
    assert caught.value.answer == 416
    assert caught.value.headers == {"Content-Range": f"bytes */{size}"}


@given(st.text(alphabet="bytes=0123456789-, ", max_size=20), st.integers(0, 1000))
def test_a_span_is_always_inside(header: str, size: int) -> None:
    try:
        span = wanted(header, size)
    except Fault:
        return
    if span is not None:
        start, length = span
        assert 0 <= start < start + length <= size


SENT = {"": None, "0-9": 0, "10-19": 10, "bytes 10-19/30": 10, "bytes=10-19": 10, "bytes 10-19/*": 10}


@pytest.mark.parametrize(("header", "start"), SENT.items())
def test_where_a_chunk_begins(header: str, start: int | None) -> None:
    assert sent(header, 10) == sent(header, None) == start


@pytest.mark.parametrize("header", ["x", "5", "9-0", "0-10", "-5", "0-"])
def test_chunks_that_cannot_be(header: str) -> None:
    with pytest.raises(Fault) as caught:
        sent(header, 10)
    assert caught.value.code == "RANGE_INVALID"


def test_how_much_is_held() -> None:
    assert [held(size) for size in (0, 1, 100)] == ["0-0", "0-0", "0-99"]
