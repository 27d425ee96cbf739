from hypothesis import given
from hypothesis import strategies as st

from boxship.base.units import parse_rfc3339
from boxship.engine.logs.cri import LONGEST, Joiner, Line, Record, Splitter, nanoseconds, parse

T = b"2026-11-21T10:04:46.123456789+00:00"
NS = parse_rfc3339("2026-11-21T10:04:46.123456789Z")


def test_a_record_has_four_parts() -> None:
    assert parse(T + b" stdout F hello  world ") == Record(T, 1, True, b"hello  world ")
    assert parse(T + b" stderr P half") == Record(T, 2, False, b"half")
    assert parse(T + b" stdout F ") == Record(T, 1, True, b"")
    assert parse(T + b" stdout F") == Record(T, 1, True, b"")
    assert parse(T + b" stdout F:x more") == Record(T, 1, True, b"more")


def test_what_is_no_record_is_passed_over() -> None:
    assert parse(b"") is None
    assert parse(b"disk full") is None
    assert parse(T + b" stdin F x") is None


def test_times() -> None:
    assert nanoseconds(T) == NS
    assert nanoseconds(b"2026-11-21T10:04:46.123456789Z") == NS
    assert nanoseconds(b"2026-11-21T12:04:46.123456789+02:00") == NS
    assert nanoseconds(b"2026-11-21T10:04:46.5Z") == NS - 123456789 + 500_000_000
    assert nanoseconds(b"2026-11-21T10:04:46Z") == NS - 123456789
    assert nanoseconds(b"yesterday") == 0


def record(text: bytes, whole: bool = True, stream: int = 1) -> Record:
    return Record(T, stream, whole, text)


def test_pieces_of_a_line_are_joined_each_stream_by_itself() -> None:
    joiner = Joiner()
    assert joiner.feed(record(b"one ", False)) is None
    assert joiner.feed(record(b"err", stream=2)) == Line(NS, 2, b"err\n")
    assert joiner.begun
    assert joiner.feed(record(b"line")) == Line(NS, 1, b"one line\n")
    assert not joiner.begun
    assert joiner.flush() == []


def test_a_line_without_end_is_handed_on_when_it_is_long_and_at_the_end() -> None:
    joiner = Joiner()
    assert joiner.feed(record(b"x" * LONGEST, False)) == Line(NS, 1, b"x" * LONGEST)
    assert joiner.feed(record(b"rest", False)) is None
    assert joiner.flush() == [Line(NS, 1, b"rest")]


TEXT = st.binary().map(lambda text: text.replace(b"\n", b""))
LINES = st.lists(st.tuples(st.sampled_from([b"stdout", b"stderr"]), st.booleans(), TEXT))


@given(LINES, st.lists(st.integers(1, 40)))
def test_chunks_of_any_size_give_the_same_records(lines: list[tuple[bytes, bool, bytes]], sizes: list[int]) -> None:
    text = b"".join(b"%s %s %s %s\n" % (T, stream, b"F" if whole else b"P", body) for stream, whole, body in lines)
    whole = Splitter().feed(text)
    splitter, records, rest = Splitter(), [], text
    for size in [*sizes, len(text)]:
        records += splitter.feed(rest[:size])
        rest = rest[size:]
    assert records == whole
    assert len(records) == len(lines)
    assert splitter.rest == 0


@given(LINES)
def test_joining_loses_no_byte(lines: list[tuple[bytes, bool, bytes]]) -> None:
    joiner, got = Joiner(), {1: b"", 2: b""}
    want = {1: b"", 2: b""}
    for name, whole, body in lines:
        stream = 1 if name == b"stdout" else 2
        want[stream] += body + (b"\n" if whole else b"")
        if line := joiner.feed(Record(T, stream, whole, body)):
            got[line.stream] += line.text
    for line in joiner.flush():
        got[line.stream] += line.text
    assert got == want
