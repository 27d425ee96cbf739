"""Frames survive any way of being cut, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base import frames
from boxship.base.errors import Invalid
from boxship.base.frames import Frame, Frames

KINDS = st.sampled_from(sorted(frames.KINDS))
SENT = st.lists(st.tuples(KINDS, st.integers(0, 2**32 - 1), st.binary(max_size=40)), max_size=8)


@given(SENT, st.integers(1, 13))
def test_what_is_sent_comes_whatever_the_pieces(sent: list[tuple[int, int, bytes]], step: int) -> None:
    data = b"".join(frames.frame(*each) for each in sent)
    reader = Frames()
    found = [frame for at in range(0, len(data), step) for frame in reader.feed(data[at : at + step])]
    assert found == [Frame(*each) for each in sent]


def test_long_bytes_go_in_several_frames() -> None:
    data = bytes(range(256)) * (frames.LARGEST // 128)
    found = list(Frames().feed(b"".join(frames.pieces(7, data))))
    assert len(found) == 2
    assert b"".join(frame.payload for frame in found) == data


@pytest.mark.parametrize("head", [b"\x09" + bytes(8), b"\x02" + bytes(4) + b"\xff" * 4])
def test_other_bytes_are_refused(head: bytes) -> None:
    with pytest.raises(Invalid, match="not a frame"):
        list(Frames().feed(head))


def test_a_message_is_json() -> None:
    (found,) = Frames().feed(frames.message(2, {"Ask": "secret"}))
    assert found.told() == {"Ask": "secret"}
