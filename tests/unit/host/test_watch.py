import asyncio
import os
from pathlib import Path

import pytest

from boxship.base.errors import KernelError
from boxship.host import syscalls
from boxship.host.watch import Watch, parse


async def test_each_change_is_told_by_name(tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []
    watch, over = Watch(), asyncio.Event()

    def note(name: str, mask: int) -> None:
        heard.append((name, mask))
        if mask & syscalls.IN_DELETE:
            over.set()

    with watch.directory(str(tmp_path), note):
        (tmp_path / "a").write_text("x")
        os.rename(tmp_path / "a", tmp_path / "b")
        (tmp_path / "b").unlink()
        await asyncio.wait_for(over.wait(), 5)
    masks = {name: 0 for name, _ in heard}
    for name, mask in heard:
        masks[name] |= mask
    assert masks["a"] & syscalls.IN_CREATE
    assert masks["a"] & syscalls.IN_CLOSE_WRITE
    assert masks["b"] & syscalls.IN_MOVED_TO
    heard.clear()
    (tmp_path / "late").touch()
    await asyncio.sleep(0.05)
    assert heard == []
    watch.close()


async def test_two_listeners_of_one_directory(tmp_path: Path) -> None:
    watch = Watch()
    with watch.stirred(str(tmp_path)) as first:
        with watch.stirred(str(tmp_path)) as second:
            (tmp_path / "x").touch()
            await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), 5)
        first.clear()
        (tmp_path / "y").touch()
        await asyncio.wait_for(first.wait(), 5)
    watch.close()


async def test_a_directory_that_goes_away(tmp_path: Path) -> None:
    watch = Watch()
    gone = tmp_path / "gone"
    gone.mkdir()
    with watch.stirred(str(gone)) as event:
        gone.rmdir()
        await asyncio.wait_for(event.wait(), 5)
    watch.close()


async def test_leaving_and_closing_in_any_order(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    watch = Watch()
    with watch.stirred(str(tmp_path)):
        watch.close()
    watch.close()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_no_such_directory(tmp_path: Path) -> None:
    watch = Watch()
    with pytest.raises(KernelError, match="no such file"):
        with watch.stirred(str(tmp_path / "none")):
            pass
    watch.close()


def test_parse() -> None:
    one = syscalls.INOTIFY_EVENT.pack(3, 2, 0, 16) + b"name".ljust(16, b"\0")
    two = syscalls.INOTIFY_EVENT.pack(-1, syscalls.IN_Q_OVERFLOW, 0, 0)
    assert list(parse(one + two)) == [(3, 2, "name"), (-1, syscalls.IN_Q_OVERFLOW, "")]
