import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.front.docker.wire.detach import DEFAULT, Detacher, parse

WRITTEN = {
    "": DEFAULT,
    "ctrl-p,ctrl-q": b"\x10\x11",
    "ctrl-A": b"\x01",
    "a,b,c": b"abc",
    "ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_": b"\x00\x1b\x1c\x1d\x1e\x1f",
    "ctrl-x,x": b"\x18x",
}


@pytest.mark.parametrize(("text", "keys"), WRITTEN.items())
def test_parse(text: str, keys: bytes) -> None:
    assert parse(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "shift-a", "ab", "a,,b", "ctrl-aa"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid detach keys"):
        parse(text)


FED = {
    "nothing to see": ([b"hello"], b"hello", False),
    "at once": ([b"\x10\x11"], b"", True),
    "key by key": ([b"\x10", b"\x11"], b"", True),
    "behind other input": ([b"ls\n\x10", b"\x11more"], b"ls\n", True),
    "begun and not finished": ([b"\x10", b"x"], b"\x10x", False),
    "begun twice": ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
    "begun and left at the end": ([b"a\x10"], b"a", False),
    "in the wrong order": ([b"\x11\x10"], b"\x11", False),
}


@pytest.mark.parametrize(("chunks", "passed", "found"), FED.values(), ids=FED)
def test_feed(chunks: list[bytes], passed: bytes, found: bool) -> None:
    detacher, out, left = Detacher(DEFAULT), b"", False
    for chunk in chunks:
        data, left = detacher.feed(chunk)
        out += data
    assert (out, left) == (passed, found)


def test_what_was_held_back_is_released_at_the_end() -> None:
    detacher = Detacher(b"abc")
    assert detacher.feed(b"xab") == (b"x", False)
    assert detacher.rest() == b"ab"
    assert detacher.rest() == b""


KEYS = st.text("ab", min_size=1, max_size=4).map(str.encode)
TYPED = st.lists(st.text("abc", max_size=6).map(str.encode))


@given(KEYS, TYPED)
def test_the_sequence_is_found_where_it_is_and_no_byte_is_lost(keys: bytes, chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    detacher, out = Detacher(keys), b""
    for chunk in chunks:
        data, left = detacher.feed(chunk)
        out += data
        if left:
            assert out == whole[: whole.index(keys)]
            return
    assert keys not in whole
    assert out + detacher.rest() == whole
