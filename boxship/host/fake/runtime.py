"""An OCI runtime without processes. Implements boxship.host.api.runtime.Runtime on a Machine."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from boxship.base.errors import NotFound, RuntimeFailed
from boxship.host.api.runtime import Console, ExecLaunch, ExecProcess, Exit, Launch, Launched, Present, RuntimeInfo
from boxship.host.fake.machine import Machine


class SilentConsole:
    """Streams of a program that says nothing."""

    def __init__(self, said: bytes = b"") -> None:
        self._said = said

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        if self._said:
            yield 1, self._said

    async def write(self, data: bytes) -> None:
        return None

    def close_input(self) -> None:
        return None

    def close(self) -> None:
        return None


class FakeExec:
    """A process that has ended as soon as it began; a code of None never ends by itself."""

    def __init__(self, code: int | None) -> None:
        self.pid = 1
        self.console: Console = SilentConsole(b"probed")
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if code is not None:
            self._end.set_result(code)

    async def began(self) -> bool:
        return True

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def resize(self, height: int, width: int) -> None:
        return None

    def signal(self, signum: int) -> None:
        if not self._end.done():
            self._end.set_result(128 + signum)


class FakeRuntime:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.updates: list[tuple[str, Mapping[str, Any]]] = []

    def bundle(self, id: str) -> str:
        return f"/fake/bundles/{id}"

    async def create(self, launch: Launch) -> Launched:
        await asyncio.sleep(0)
        program = self._machine.programs.get(launch.id, self._machine.default)
        if program.fails:
            raise RuntimeFailed(program.fails)
        instance = self._machine.spawn(launch)
        return Launched(pid=instance.pid, conmon_pid=instance.conmon_pid)

    async def start(self, id: str, runtime: str = "") -> None:
        await asyncio.sleep(0)
        if id not in self._machine.instances:
            raise RuntimeFailed(f"container {id} does not exist")
        self._machine.run(id)

    def signal(self, id: str, pid: int, signum: int) -> bool:
        return self._machine.signal(id, pid, signum)

    async def delete(self, id: str, runtime: str = "") -> None:
        await asyncio.sleep(0)
        self._machine.end(id, 137)

    async def update(self, id: str, resources: Mapping[str, Any], runtime: str = "") -> None:
        self.updates.append((id, resources))

    async def pause(self, id: str) -> None:
        self._machine.instances[id].frozen = True

    async def resume(self, id: str) -> None:
        if id in self._machine.instances:
            self._machine.thaw(id)

    def resize(self, id: str, height: int, width: int) -> None:
        if id not in self._machine.instances:
            raise NotFound(f"container {id} has no monitor")

    def set_first_size(self, id: str, height: int, width: int) -> None:
        return None

    def reopen_log(self, id: str) -> None:
        return None

    async def attach(self, id: str) -> Console:
        return SilentConsole()

    async def exec(self, launch: ExecLaunch) -> ExecProcess:
        code = self._machine.probe_codes.get(launch.id, 0)
        return FakeExec(None if code < 0 else code)

    async def exits(self) -> AsyncIterator[Exit]:
        queue = self._machine.listen()
        while True:
            yield await queue.get()

    def exit_of(self, id: str) -> Exit | None:
        return self._machine.exits.get(id)

    def forget(self, id: str) -> None:
        self._machine.exits.pop(id, None)
        instance = self._machine.instances.pop(id, None)
        if instance is not None and instance.timer is not None:
            instance.timer.cancel()

    def present(self) -> Mapping[str, Present]:
        return {
            id: Present(pid=x.pid, running=x.alive, started=x.started, conmon_pid=x.conmon_pid or None)
            for id, x in self._machine.instances.items()
        }

    async def probe(self) -> Mapping[str, RuntimeInfo]:
        return {"crun": RuntimeInfo(name="crun", path="/fake/crun", version="1.0")}

    async def aclose(self) -> None:
        self._machine.deafen()


class FakeMounts:
    """Mounts that are only noted down."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def overlay(
        self,
        target: str,
        lowers: tuple[str, ...],
        upper: str,
        work: str,
        options: Iterable[str] = (),
        *,
        owner: tuple[int, int] | None = None,
    ) -> None:
        self._machine.mounts[target] = (*lowers, upper)

    def unmount(self, target: str) -> None:
        self._machine.mounts.pop(target, None)

    def mounted_under(self, prefix: str) -> list[str]:
        return [target for target in self._machine.mounts if target.startswith(prefix)]

    def tmpfs(self, target: str, *, size: int | None = None, mode: int = 0o755, options: Iterable[str] = ()) -> None:
        self._machine.mounts[target] = ("tmpfs",)
