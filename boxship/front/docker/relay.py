"""Carry bytes between a client and a process until either is done. Chunks stay whole and wait for slow readers."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from boxship.front.docker.wire import stdcopy
from boxship.front.docker.wire.detach import Detacher
from boxship.host.api.runtime import Console


class Client(Protocol):
    """The client's end: a connection taken over, or a web socket."""

    @property
    def closed(self) -> asyncio.Event: ...

    async def read(self) -> bytes:
        """Return b"" once the client has ended its half."""
        ...

    async def write(self, data: bytes) -> None:
        """Raises ConnectionResetError when the client has gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """stdin: what the client sends is for the process; else it is dropped.
    ends_input: the end of the client's half is the end of the process's input; else it ends the session.
    keys: what the user types to leave; b"" if nothing does.
    framed: put stream numbers around what we send."""

    client: Client
    console: Console
    stdin: bool
    ends_input: bool
    keys: bytes
    framed: bool

    async def run(self) -> bool:
        """Return when the output has ended, the client has gone or it has detached; True when it has detached."""
        output = asyncio.create_task(self._output(), name="output to client")
        typing = asyncio.create_task(self._input(), name="input from client")
        gone = asyncio.create_task(self.client.closed.wait(), name="client goes")
        try:
            done, _ = await asyncio.wait({output, typing, gone}, return_when=asyncio.FIRST_COMPLETED)
            return typing in done and typing.exception() is None and typing.result()
        finally:
            for task in (output, typing, gone):
                task.cancel()
            await asyncio.gather(output, typing, gone, return_exceptions=True)
            self.console.close()

    async def _output(self) -> None:
        async for stream, data in self.console.output():
            await self.client.write(stdcopy.frame(stream, data) if self.framed else data)

    async def _input(self) -> bool:
        """Return True once the user has typed the keys, False when the end of the input ends the session."""
        detacher = Detacher(self.keys) if self.keys else None
        while data := await self.client.read():
            if not self.stdin:
                continue
            passed, left = detacher.feed(data) if detacher else (data, False)
            if passed:
                await self.console.write(passed)
            if left:
                return True
        if self.stdin:
            await self._end_input(detacher)
        if self.stdin and not self.ends_input:
            return False
        await self.client.closed.wait()
        return False

    async def _end_input(self, detacher: Detacher | None) -> None:
        if detacher is not None and (held := detacher.rest()):
            await self.console.write(held)
        self.console.close_input()
