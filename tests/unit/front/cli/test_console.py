"""What goes between our terminal and an attached process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.front.cli.console import DETACH_KEYS, Frames, Typed, detach_keys


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))), st.integers(1, 20))
def test_frames_come_whole_however_they_are_cut(frames: list[tuple[int, bytes]], cut: int) -> None:
    wire = b"".join(frame(*one) for one in frames)
    taker, found = Frames(), []
    for at in range(0, len(wire), cut):
        found += list(taker.feed(wire[at : at + cut]))
    assert found == frames


TYPED = {
    "nothing special": ([b"ls\r"], b"ls\r", False),
    "the keys": ([b"\x10\x11"], b"", True),
    "the keys apart": ([b"\x10", b"\x11"], b"", True),
    "text before": ([b"ab\x10\x11"], b"ab", True),
    "a beginning that leads nowhere": ([b"\x10", b"x"], b"\x10x", False),
    "the first key twice": ([b"\x10\x10\x11"], b"\x10", True),
}


@pytest.mark.parametrize(("chunks", "sent", "detached"), TYPED.values(), ids=TYPED)
def test_typed(chunks: list[bytes], sent: bytes, detached: bool) -> None:
    typed, out, done = Typed(DETACH_KEYS), b"", False
    for chunk in chunks:
        part, done = typed.feed(chunk)
        out += part
    assert (out, done) == (sent, detached)


@given(st.binary(), st.integers(1, 7))
def test_what_is_typed_arrives_but_for_a_beginning_of_the_keys(data: bytes, cut: int) -> None:
    data = data.replace(DETACH_KEYS, b"")
    typed, out = Typed(DETACH_KEYS), b""
    for at in range(0, len(data), cut):
        part, done = typed.feed(data[at : at + cut])
        out += part
        if done:
            return
    assert out == data or (data.endswith(DETACH_KEYS[:1]) and out == data[:-1])


@pytest.mark.parametrize(
    ("text", "keys"), [("", b"\x10\x11"), ("a,b", b"ab"), ("ctrl-a", b"\x01"), ("ctrl-@,ctrl-_", b"\x00\x1f")]
)
def test_detach_keys(text: str, keys: bytes) -> None:
    assert detach_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-ab", "abc", "a,,b", "ctrl-1"])
def test_wrong_detach_keys(text: str) -> None:
    with pytest.raises(Invalid):
        detach_keys(text)
