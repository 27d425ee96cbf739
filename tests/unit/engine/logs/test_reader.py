"""The reader against a writer that behaves as the monitor does: appends, and at a rotation makes a new file."""

import asyncio
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.engine.logs.cri import nanoseconds
from boxship.engine.logs.query import LogQuery
from boxship.engine.logs.reader import Cursor, Reading

BASE = nanoseconds(b"2026-11-21T10:00:00Z")


class Writer:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "log"
        self.stirred = asyncio.Event()
        self.count = 0
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115

    @contextmanager
    def watch(self, directory: str) -> Iterator[asyncio.Event]:
        assert directory == str(self.path.parent)
        yield self.stirred

    def lines(self, count: int, stream: str = "stdout", tag: str = "F") -> None:
        for _ in range(count):
            text = f"2026-11-21T10:00:00.{self.count:09d}Z {stream} {tag} line {self.count}\n"
            self._file.write(text.encode())
            self.count += 1
        self.stirred.set()

    def shift(self) -> None:
        """The daemon's half of a rotation; the monitor still writes to the renamed file."""
        for number in range(9, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.rename(self.path, f"{self.path}.1")
        self.stirred.set()

    def reopen(self) -> None:
        """The monitor's half."""
        self._file.close()
        with open(f"{self.path}.tmp", "wb"):
            pass
        os.rename(f"{self.path}.tmp", self.path)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
        self.stirred.set()

    def rotate(self) -> None:
        self.shift()
        self.reopen()

    def pack(self, number: int) -> None:
        plain = Path(f"{self.path}.{number}")
        Path(f"{plain}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


def numbers(lines: list[object]) -> list[int]:
    return [int(line.text.split()[1]) for line in lines]  # type: ignore[attr-defined]


async def past(writer: Writer, **query: object) -> list[int]:
    reading = Reading(str(writer.path), LogQuery(**query))  # type: ignore[arg-type]
    try:
        got = [line async for batch in reading.lines() for line in batch] + reading.flush()
    finally:
        reading.close()
    return numbers(got)  # type: ignore[arg-type]


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


async def test_everything_in_order_across_files(writer: Writer) -> None:
    writer.lines(3)
    writer.rotate()
    writer.lines(3)
    writer.rotate()
    writer.pack(2)
    writer.lines(2)
    assert await past(writer) == list(range(8))
    assert await past(writer, tail=1) == [7]
    assert await past(writer, tail=2) == [6, 7]
    assert await past(writer, tail=4) == [4, 5, 6, 7]
    assert await past(writer, tail=7) == list(range(1, 8))
    assert await past(writer, tail=100) == list(range(8))
    assert await past(writer, tail=0) == []


async def test_bounds_in_time_are_inclusive(writer: Writer) -> None:
    writer.lines(5)
    writer.rotate()
    writer.lines(5)
    assert await past(writer, since=BASE + 3) == list(range(3, 10))
    assert await past(writer, until=BASE + 3) == [0, 1, 2, 3]
    assert await past(writer, since=BASE + 4, until=BASE + 6) == [4, 5, 6]
    assert await past(writer, since=BASE + 4, tail=3) == [7, 8, 9]
    assert await past(writer, since=BASE + 8, tail=5) == [8, 9]


async def test_streams_are_chosen_after_the_tail(writer: Writer) -> None:
    writer.lines(2, "stderr")
    writer.lines(2, "stdout")
    assert await past(writer, stderr=False) == [2, 3]
    assert await past(writer, stdout=False) == [0, 1]
    assert await past(writer, stdout=False, tail=3) == [1]


async def test_a_line_begun_is_shown_at_the_end(writer: Writer) -> None:
    writer.lines(1)
    writer.lines(1, tag="P")
    assert await past(writer) == [0, 1]


async def test_no_log_is_an_empty_log(tmp_path: Path) -> None:
    reading = Reading(str(tmp_path / "nothing"), LogQuery())
    assert [batch async for batch in reading.lines()] == []


class Follower:
    def __init__(self, writer: Writer, query: LogQuery | None = None, start: Cursor | None = None) -> None:
        self.reading = Reading(str(writer.path), query or LogQuery(), start)
        self.ended = asyncio.Event()
        self.got: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.task = asyncio.create_task(self._run(writer))

    async def _run(self, writer: Writer) -> None:
        async for batch in self.reading.follow(writer.watch, self.ended):
            self.got += numbers(batch)  # type: ignore[arg-type]
            await self.gate.wait()
        self.got += numbers(self.reading.flush())  # type: ignore[arg-type]
        self.reading.close()

    async def finish(self) -> list[int]:
        self.ended.set()
        await asyncio.wait_for(self.task, 5)
        return self.got


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_following_goes_on_across_rotations(writer: Writer) -> None:
    writer.lines(2)
    follower = Follower(writer)
    await settle()
    assert follower.got == [0, 1]
    writer.lines(2)
    writer.shift()
    writer.lines(2)  # the monitor has not heard of it yet
    await settle()
    assert follower.got == list(range(6))
    writer.reopen()
    writer.lines(2)
    await settle()
    assert follower.got == list(range(8))
    writer.lines(1)
    assert await follower.finish() == list(range(9))


async def test_a_slow_reader_misses_no_file(writer: Writer) -> None:
    writer.lines(1)
    follower = Follower(writer)
    follower.gate.clear()
    await settle()
    for _ in range(4):
        writer.lines(2)
        writer.rotate()
        await settle()
        if os.path.exists(f"{writer.path}.2"):
            os.unlink(f"{writer.path}.2")
    writer.lines(1)
    follower.gate.set()
    assert await follower.finish() == list(range(10))


async def test_tail_then_follow(writer: Writer) -> None:
    writer.lines(5)
    follower = Follower(writer, LogQuery(tail=1, follow=True))
    await settle()
    writer.lines(1)
    assert await follower.finish() == [4, 5]


async def test_tail_of_nothing_follows_only_what_is_new(writer: Writer) -> None:
    writer.lines(5)
    follower = Follower(writer, LogQuery(tail=0, follow=True))
    await settle()
    writer.lines(2)
    assert await follower.finish() == [5, 6]


async def test_until_ends_the_following(writer: Writer) -> None:
    follower = Follower(writer, LogQuery(until=BASE + 1, follow=True))
    writer.lines(4)
    await asyncio.wait_for(follower.task, 5)
    assert follower.got == [0, 1]


async def test_a_cursor_takes_up_where_another_reading_stopped(writer: Writer) -> None:
    writer.lines(3)
    first = Follower(writer)
    await first.finish()
    place = first.reading.cursor
    writer.lines(2)
    writer.rotate()
    writer.lines(2)
    second = Follower(writer, start=place)
    assert await second.finish() == [3, 4, 5, 6]


async def test_a_cursor_whose_file_is_gone_goes_by_time(writer: Writer) -> None:
    writer.lines(3)
    first = Follower(writer)
    await first.finish()
    writer.lines(1)
    writer.rotate()
    writer.lines(1)
    writer.pack(1)
    second = Follower(writer, start=first.reading.cursor)
    assert await second.finish() == [3, 4]


async def test_a_cursor_is_before_a_line_begun(writer: Writer) -> None:
    writer.lines(2)
    writer.lines(1, tag="P")
    first = Follower(writer)
    await settle()
    place = first.reading.cursor
    first.task.cancel()
    second = Follower(writer, start=Cursor(*place))
    assert (await second.finish())[-1] == 2


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["lines", "shift", "reopen", "settle"]), max_size=30))
def test_no_line_lost_none_twice(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    async def scenario() -> None:
        writer = Writer(tmp_path_factory.mktemp("follow"))
        follower, shifted = Follower(writer), False
        for step in steps:
            if step == "lines":
                writer.lines(3)
            elif step == "shift" and not shifted:
                writer.shift()
                shifted = True
            elif step == "reopen" and shifted:
                writer.reopen()
                shifted = False
                await settle()  # one rotation at a time, as the daemon does
            elif step == "settle":
                await settle()
        assert await follower.finish() == list(range(writer.count))

    asyncio.run(scenario())
