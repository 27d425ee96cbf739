"""Clock, ids, codec, tasks and log: small enough to share a file."""

import asyncio
import json
import logging

import msgspec
import pytest

from boxship.base import codec, log
from boxship.base.clock import ManualClock, SystemClock
from boxship.base.errors import Invalid
from boxship.base.ids import is_full_id, new_id, short
from boxship.base.tasks import Tasks


def test_ids_are_64_hex_digits_and_never_look_like_a_number() -> None:
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(is_full_id(i) and not short(i).isdecimal() and len(short(i)) == 12 for i in ids)
    assert short("sha256:" + "ab" * 32) == "ab" * 6
    assert not is_full_id("ABC")


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(start=5)
    clock.advance(7)
    assert (clock.now(), clock.monotonic()) == (12, 12)
    assert SystemClock().now() > 1_600_000_000 * 10**9


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    x: int
    y: int = 0


def test_codec_leaves_out_defaults_and_names_the_wrong_field() -> None:
    assert codec.encode(Point(1)) == b'{"x":1}'
    assert codec.decode(b'{"x":1,"y":2}', Point) == Point(1, 2)
    with pytest.raises(Invalid, match=r"\$\.x"):
        codec.decode(b'{"x":"one"}', Point)
    with pytest.raises(Invalid, match=r"\$\.y"):
        codec.convert({"x": 1, "y": []}, Point)


async def test_tasks_are_cancelled_and_awaited_on_close() -> None:
    tasks, seen = Tasks(), []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("ended")

    tasks.spawn(work(), "work")
    await asyncio.sleep(0)
    await tasks.aclose()
    assert seen == ["ended"]


async def test_a_failing_task_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    tasks = Tasks()
    with pytest.raises(ValueError, match="broken"):
        await tasks.spawn(fail(), "doomed")
    assert "background task doomed failed" in caplog.text


def test_log_lines_are_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        log.configure("warn", "json")
        logging.getLogger("x").warning("a %s", "b")
        logging.getLogger("x").info("not shown")
        entry = json.loads(capsys.readouterr().err)
        assert (entry["level"], entry["msg"]) == ("warning", "a b")
        log.configure("debug")
        logging.getLogger("x").debug("shown")
        assert 'level=debug msg="shown"' in capsys.readouterr().err
    finally:
        root.handlers[:] = before
        root.setLevel(level)
