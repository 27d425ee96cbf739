"""Attachments: clients that listen to a container's output and type into its input.

All clients of a container share one console, so that one of them leaving never ends the input of another.
An attachment may be made before the container starts; it then gets every byte from the first one on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from boxship.base.clock import Clock
from boxship.base.errors import Conflict, PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.events import Events
from boxship.engine.logs import LogQuery, Logs
from boxship.host.api.runtime import STDERR, STDOUT, Console, Runtime
from boxship.model.status import Container, State

BACKLOG = 16  # chunks kept for a slow client; then it holds the process back, as a pipe would
RUNNING = (State.RUNNING, State.PAUSED)
log = logging.getLogger(__name__)


class Attachment:
    """One client's end of a container's streams; a Console. past: what its output begins with."""

    def __init__(self, hub: "_Hub", wanted: frozenset[int], stdin: bool) -> None:
        self._hub = hub
        self._wanted = wanted
        self.past: AsyncIterator[tuple[int, bytes]] | None = None
        self.stdin = stdin
        self.closed = False
        self._chunks: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(BACKLOG)  # None: no more will come

    async def feed(self, stream: int, data: bytes) -> None:
        """Hand over output; waits while the client is slow."""
        if stream in self._wanted and not self.closed:
            await self._chunks.put((stream, data))

    def ended(self) -> None:
        """No more output will come."""
        self._hub.tasks.spawn(self._chunks.put(None), "end of attachment")

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        if self.past is not None:
            async for old in self.past:
                yield old
        while not self.closed and (chunk := await self._chunks.get()) is not None:
            yield chunk

    async def write(self, data: bytes) -> None:
        if self.stdin and not self.closed:
            await self._hub.write(data)

    def close_input(self) -> None:
        if self.stdin:
            self._hub.close_input()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        while not self._chunks.empty():
            self._chunks.get_nowait()  # wakes a feeder that waits for room
        self._hub.leave(self)


class _Hub:
    """One run of one container: its console and who listens."""

    def __init__(self, container: Container, tasks: Tasks, gone: Callable[[], None]) -> None:
        spec = container.spec
        self.id = container.id
        self.tasks = tasks
        self._gone = gone
        self._attachments: list[Attachment] = []
        self._console: asyncio.Future[Console | None] = asyncio.get_running_loop().create_future()
        self._writing = asyncio.Lock()
        self._connecting = asyncio.Lock()
        # The monitor ends such a process's input with its first console, so ours must stay until then.
        self._owes_input = spec.open_stdin and spec.stdin_once and not spec.tty
        self._ends_input = self._owes_input

    @property
    def waiting(self) -> bool:
        return not self._console.done()

    def join(self, attachment: Attachment) -> None:
        self._attachments.append(attachment)

    async def connect(self, runtime: Runtime) -> None:
        """Connect to the running or created container, once."""
        async with self._connecting:
            if not self.waiting:
                return
            console = await runtime.attach(self.id)
            self._console.set_result(console)
            self.tasks.spawn(self._pump(console), f"output of {self.id}")

    async def _pump(self, console: Console) -> None:
        try:
            async for stream, data in console.output():
                for attachment in tuple(self._attachments):
                    await attachment.feed(stream, data)
        finally:
            self.end()

    def end(self) -> None:
        """The run is over, or will not happen: nobody gets anything more."""
        if not self._console.done():
            self._console.set_result(None)  # it never was connected
        for attachment in self._attachments:
            attachment.ended()
        self._attachments.clear()
        self._let_go()

    async def write(self, data: bytes) -> None:
        async with self._writing:
            console = await asyncio.shield(self._console)
            if console is not None:
                await console.write(data)

    def close_input(self) -> None:
        if not self._ends_input or not self._owes_input:
            return
        self._owes_input = False
        self.tasks.spawn(self._close_input(), f"end of input of {self.id}")

    async def _close_input(self) -> None:
        async with self._writing:
            console = await asyncio.shield(self._console)
            if console is not None:
                console.close_input()
        if not self._attachments:
            self._let_go()

    def leave(self, attachment: Attachment) -> None:
        with suppress(ValueError):
            self._attachments.remove(attachment)
        attachment.close_input()
        if not self._attachments and not self._owes_input:
            self._let_go()

    def _let_go(self) -> None:
        self._gone()
        console = self._console.result() if self._console.done() else None
        if console is not None:
            console.close()


class Streams:
    def __init__(self, runtime: Runtime, logs: Logs, events: Events, clock: Clock) -> None:
        self._clock = clock
        self._runtime = runtime
        self._logs = logs
        self._events = events
        self._hubs: dict[str, _Hub] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._tasks = Tasks()

    async def attach(
        self, container: Container, *, stdin: bool, stdout: bool, stderr: bool, stream: bool, logs: bool
    ) -> Attachment:
        """Return a console of the container, which need not run yet. With `logs` it first yields what was logged,
        with `stream` what comes from now on. Raises Conflict for a paused or restarting container."""
        _refuse_attach(container)
        wanted = frozenset(number for number, asked in ((STDOUT, stdout), (STDERR, stderr)) if asked)
        hub = self._hub(container) if stream else self._silent(container)
        attachment = Attachment(hub, wanted, stdin and stream and container.spec.open_stdin)
        if stream:
            hub.join(attachment)
            await self._connect_running(container, hub)
        else:
            attachment.ended()
        if logs and wanted:
            # What the monitor reads from now on comes by the stream; it stamps what it reads before it sends it.
            attachment.past = self._replay(container, wanted, self._clock.now())
        self._events.container(container, "attach")
        return attachment

    async def _replay(
        self, container: Container, wanted: frozenset[int], until: int
    ) -> AsyncIterator[tuple[int, bytes]]:
        query = LogQuery(stdout=STDOUT in wanted, stderr=STDERR in wanted, until=until)
        async for lines in self._logs.read(container, query):
            for line in lines:
                yield line.stream, line.text

    def _hub(self, container: Container) -> _Hub:
        hub = self._hubs.get(container.id)
        if hub is None:
            hub = self._hubs[container.id] = _Hub(container, self._tasks, lambda: self._forget(container.id, hub))
        return hub

    def _silent(self, container: Container) -> _Hub:
        """A hub that nobody will ever connect."""
        return _Hub(container, self._tasks, lambda: None)

    def _forget(self, container_id: str, hub: _Hub | None) -> None:
        if self._hubs.get(container_id) is hub:
            del self._hubs[container_id]

    async def _connect_running(self, container: Container, hub: _Hub) -> None:
        if container.status.state in RUNNING:
            await hub.connect(self._runtime)

    async def launched(self, container_id: str) -> None:
        """The container is created in the runtime and not started: connect who waits, set the size asked for."""
        size = self._sizes.pop(container_id, None)
        if size is not None:
            self._runtime.set_first_size(container_id, *size)
        hub = self._hubs.get(container_id)
        if hub is not None:
            await hub.connect(self._runtime)

    def ended(self, container_id: str) -> None:
        """The container was removed or failed to start: who still waits for its start gets the end of the stream."""
        self._sizes.pop(container_id, None)
        hub = self._hubs.get(container_id)
        if hub is not None and hub.waiting:
            hub.end()

    def detached(self, container: Container) -> None:
        """A client left with the detach keys."""
        self._events.container(container, "detach")

    def resize(self, container: Container, height: int, width: int) -> None:
        """Set the terminal's size, at the start if it has not run yet. Raises Conflict if it has run and does not."""
        if container.status.state in RUNNING:
            self._runtime.resize(container.id, height, width)
        elif container.status.state is State.CREATED or container.id in self._hubs:
            self._sizes[container.id] = (height, width)
        else:
            raise Conflict(f"container {container.id} is not running")
        self._events.container(container, "resize", height=str(height), width=str(width))

    async def aclose(self) -> None:
        for hub in tuple(self._hubs.values()):
            with suppress(PlatformError):
                hub.end()
        await self._tasks.aclose()


def _refuse_attach(container: Container) -> None:
    if container.status.state is State.PAUSED:
        raise Conflict(f"container {container.id} is paused, unpause the container before attach")
    if container.status.state is State.RESTARTING:
        raise Conflict(f"container {container.id} is restarting, wait until the container is running")
