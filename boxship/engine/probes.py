"""Runs health checks inside containers. When, and what a result means, is decided in health.py."""

import asyncio
import logging
from collections.abc import Callable

from boxship.base.errors import PlatformError
from boxship.base.ids import new_id
from boxship.base.units import SECOND
from boxship.engine import health, signals, transitions
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.host.api.runtime import ExecLaunch, ExecProcess
from boxship.model.container import HealthSpec
from boxship.model.exec import ExecSpec
from boxship.model.status import Container, HealthStatus, ProbeResult, State
from boxship.reconcile.controller import Controller

log = logging.getLogger(__name__)


class Probes:
    """`unhealthy` is called with a container that has become so and asks to be restarted then."""

    def __init__(self, records: Records, parts: Parts, unhealthy: Callable[[Container], None]) -> None:
        self._records = records
        self._parts = parts
        self._unhealthy = unhealthy
        self._workers = Controller(self._look, parts.clock, "health of")

    def wake(self, container_id: str) -> None:
        """The container runs, again or still: probe it when it is time."""
        c = self._records.of(container_id)
        if c is not None and c.status.health is not None:
            self._workers.wake(container_id)

    async def aclose(self) -> None:
        await self._workers.aclose()

    async def _look(self, container_id: str) -> int | None:
        """Probe if it is time; return when to look again, None when there is nothing to look after."""
        c = self._records.of(container_id)
        if c is None or c.status.state is not State.RUNNING or c.status.health is None:
            return None
        spec = c.spec.healthcheck
        if spec is None or not (command := health.command(spec, c.spec.shell)):
            return None
        due = health.next_probe(spec, c.status.health, c.status.started_at)
        if self._parts.clock.now() < due:
            return due
        result = await self._probe(c, spec, command)
        return await self._learn(c, spec, result)

    async def _learn(self, before: Container, spec: HealthSpec, result: ProbeResult) -> int | None:
        c = self._records.of(before.id)
        if c is None or c.status.state is not State.RUNNING or c.status.started_at != before.status.started_at:
            return None  # it ended meanwhile; its next start wakes us
        old = c.status.health or HealthStatus()
        new = health.after(spec, old, result, c.status.started_at)
        c = await self._records.save(transitions.probed(c, new))
        if new.status != old.status:
            self._parts.events.container(c, f"health_status: {new.status}")
            if new.status == health.UNHEALTHY and health.wants_restart(c):
                self._unhealthy(c)
        return health.next_probe(spec, new, c.status.started_at)

    async def _probe(self, c: Container, spec: HealthSpec, command: tuple[str, ...]) -> ProbeResult:
        start = self._parts.clock.now()
        exec_id = new_id()
        self._tell(c, "exec_create", command, exec_id)
        try:
            process = await self._launch(c, command)
            self._tell(c, "exec_start", command, exec_id)
            code, output = await self._watch(process, spec.timeout or health.TIMEOUT)
        except PlatformError as e:
            code, output = -1, str(e).encode()
        self._parts.events.container(c, "exec_die", execID=exec_id, exitCode=str(code))
        return ProbeResult(start=start, end=self._parts.clock.now(), exit_code=code, output=health.cut(output))

    async def _launch(self, c: Container, command: tuple[str, ...]) -> ExecProcess:
        asked = ExecSpec(cmd=command, attach_stdout=True, attach_stderr=True)
        process = await self._parts.launcher.process_of(c, asked)
        return await self._parts.runtime.exec(ExecLaunch(id=c.id, process=process, runtime=c.runtime))

    async def _watch(self, process: ExecProcess, timeout: int) -> tuple[int, bytes]:
        """Return exit code and output of a probe; it is killed when its time is over."""
        output = bytearray()
        reading = asyncio.ensure_future(_collect(process, output))
        try:
            code = await asyncio.wait_for(process.wait(), timeout / SECOND)
            await asyncio.wait({reading}, timeout=1)
            return code, bytes(output)
        except TimeoutError:
            process.signal(signals.KILL)
            said = f": {bytes(output).decode(errors='replace')}" if output else ""
            return -1, f"Health check exceeded timeout ({_go_duration(timeout)}){said}".encode()
        finally:
            reading.cancel()
            if process.console is not None:
                process.console.close()

    def _tell(self, c: Container, action: str, command: tuple[str, ...], exec_id: str) -> None:
        self._parts.events.container(c, f"{action}: {' '.join(command)}", execID=exec_id)


async def _collect(process: ExecProcess, output: bytearray) -> None:
    if process.console is None:
        return
    async for _, data in process.console.output():
        if len(output) <= health.OUTPUT:
            output += data


def _go_duration(nanoseconds: int) -> str:
    """Return `1m30s`, `500ms`: Go's way of printing a duration."""
    if nanoseconds < SECOND:
        return f"{nanoseconds / 1e6:g}ms"
    minutes, rest = divmod(nanoseconds / SECOND, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:g}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
