import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.base.units import SECOND
from boxship.engine.logs import files
from boxship.engine.logs.cri import nanoseconds

START = nanoseconds(b"2026-11-21T10:00:00Z")


def line(number: int, text: bytes = b"text", tag: bytes = b"F") -> bytes:
    minutes, seconds = divmod(number, 60)
    hours, minutes = divmod(minutes, 60)
    return b"2026-11-21T%02d:%02d:%02d.000000000Z stdout %s %s %d\n" % (10 + hours, minutes, seconds, tag, text, number)


def written(path: Path, *lines: bytes) -> files.LogFile:
    path.write_bytes(b"".join(lines))
    return files.open_all(str(path))[-1]


def test_names_are_oldest_first(tmp_path: Path) -> None:
    log = tmp_path / "container.log"
    for name in ("container.log", "container.log.1", "container.log.2.gz", "container.log.10.gz", "container.log.tmp"):
        (tmp_path / name).write_bytes(b"")
    assert [Path(n.path).name for n in files.names(str(log))] == [
        "container.log.10.gz", "container.log.2.gz", "container.log.1", "container.log",
    ]  # fmt: skip


def test_of_a_packing_cut_short_the_plain_file_counts(tmp_path: Path) -> None:
    for name in ("log", "log.2", "log.2.gz", "log.3.gz.tmp"):
        (tmp_path / name).write_bytes(b"")
    assert [Path(n.path).name for n in files.names(str(tmp_path / "log"))] == ["log.2", "log"]


def test_no_directory_no_files(tmp_path: Path) -> None:
    assert files.names(str(tmp_path / "none" / "log")) == []
    assert files.open_all(str(tmp_path / "none" / "log")) == []
    assert files.inode(str(tmp_path / "none")) == 0


TAILS = {
    "fewer than there are": ([line(1), line(2), line(3)], 2, [line(2), line(3)], 2),
    "all": ([line(1), line(2)], 2, [line(1), line(2)], 2),
    "more than there are": ([line(1)], 5, [line(1)], 1),
    "none wanted": ([line(1), line(2)], 0, [], 0),
    "none there": ([], 3, [], 0),
    "pieces belong to their line": (
        [line(1), line(2, tag=b"P"), line(2)], 1, [line(2, tag=b"P"), line(2)], 1,
    ),
    "a line begun counts": ([line(1), line(2), line(3, tag=b"P")], 2, [line(2), line(3, tag=b"P")], 2),
    "a record cut off counts": ([line(1), line(2), line(3)[:-4]], 1, [line(3)[:-4]], 1),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "count", "want", "found"), TAILS.values(), ids=TAILS)
def test_tail(tmp_path: Path, lines: list[bytes], count: int, want: list[bytes], found: int) -> None:
    file = written(tmp_path / "log", *lines)
    offset, seen = files.tail_offset(file, count)
    assert (tmp_path / "log").read_bytes()[offset:] == b"".join(want)
    assert seen == found
    file.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30_000)), max_size=12), st.integers(0, 14))
def test_tail_of_lines_longer_than_a_block(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[bool, int]], count: int
) -> None:
    lines = [line(n, b"x" * size, b"F" if whole else b"P") for n, (whole, size) in enumerate(shapes)]
    path = tmp_path_factory.mktemp("tail") / "log"
    file = written(path, *lines)
    offset, _ = files.tail_offset(file, count)
    ends = [n for n, (whole, _) in enumerate(shapes) if whole]
    if shapes and not shapes[-1][0]:
        ends.append(len(shapes) - 1)
    first = 0 if count >= len(ends) else (ends[-count - 1] + 1 if count else len(lines))
    assert path.read_bytes()[offset:] == b"".join(lines[first:])
    file.close()


@pytest.mark.parametrize("wanted", [0, 1, 1000, 4999, 5000, 9000])
def test_since_starts_before_and_near(tmp_path: Path, wanted: int) -> None:
    lines = [line(n, b"y" * 60) for n in range(5000)]
    file = written(tmp_path / "log", *lines)
    offset = files.since_offset(file, START + wanted * SECOND)
    rest = (tmp_path / "log").read_bytes()[offset:]
    exact = b"".join(lines[wanted:])
    assert rest.endswith(exact)
    assert len(rest) - len(exact) <= 2 * files.BLOCK
    file.close()


def test_packed_files_are_unpacked_on_the_side(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "log.2.gz", "wb") as packed:
        packed.write(line(1) * 1000)
    file = files.open_all(str(tmp_path / "log"))[0]
    assert file.packed
    file.unpack()
    assert file.size() == len(line(1)) * 1000
    assert file.read(0) == (line(1) * 1000)[: files.BLOCK]
    file.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.2.gz"]
