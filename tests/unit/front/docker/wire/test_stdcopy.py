from hypothesis import given
from hypothesis import strategies as st

from boxship.front.docker.wire import stdcopy

FRAMES = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=60)))


def test_a_frame_is_a_number_a_length_and_the_bytes() -> None:
    assert stdcopy.frame(stdcopy.STDOUT, b"hi\n") == b"\x01\0\0\0\0\0\0\x03hi\n"
    assert stdcopy.frame(stdcopy.STDERR, b"") == b"\x02\0\0\0\0\0\0\0"
    assert stdcopy.frame(stdcopy.SYSTEM_ERROR, b"x" * 70000)[:8] == b"\x03\0\0\0\x00\x01\x11\x70"


@given(FRAMES, st.lists(st.integers(1, 30)))
def test_frames_survive_any_chunking(frames: list[tuple[int, bytes]], sizes: list[int]) -> None:
    rest = b"".join(stdcopy.frame(stream, payload) for stream, payload in frames)
    parser, got = stdcopy.Parser(), []
    for size in [*sizes, len(rest)]:
        got += parser.feed(rest[:size])
        rest = rest[size:]
    assert got == frames
