"""Further processes in running containers: made, started once, watched, forgotten some time after their end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from msgspec import structs

from boxship.base.clock import Clock
from boxship.base.errors import CommandNotFound, CommandNotRunnable, Conflict, Invalid, NotFound, RuntimeFailed
from boxship.base.ids import new_id
from boxship.base.tasks import Tasks
from boxship.base.units import SECOND
from boxship.engine.events import Events
from boxship.engine.lookup import Lookup
from boxship.host.api.runtime import Console, ExecLaunch, ExecProcess, Runtime
from boxship.model.exec import ExecSpec, ExecStatus
from boxship.model.status import Container, State

KEPT = 300 * SECOND  # how long an ended exec can be asked for its exit code
LINGER = 2.0  # seconds that silence may last after the end, while a grandchild holds the output open
FAILED = 128
log = logging.getLogger(__name__)

Oci = Mapping[str, Any]
ProcessOf = Callable[[Container, ExecSpec], Awaitable[Oci]]
"""Give the OCI `process` object for an exec: the container's rights, the spec's user, directory and variables."""


class Session:
    """The streams of a started exec; a Console. Its output ends only when the exit code is known, so that a client
    that reads to the end and then asks gets it. A failure to start is its only output, as in dockerd."""

    def __init__(self) -> None:
        self.finished = asyncio.Event()
        self.failure = ""
        self._process: ExecProcess | None = None
        self._console: Console | None = None
        self._stirred = False
        self._reading = False

    def begin(self, process: ExecProcess) -> None:
        self._process, self._console = process, process.console

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        if self._process is not None and not await self._process.began():
            await self.finished.wait()
        if self._console is not None and not self.failure:
            self._reading = True
            async for chunk in self._console.output():
                self._stirred, self._reading = True, False
                yield chunk
                self._reading = True
        await self.finished.wait()
        if self.failure:
            yield 1, f"{self.failure}\r\n".encode()

    async def wind_up(self) -> None:
        """Let the output end although something else holds it open, once it has been silent for LINGER."""
        while self._console is not None and (self._stirred or not self._reading):
            self._stirred = False
            await asyncio.sleep(LINGER)
        self.close()

    async def write(self, data: bytes) -> None:
        if self._console is not None:
            await self._console.write(data)

    def close_input(self) -> None:
        if self._console is not None:
            self._console.close_input()

    def close(self) -> None:
        if self._console is not None:
            self._console.close()


class _Exec:
    """One exec in the making, running or ended."""

    def __init__(self, status: ExecStatus) -> None:
        self.status = status
        self.size = status.spec.console_size
        self.process: ExecProcess | None = None


class Execs:
    def __init__(
        self, containers: Lookup, runtime: Runtime, events: Events, clock: Clock, process_of: ProcessOf
    ) -> None:
        self._containers = containers
        self._runtime = runtime
        self._events = events
        self._clock = clock
        self._process_of = process_of
        self._execs: dict[str, _Exec] = {}
        self._tasks = Tasks()

    def create(self, ref: str, spec: ExecSpec) -> str:
        """Return the id of a new exec. Raises NotFound, Conflict unless the container runs, Invalid without command."""
        container = self._containers.get(ref)
        _require_running(container)
        if not spec.cmd:
            raise Invalid("No exec command specified")
        self._forget_old()
        status = ExecStatus(id=new_id(), container_id=container.id, spec=spec)
        self._execs[status.id] = _Exec(status)
        self._tell(container, f"exec_create: {' '.join(spec.cmd)}", status.id)
        return status.id

    async def start(self, exec_id: str, *, detach: bool, size: tuple[int, int] | None = None) -> Session | None:
        """Start it; return its streams, None when detached. Raises NotFound, Conflict when it was started before or
        the container does not run, and RuntimeFailed or Invalid when detached and it cannot be started."""
        entry, container = self._startable(exec_id)
        entry.status = structs.replace(entry.status, running=True)
        entry.size = size or entry.size
        self._tell(container, f"exec_start: {' '.join(entry.status.spec.cmd)}", exec_id)
        session = Session()
        try:
            entry.process = process = await self._launch(container, entry, detach)
        except BaseException as error:
            self._failed(entry, session, error)
            if detach or not isinstance(error, RuntimeFailed | Invalid):
                raise
            return session
        session.begin(process)
        entry.status = structs.replace(entry.status, pid=process.pid)
        self._tasks.spawn(self._watch(container, entry, process, session), f"exec {exec_id}")
        return None if detach else session

    def require_startable(self, exec_id: str) -> None:
        """Raises NotFound, and Conflict when it was started before or the container does not run."""
        self._startable(exec_id)

    def _startable(self, exec_id: str) -> tuple[_Exec, Container]:
        entry = self._get(exec_id)
        container = self._containers.get(entry.status.container_id)
        _require_running(container)
        if entry.status.started:
            state = "is already running" if entry.status.running else "has already run"
            raise Conflict(f"error: exec command {exec_id} {state}")
        return entry, container

    async def _launch(self, container: Container, entry: _Exec, detach: bool) -> ExecProcess:
        spec = entry.status.spec
        launch = ExecLaunch(
            id=container.id,
            process=await self._process_of(container, spec),
            runtime=container.runtime,
            terminal=spec.tty,
            stdin=spec.attach_stdin and not detach,
            detach=detach,
            size=entry.size if spec.tty and all(entry.size) else None,
        )
        return await self._runtime.exec(launch)

    async def _watch(self, container: Container, entry: _Exec, process: ExecProcess, session: Session) -> None:
        try:
            code = await process.wait()
        except RuntimeFailed as error:
            self._failed(entry, session, error)
            return
        self._ended(entry, code)
        self._tell(container, "exec_die", entry.status.id, exitCode=str(code))
        session.finished.set()
        await session.wind_up()

    def _failed(self, entry: _Exec, session: Session, error: BaseException) -> None:
        self._ended(entry, code_of(error))
        session.failure = str(error)
        session.finished.set()

    def _ended(self, entry: _Exec, code: int) -> None:
        entry.process = None
        entry.status = structs.replace(entry.status, running=False, exit_code=code, ended=self._clock.now())

    def resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the terminal's size, at the start if it has not started yet. Raises NotFound, Conflict after its end."""
        entry = self._get(exec_id)
        if entry.status.ended:
            raise Conflict(f"exec instance {exec_id} is not running")
        entry.size = (height, width)
        if entry.process is not None:
            entry.process.resize(height, width)

    def inspect(self, exec_id: str) -> ExecStatus:
        """Raises NotFound for an unknown one, and for one whose container is gone."""
        entry = self._get(exec_id)
        self._find(entry.status)
        if entry.process is not None and not entry.status.pid:
            entry.status = structs.replace(entry.status, pid=entry.process.pid)
        return entry.status

    def for_container(self, container_id: str) -> tuple[str, ...]:
        """Return the ids of its execs that have not ended."""
        return tuple(e.status.id for e in self._execs.values() if _is_open(e) and e.status.container_id == container_id)

    def detached(self, exec_id: str) -> None:
        """A client left with the detach keys."""
        status = self._get(exec_id).status
        self._tell(self._find(status), "exec_detach", exec_id)

    def _get(self, exec_id: str) -> _Exec:
        try:
            return self._execs[exec_id]
        except KeyError:
            raise NotFound(f"No such exec instance: {exec_id}") from None

    def _find(self, status: ExecStatus) -> Container:
        try:
            return self._containers.get(status.container_id)
        except NotFound:
            raise NotFound(f"No such exec instance: {status.id}") from None

    def _tell(self, container: Container, action: str, exec_id: str, **more: str) -> None:
        self._events.container(container, action, execID=exec_id, **more)

    def _forget_old(self) -> None:
        """Drop what ended long ago, and what was never started in a container that is gone."""
        limit = self._clock.now() - KEPT
        present = {container.id for container in self._containers.all()}
        for entry in tuple(self._execs.values()):
            status = entry.status
            if (status.ended and status.ended < limit) or status.container_id not in present:
                del self._execs[status.id]

    async def aclose(self) -> None:
        """Let go; what runs goes on."""
        await self._tasks.aclose()


def code_of(error: BaseException) -> int:
    """Return the exit code that stands for a failure to start: 127 not found, 126 not allowed, else 128."""
    if isinstance(error, CommandNotFound | CommandNotRunnable):
        return error.exit_code
    return CommandNotRunnable.exit_code if isinstance(error, Invalid) else FAILED


def _is_open(entry: _Exec) -> bool:
    return not entry.status.ended


def _require_running(container: Container) -> None:
    state = container.status.state
    if state is State.PAUSED:
        raise Conflict(f"Container {container.id} is paused, unpause the container before exec")
    if state is State.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if state is not State.RUNNING:
        raise Conflict(f"container {container.id} is not running")
