"""A layer's tar on its way out of its tree, packed by a child process: the parent's end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from boxship.base.errors import PlatformError
from boxship.host.pipes import drain, wide_pipe

Begin = Callable[[int, int], Coroutine[Any, Any, tuple[str, int]]]
"""Writes to the first descriptor, notes in the second how far it is; returns digest and size of what it wrote."""


class Assembled:
    """The Protocol of the same name."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._counter = -1
        self._passed = 0
        self.digest, self.size = "", 0
        self.failure: PlatformError | None = None

    @property
    def passed(self) -> int:
        return int.from_bytes(os.pread(self._counter, 8, 0), "big") if self._counter >= 0 else self._passed

    async def pieces(self) -> AsyncIterator[bytes]:
        source, sink = wide_pipe()
        self._counter = os.memfd_create("passed", os.MFD_CLOEXEC)
        work = asyncio.create_task(self._work(sink), name="assemble")
        try:
            async for piece in drain(source):
                yield piece
            self.digest, self.size = await work
        except PlatformError as e:
            self.failure = e
            raise
        finally:
            os.close(source)
            work.cancel()
            await asyncio.wait([work])
            self._passed = self.passed
            os.close(self._counter)
            self._counter = -1

    async def _work(self, sink: int) -> tuple[str, int]:
        try:
            return await self._begin(sink, self._counter)
        finally:
            os.close(sink)
