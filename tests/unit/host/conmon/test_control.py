"""Orders to a monitor, read here from a FIFO of our own."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.base.errors import NotFound
from boxship.host.conmon.control import SPACING, Control


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[str, int]]:
    path = str(tmp_path / "ctl")
    os.mkfifo(path)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, fd
    os.close(fd)


def read(fd: int) -> bytes:
    try:
        return os.read(fd, 1000)
    except BlockingIOError:
        return b""


async def test_orders_come_one_by_one_and_only_the_last_size_counts(fifo: tuple[str, int]) -> None:
    path, fd = fifo
    control = Control()
    control.resize(path, 1, 2)
    control.reopen_log(path)
    control.resize(path, 3, 4)
    control.resize(path, 5, 6)
    seen = []
    for _ in range(4):
        seen.append(read(fd))
        await asyncio.sleep(SPACING * 1.5)
    assert [order for order in seen if order] == [b"1 1 2\n", b"2 0 0\n", b"1 5 6\n"]


async def test_after_a_while_an_order_goes_out_at_once(fifo: tuple[str, int]) -> None:
    path, fd = fifo
    control = Control()
    control.resize(path, 1, 2)
    await asyncio.sleep(SPACING * 2)
    assert read(fd) == b"1 1 2\n"
    control.resize(path, 3, 4)
    assert read(fd) == b"1 3 4\n"


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Control().resize(str(tmp_path / "none"), 1, 1)
    os.mkfifo(tmp_path / "ctl")
    with pytest.raises(NotFound):
        Control().resize(str(tmp_path / "ctl"), 1, 1)
