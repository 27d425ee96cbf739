"""More processes in a running container: `<runtime> exec`, with pipes or a terminal that we hold ourselves.

The runtime's own messages go to a file in memory, apart from the output of the process.
"""

import array
import asyncio
import os
import signal as signals
import socket
from contextlib import suppress

import msgspec

from boxship.host.api.runtime import STDERR, STDOUT, Console, ExecLaunch, RuntimeInfo
from boxship.host.oci import strays
from boxship.host.oci.layout import Layout
from boxship.host.oci.pidtold import PidTold, ThroughFile, ThroughPipe
from boxship.host.oci.pipes import DescriptorConsole, terminal_console
from boxship.host.oci.record import Identified, identify
from boxship.host.oci.sentences import EXEC, failure
from boxship.host.oci.state import readable
from boxship.host.process import Process, spawn
from boxship.host.process import signal as send_signal

LOG_FD, SPEC_FD, PID_FD = 3, 4, 5
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
LOG_LIMIT = 1 << 16
SOCKET_PATH = 100  # longer paths do not fit a socket's address
_counter = iter(range(1, 1 << 62))


class RunningExec:
    """See host.api.runtime.ExecProcess."""

    def __init__(self, process: Process, log: int, told: PidTold, program: str) -> None:
        """log: descriptor of what the runtime says, ours now.  program: what is to run, for messages."""
        self._process = process
        self._log = log
        self._told = told
        self._program = program
        self._who = Identified()
        self._console: DescriptorConsole | None = None
        self._proxied = False
        self.started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        told.watch(self._pid_told)
        self.ended: asyncio.Future[int] = asyncio.ensure_future(self._end())

    @property
    def pid(self) -> int:
        return self._who.pid

    @property
    def console(self) -> Console | None:
        return self._console

    def listen(self, console: DescriptorConsole, proxied: bool = False) -> None:
        """proxied: the runtime itself stands between the console's terminal and that in the container."""
        self._console = console
        self._proxied = proxied

    async def began(self) -> bool:
        return await asyncio.shield(self.started)

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    def resize(self, height: int, width: int) -> None:
        if self._console is not None:
            self._console.resize(height, width)
        if self._proxied:
            self._process.signal(signals.SIGWINCH)

    def signal(self, signum: int) -> None:
        if self.ended.done():
            return
        if self._who.pid:
            send_signal(self._who.pid, signum, self._who.start)
        else:
            self._process.signal(signum)

    def _pid_told(self) -> None:
        """The runtime has told the process id, or will not tell it any more."""
        if self.started.done():
            return
        if pid := self._told.read():
            self._who = identify(pid)
        self._told.close()
        self.started.set_result(self._who.pid > 0)

    async def _end(self) -> int:
        code = await self._process.wait()
        self._pid_told()
        said = os.pread(self._log, LOG_LIMIT, 0).decode(errors="replace")
        os.close(self._log)
        strays.collect()
        if said and not self._who.pid and code != 0:
            raise failure(EXEC, said, self._program)
        return code


async def start(launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout) -> RunningExec:
    """Start a process. Raises RuntimeFailed when it cannot be started and `launch.detach`, KernelError when the
    runtime's program is missing."""
    directory = os.open(layout.bundle(launch.id), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if launch.terminal and readable(runtime):
            running = await _with_terminal(launch, runtime, layout, directory)
        elif launch.terminal:
            running = _with_proxied_terminal(launch, runtime, layout)
        else:
            running = _with_pipes(launch, runtime, layout)
    finally:
        os.close(directory)
    running.ended.add_done_callback(_retrieve)
    if launch.detach and not await running.started:
        await running.wait()
    return running


def command(launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout, pidfile: str, console: str = "") -> list[str]:
    """Return the runtime's command line; descriptors are those of this module's constants."""
    argv = [runtime.program, *runtime.args, "--root", layout.runtime_root(runtime.name)]
    argv += ["--log", f"/proc/self/fd/{LOG_FD}", "--log-format", "json", "exec"]
    argv += ["--process", f"/proc/self/fd/{SPEC_FD}", "--pid-file", pidfile]
    if launch.terminal:
        argv.append("--tty")
    if console:
        argv += ["--console-socket", console]
    return [*argv, launch.id]


def _with_pipes(launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout) -> RunningExec:
    ours: dict[int, int] = {}
    theirs: dict[int, int] = {}
    input = None
    if not launch.detach:
        for stream in (STDOUT, STDERR):
            reading, theirs[stream] = os.pipe2(os.O_CLOEXEC)
            ours[reading] = stream
    if launch.stdin and not launch.detach:
        theirs[0], input = os.pipe2(os.O_CLOEXEC)
    try:
        running = _spawn(launch, runtime, layout, files=theirs)
    except BaseException:
        for fd in (*ours, *([] if input is None else [input])):
            os.close(fd)
        raise
    finally:
        for fd in theirs.values():
            os.close(fd)
    if not launch.detach:
        running.listen(DescriptorConsole(ours, input, running.ended))
    return running


async def _with_terminal(launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout, directory: int) -> RunningExec:
    """The runtime makes the terminal in the container and sends us its master through a socket."""
    name = f"exec-{next(_counter)}.sock"
    path = f"{layout.bundle(launch.id)}/{name}"
    told = path if len(path) < SOCKET_PATH else f"/proc/{os.getpid()}/fd/{directory}/{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as listener:
        listener.bind(f"/proc/self/fd/{directory}/{name}")
        try:
            listener.listen(1)
            running = _spawn(launch, runtime, layout, console=told)
            master = await _master(listener, running)
        finally:
            os.unlink(path)
    if master is None:
        running.listen(DescriptorConsole({}, None, running.ended))
        return running
    console = terminal_console(master, running.ended)
    if launch.size:
        console.resize(*launch.size)
    running.listen(console)
    return running


def _with_proxied_terminal(launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout) -> RunningExec:
    """runc sends a terminal's master only when it does not stay to tell the exit code; when it stays, it copies
    between the container's terminal and the one it finds on its own input."""
    master, slave = os.openpty()
    try:
        running = _spawn(launch, runtime, layout, files={0: slave, 1: slave, 2: slave})
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    console = terminal_console(master, running.ended)
    if launch.size:
        console.resize(*launch.size)
    running.listen(console, proxied=True)
    return running


def _spawn(
    launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout, *, files: dict[int, int] | None = None, console: str = ""
) -> RunningExec:
    log = os.memfd_create("runtime-log", os.MFD_CLOEXEC)
    process_spec = os.memfd_create("process", os.MFD_CLOEXEC)
    told = _pid_told(launch, runtime, layout)
    try:
        os.write(process_spec, msgspec.json.encode(launch.process))
        os.lseek(process_spec, 0, os.SEEK_SET)
        handed = {**(files or {}), LOG_FD: log, SPEC_FD: process_spec, **told.files}
        argv = command(launch, runtime, layout, told.path, console)
        process = spawn(argv, env=ENVIRONMENT, files=handed, session=True)
    except BaseException:
        os.close(log)
        told.close()
        raise
    finally:
        os.close(process_spec)
        told.handed_over()
    arguments = launch.process.get("args") or [""]
    return RunningExec(process, log, told, str(arguments[0]))


def _pid_told(launch: ExecLaunch, runtime: RuntimeInfo, layout: Layout) -> PidTold:
    if readable(runtime):
        return ThroughPipe(PID_FD)
    return ThroughFile(f"{layout.bundle(launch.id)}/exec-{next(_counter)}.pid")


async def _master(listener: socket.socket, running: RunningExec) -> int | None:
    """Return the terminal's master; None when the runtime ended without sending one."""
    loop = asyncio.get_running_loop()
    accepting = asyncio.ensure_future(loop.sock_accept(listener))
    try:
        await asyncio.wait((accepting, running.ended), return_when=asyncio.FIRST_COMPLETED)
        if not accepting.done():
            return None
        end, _ = accepting.result()
        with end:
            return await _received(end, running)
    finally:
        accepting.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await accepting


async def _received(end: socket.socket, running: RunningExec) -> int | None:
    loop = asyncio.get_running_loop()
    end.setblocking(False)
    fds = array.array("i")
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(end, _resolve, readable)
    try:
        await asyncio.wait((readable, running.ended), return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(end)
    with suppress(BlockingIOError):
        _, ancillary, _, _ = end.recvmsg(4096, socket.CMSG_SPACE(fds.itemsize), socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: fds.itemsize])
    return fds[0] if fds else None


def _retrieve(ended: "asyncio.Future[int]") -> None:
    """Keep asyncio from complaining of a failure that nobody waits for."""
    if not ended.cancelled():
        ended.exception()


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
