"""All containers of one exec root, run by OCI runtimes under conmon. See host.api.runtime.Runtime."""

import asyncio
import os
import shutil
import signal as signals
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from boxship.base.errors import Conflict, Invalid, KernelError, NotFound, RuntimeFailed
from boxship.base.tasks import Tasks
from boxship.host import userspaces
from boxship.host.api.cgroups import Cgroups
from boxship.host.api.runtime import Console, ExecLaunch, Exit, Launch, Launched, Present, RuntimeInfo
from boxship.host.conmon import monitor, orphans, terminal
from boxship.host.conmon.console import connect
from boxship.host.conmon.control import Control
from boxship.host.conmon.exits import Exits
from boxship.host.conmon.input import Input, pipe_of
from boxship.host.oci import execs, record, state, strays
from boxship.host.oci.copies import Copies
from boxship.host.oci.filters import Filters
from boxship.host.oci.layout import Layout
from boxship.host.oci.programs import Programs, wants_maps
from boxship.host.oci.record import Identified, Record
from boxship.host.oci.sentences import START, UPDATE, failure
from boxship.host.process import run, signal

KILLED = 128 + signals.SIGKILL
DYING = 10.0  # seconds that a killed process may take to end
SWEEP = 0.1  # seconds between looks for dead children that hold it back
PATIENCE = 30.0  # seconds that a runtime may take for one order


class ConmonRuntime:
    def __init__(self, exec_root: str, cgroups: Cgroups, programs: Programs, conmon: str = "/usr/bin/conmon") -> None:
        self._layout = Layout(exec_root)
        self._cgroups = cgroups
        self._programs = programs
        self._conmon = conmon
        self._records: dict[str, Record] = {}
        self._guarded: dict[str, Identified] = {}  # whose monitor is watched
        self._exits = Exits(self._layout)
        self._control = Control()
        self._copies = Copies(self._layout.programs)
        self._filters = Filters()
        self._tasks = Tasks()
        strays.adopt()

    def bundle(self, id: str) -> str:
        return self._layout.bundle(id)

    async def create(self, launch: Launch) -> Launched:
        if not launch.users_of:
            return await self._create(launch, launch.config)
        with userspaces.owner(launch.users_of) as users:
            maps = wants_maps(self._runtime(launch.runtime))
            return await self._create(launch, _joining(launch.config, users, maps=maps))

    async def _create(self, launch: Launch, config: Mapping[str, Any]) -> Launched:
        runtime = self._runtime(launch.runtime)
        linux, cgroup = config["linux"], config["linux"].get("cgroupsPath", "")
        limits = linux.get("resources") or {}
        admitted = {**config, "linux": {**linux, "resources": self._cgroups.admit(cgroup, limits)}}
        self._prepare(launch, runtime, admitted)
        started = monitor.start(self._conmon, launch, runtime, self._layout)
        self._remember(launch.id, Record(
            runtime=runtime.name, cgroup=cgroup,
            hooks=bool(launch.config.get("hooks")), monitor=record.identify(started.process.pid),
        ))  # fmt: skip
        try:
            pid = await started.created()
            self._cgroups.complete(cgroup, limits)
        except BaseException:
            await asyncio.shield(self._undo(launch.id))
            raise
        known, stdin = self._records[launch.id], pipe_of(pid) if launch.stdin else ""
        self._remember(launch.id, msgspec.structs.replace(known, first=record.identify(pid), stdin=stdin))
        if state.readable(runtime):
            root = self._layout.runtime_root(runtime.name)
            self._filters.learn(launch.config, runtime.version, f"{root}/{launch.id}")
        self._watch(launch.id, started.process.wait)
        return Launched(pid=pid, conmon_pid=started.process.pid)

    def _prepare(self, launch: Launch, runtime: RuntimeInfo, config: dict[str, Any]) -> None:
        """Lay out the bundle; traces of the container's last run go."""
        self._exits.forget(launch.id)
        for directory in (self._layout.exits, self._layout.runtime_root(runtime.name)):
            os.makedirs(directory, mode=0o700, exist_ok=True)
        os.makedirs(self._layout.bundle(launch.id), mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            os.unlink(self._layout.oom(launch.id))
        ready = self._filters.ready(config, runtime.version) if state.readable(runtime) else config
        monitor.write_config(self._layout.config(launch.id), ready)

    def _remember(self, id: str, made: Record) -> None:
        record.write(self._layout.record(id), made)
        self._records[id] = made

    async def _undo(self, id: str) -> None:
        """Leave nothing of a container that could not be created."""
        with suppress(RuntimeFailed, KernelError):
            await self.delete(id)
        self.forget(id)

    def _watch(self, id: str, end: Callable[[], Awaitable[object]]) -> None:
        """end: returns when the container's monitor has ended."""
        self._guarded[id] = self._record(id).monitor
        self._tasks.spawn(self._guard(id, end), f"monitor of {id}")

    async def _guard(self, id: str, end: Callable[[], Awaitable[object]]) -> None:
        """See to it that an exit is recorded even when the monitor dies: then nobody can tell the real one, and
        nobody reads the container's output any more, so it is ended too."""
        watched = self._guarded.get(id)
        await end()
        if watched is None or self._guarded.get(id) != watched:
            return  # deleted meanwhile, and perhaps made again
        del self._guarded[id]
        if self._exits.of(id) is not None:
            return
        first = self._record(id).first
        if first.pid:
            signal(first.pid, signals.SIGKILL, first.start)
            await orphans.ended(first)
            strays.collect()
        self._exits.record(id, KILLED)

    async def start(self, id: str, runtime: str = "") -> None:
        info = self._runtime(self._record(id).runtime or runtime)
        root = self._layout.runtime_root(info.name)
        if state.readable(info) and not self._record(id).hooks and state.start(root, id):
            return
        await self._order(info, START, "start", id)

    async def _order(self, info: RuntimeInfo, stage: str, *words: str, input: bytes = b"") -> None:
        argv = [info.program, *info.args, "--root", self._layout.runtime_root(info.name), *words]
        done = await run(argv, env=execs.ENVIRONMENT, input=input, timeout=PATIENCE)
        if done.code != 0:
            raise failure(stage, done.err.decode(errors="replace"))

    def signal(self, id: str, pid: int, signum: int) -> bool:
        first = self._record(id).first
        return first.pid == pid and signal(pid, signum, first.start)

    async def delete(self, id: str, runtime: str = "") -> None:
        self._guarded.pop(id, None)
        known = self._record(id)
        for process in (known.monitor, known.first):
            await _end(process)
        strays.collect()
        await self._remove_cgroup(known.cgroup)
        await self._remove_state(id, known.runtime or runtime, known.hooks)

    async def _remove_cgroup(self, path: str) -> None:
        """Remove the container's cgroup; processes that outlived its first one are killed."""
        if not path or path == "/":
            return
        for pause in (0.0, 0.002, 0.01, 0.05, 0.2, 1.0):
            try:
                self._cgroups.remove(path)
            except KernelError:
                self._cgroups.kill(path)
                await asyncio.sleep(pause)
            else:
                return
        self._cgroups.remove(path)

    async def _remove_state(self, id: str, name: str, hooks: bool) -> None:
        try:
            info = self._runtime(name)
        except Invalid:  # a runtime that was taken out of the configuration
            state.purge(self._layout.runtime_root(name), id)
            return
        root = self._layout.runtime_root(info.name)
        if not os.path.exists(f"{root}/{id}") or (state.readable(info) and not hooks and state.remove(root, id)):
            return
        try:
            await self._order(info, "OCI runtime delete failed", "delete", "--force", id)
        except RuntimeFailed:
            state.purge(root, id)

    async def update(self, id: str, resources: Mapping[str, Any], runtime: str = "") -> None:
        info = self._runtime(self._record(id).runtime or runtime)
        cgroup = self._record(id).cgroup
        text = msgspec.json.encode(self._cgroups.admit(cgroup, resources))
        await self._order(info, UPDATE, "update", "--resources", "/proc/self/fd/0", id, input=text)
        self._cgroups.complete(cgroup, resources)

    async def pause(self, id: str) -> None:
        await self._cgroups.freeze(self._record(id).cgroup)

    async def resume(self, id: str) -> None:
        await self._cgroups.thaw(self._record(id).cgroup)

    def resize(self, id: str, height: int, width: int) -> None:
        self._control.resize(self._layout.control(id), height, width)

    def set_first_size(self, id: str, height: int, width: int) -> None:
        terminal.set_size(self._record(id).first.pid, height, width)

    def reopen_log(self, id: str) -> None:
        with suppress(NotFound):
            self._control.reopen_log(self._layout.control(id))

    async def attach(self, id: str) -> Console:
        known = self._record(id)
        return connect(self._layout.attach(id), Input(known) if known.stdin else None)

    async def exec(self, launch: ExecLaunch) -> execs.RunningExec:
        info = self._runtime(self._record(launch.id).runtime or launch.runtime)
        return await execs.start(launch, info, self._layout)

    async def exits(self) -> AsyncIterator[Exit]:
        self._adopt()
        async for exit in self._exits.follow():
            yield exit

    def _adopt(self) -> None:
        """Watch the monitors that an earlier daemon started."""
        for id in self.present():
            known = self._record(id)
            if self._exits.of(id) is None and id not in self._guarded:
                self._watch(id, partial(orphans.ended, known.monitor))

    def exit_of(self, id: str) -> Exit | None:
        return self._exits.of(id)

    def forget(self, id: str) -> None:
        self._exits.forget(id)
        self._records.pop(id, None)
        shutil.rmtree(self._layout.bundle(id), ignore_errors=True)

    def present(self) -> Mapping[str, Present]:
        ids = orphans.bundles(self._layout)
        told = {id: record.read(self._layout.record(id)) for id in ids}
        lost = any(known is None or not known.first.pid for known in told.values())
        monitors = orphans.running_monitors(self._layout) if lost else {}
        for id in ids:
            self._records[id] = orphans.reconstruct(self._layout, id, monitors)
        return {id: self._present(id) for id in ids}

    def _present(self, id: str) -> Present:
        known = self._records[id]
        running = record.lives(known.first)
        gate_open = state.started(self._layout.runtime_root(known.runtime), id)
        return Present(
            pid=known.first.pid or None,
            running=running,
            started=bool(known.first.pid) and gate_open,
            conmon_pid=known.monitor.pid if record.lives(known.monitor) else None,
        )

    def _record(self, id: str) -> Record:
        """Return who was started for a container; an empty record when nobody knows."""
        known = self._records.get(id)
        if known is None:
            known = record.read(self._layout.record(id)) or Record(runtime="")
            if known.runtime:
                self._records[id] = known
        return known

    def _runtime(self, name: str) -> RuntimeInfo:
        info = self._programs.get(name)
        return msgspec.structs.replace(info, copy=self._copies.of(info))

    async def probe(self) -> Mapping[str, RuntimeInfo]:
        return await self._programs.probe()

    async def aclose(self) -> None:
        self._exits.close()
        await self._tasks.aclose()
        self._copies.close()


def _joining(config: Mapping[str, Any], users: int, *, maps: bool) -> dict[str, Any]:
    """Return `config` with its user namespace being the one behind our descriptor; maps: tell its maps of ids as well.
    Raises Conflict for our own, which has other ids."""
    if userspaces.is_ours(users):
        raise Conflict("cannot share a namespace with a container that runs without a user namespace (userns=host)")
    path = f"/proc/{os.getpid()}/fd/{users}"
    spaces = [{**s, "path": path} if s["type"] == "user" else s for s in config["linux"]["namespaces"]]
    linux = {k: v for k, v in config["linux"].items() if maps or k not in ("uidMappings", "gidMappings")}
    return {**config, "linux": {**linux, "namespaces": spaces}}


async def _end(process: Identified) -> None:
    """Kill a process if it is still itself, and wait until it is gone. Raises RuntimeFailed when it cannot be killed:
    it hangs in the kernel."""
    if not process.pid or not signal(process.pid, signals.SIGKILL, process.start):
        return
    for _ in range(int(DYING / SWEEP)):
        try:
            async with asyncio.timeout(SWEEP):
                await orphans.ended(process)
        except TimeoutError:
            strays.collect()
        else:
            return
    raise RuntimeFailed(f"tried to kill process {process.pid}, but it did not end within {DYING:g} seconds")
