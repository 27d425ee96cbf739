"""`<runtime> run` with pipes: a container for one process, watched by nobody but us. See host.api.once."""

import asyncio
import os
import shutil
import signal as signals
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from boxship.base.errors import KernelError, RuntimeFailed
from boxship.host.api.cgroups import Cgroups
from boxship.host.api.runtime import STDERR, STDOUT, Launch, RuntimeInfo
from boxship.host.oci import state, strays
from boxship.host.oci.execs import ENVIRONMENT
from boxship.host.oci.filters import Filters
from boxship.host.oci.pidtold import ThroughFile, ThroughPipe
from boxship.host.oci.pipes import DescriptorConsole
from boxship.host.oci.programs import Programs
from boxship.host.oci.sentences import CREATE, failure
from boxship.host.process import Process, run, spawn
from boxship.host.process import signal as send_signal

LOG_FD, PID_FD = 3, 4
LOG_LIMIT = 1 << 16
PATIENCE = 30.0  # seconds that a runtime may take to delete


class RunningOnce:
    def __init__(self, owner: "OnceRuntime", launch: Launch, runtime: RuntimeInfo) -> None:
        self._owner = owner
        self._launch = launch
        self._runtime = runtime
        self._log = os.memfd_create("runtime-log", os.MFD_CLOEXEC)
        self._told = ThroughPipe(PID_FD) if state.readable(runtime) else ThroughFile(f"{owner.bundle(launch.id)}/pid")
        self._pid = 0
        self._gone = False
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        outputs, self._process = self._spawn()
        self._told.watch(self._pid_told)
        self._console = DescriptorConsole(outputs, None, self._ended)

    def _spawn(self) -> tuple[dict[int, int], Process]:
        outputs: dict[int, int] = {}
        theirs: dict[int, int] = {}
        try:
            for stream in (STDOUT, STDERR):
                reading, theirs[stream] = os.pipe2(os.O_CLOEXEC)
                outputs[reading] = stream
            files = {**theirs, LOG_FD: self._log, **self._told.files}
            return outputs, spawn(self._command(), env=ENVIRONMENT, files=files, session=True)
        except BaseException:
            self._told.close()
            for fd in (*outputs, self._log):
                os.close(fd)
            raise
        finally:
            self._told.handed_over()
            for fd in theirs.values():
                os.close(fd)

    def _command(self) -> list[str]:
        info, id = self._runtime, self._launch.id
        argv = [info.path, *info.args, "--root", self._owner.root(info), "--log", f"/proc/self/fd/{LOG_FD}"]
        argv += ["--log-format", "json", "run", "--bundle", self._owner.bundle(id)]
        return [*argv, "--pid-file", self._told.path, id]

    def _pid_told(self) -> None:
        if not self._pid and (pid := self._told.read()):
            self._pid = pid
            self._owner.learn(self._launch, self._runtime)

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        return self._console.output()

    async def wait(self) -> int:
        code = await self._process.wait()
        await self._end()
        said = os.pread(self._log, LOG_LIMIT, 0).decode(errors="replace")
        os.close(self._log)
        if said and code != 0 and not self._pid:
            words = self._launch.config.get("process", {}).get("args") or [""]
            raise failure(CREATE, said, str(words[0]))
        return code

    async def kill(self) -> None:
        if self._gone:
            return
        self._pid_told()
        if not self._process.ended:
            if self._pid:
                send_signal(self._pid, signals.SIGKILL)
            self._process.signal(signals.SIGKILL)
            await self._process.wait()
        await self._end()
        os.close(self._log)

    async def _end(self) -> None:
        """The runtime has ended: take away what is left."""
        self._gone = True
        self._pid_told()
        self._told.close()
        if not self._ended.done():
            self._ended.set_result(0)
        self._console.close()
        strays.collect()
        await self._owner.remove(self._launch.id, self._runtime, _cgroup(self._launch))


class OnceRuntime:
    """Bundles lie in `<exec root>/builds/<id>`, apart from those of containers."""

    def __init__(self, exec_root: str, cgroups: Cgroups, programs: Programs) -> None:
        self._home = f"{exec_root}/builds"
        self._cgroups = cgroups
        self._programs = programs
        self._filters = Filters()

    def bundle(self, id: str) -> str:
        return f"{self._home}/{id}"

    def root(self, runtime: RuntimeInfo) -> str:
        return f"{self._home}/.runtime/{runtime.name}"

    def run(self, launch: Launch) -> RunningOnce:
        runtime = self._programs.get(launch.runtime)
        os.makedirs(self.root(runtime), mode=0o700, exist_ok=True)
        os.makedirs(self.bundle(launch.id), mode=0o700, exist_ok=True)
        ready = self._filters.ready(launch.config, runtime.version) if state.readable(runtime) else launch.config
        with open(f"{self.bundle(launch.id)}/config.json", "wb") as file:
            file.write(msgspec.json.encode(ready))
        return RunningOnce(self, launch, runtime)

    def learn(self, launch: Launch, runtime: RuntimeInfo) -> None:
        if state.readable(runtime):
            self._filters.learn(launch.config, runtime.version, f"{self.root(runtime)}/{launch.id}")

    async def remove(self, id: str, runtime: RuntimeInfo, cgroup: str) -> None:
        """Take away cgroup, state and bundle; what still lives in the cgroup is killed. Idempotent."""
        for pause in (0.0, 0.002, 0.01, 0.05, 0.2, 1.0):
            if not cgroup or cgroup == "/":
                break
            try:
                self._cgroups.remove(cgroup)
                break
            except KernelError:
                self._cgroups.kill(cgroup)
                await asyncio.sleep(pause)
        root = self.root(runtime)
        if os.path.exists(f"{root}/{id}") and not (state.readable(runtime) and state.remove(root, id)):
            with suppress(KernelError, RuntimeFailed):
                argv = [runtime.path, *runtime.args, "--root", root, "delete", "--force", id]
                await run(argv, env=ENVIRONMENT, timeout=PATIENCE)
            state.purge(root, id)
        shutil.rmtree(self.bundle(id), ignore_errors=True)

    async def sweep(self) -> None:
        for id in _names(self._home):
            if id.startswith("."):
                continue
            cgroup = _recorded_cgroup(f"{self.bundle(id)}/config.json")
            if cgroup:
                self._cgroups.kill(cgroup)
            for name in _names(f"{self._home}/.runtime"):
                with suppress(Exception):  # a runtime that was taken out of the configuration
                    info = self._programs.get(name)
                    argv = [info.path, *info.args, "--root", self.root(info), "delete", "--force", id]
                    if os.path.exists(f"{self.root(info)}/{id}"):
                        await run(argv, env=ENVIRONMENT, timeout=PATIENCE)
                    await self.remove(id, info, cgroup)
            shutil.rmtree(self.bundle(id), ignore_errors=True)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []


def _cgroup(launch: Launch) -> str:
    return str(launch.config["linux"].get("cgroupsPath", ""))


def _recorded_cgroup(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return str(msgspec.json.decode(file.read())["linux"].get("cgroupsPath", ""))
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return ""
