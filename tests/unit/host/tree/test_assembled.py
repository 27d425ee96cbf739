"""The parent's end of a layer that a child packs: what comes, how far it is, how it ends."""

import asyncio
import os
from contextlib import aclosing

import pytest

from boxship.base.errors import Invalid
from boxship.host.tree.assembled import Assembled


async def test_pieces_come_and_then_what_they_were() -> None:
    async def begin(sink: int, passed: int) -> tuple[str, int]:
        os.pwrite(passed, (700).to_bytes(8, "big"), 0)
        os.write(sink, b"packed")
        return "sha256:x", 6

    made = Assembled(begin)
    assert (made.passed, made.digest, made.size) == (0, "", 0)
    assert b"".join([piece async for piece in made.pieces()]) == b"packed"
    assert (made.passed, made.digest, made.size, made.failure) == (700, "sha256:x", 6, None)


async def test_a_failure_comes_after_the_bytes_and_stays_known() -> None:
    async def begin(sink: int, passed: int) -> tuple[str, int]:
        os.write(sink, b"half")
        raise Invalid("f has changed")

    made = Assembled(begin)
    pieces = made.pieces()
    assert await anext(pieces) == b"half"
    with pytest.raises(Invalid, match="f has changed"):
        await anext(pieces)
    assert (str(made.failure), made.digest) == ("f has changed", "")


async def test_leaving_ends_the_work_and_closes_all() -> None:
    ended = asyncio.Event()

    async def begin(sink: int, passed: int) -> tuple[str, int]:
        os.write(sink, b"some")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "", 0

    before = len(os.listdir("/proc/self/fd"))
    async with aclosing(Assembled(begin).pieces()) as pieces:
        assert await anext(pieces) == b"some"
    assert ended.is_set()
    assert len(os.listdir("/proc/self/fd")) == before
