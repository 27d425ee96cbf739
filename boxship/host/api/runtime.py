"""The OCI runtime and its monitor, as the engine sees them. Types and Protocols only.

A container's output, exit code and log are held by a monitor process (conmon) of its own, so that the
daemon may die and come back at any time. Nothing here decides; the engine does.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import msgspec

STDOUT = 1
STDERR = 2


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One container to create.

    id:         names the bundle, the exit file and the container in the runtime.
    config:     OCI config.json as plain dictionaries and lists; `root.path` must be mounted already.
    runtime:    name as in `probe()`, "" for the default.
    stdin:      give the process a standard input that attached consoles write to; else it reads /dev/null.
    stdin_once: the first console that closes its input, or goes away, ends the process's input for good.
    log_path:   file that gets CRI lines (directory must exist); None keeps no log.
    users_of:   path of a namespace; a user namespace in `config` is then the one that owns it, "" makes a new one.
    """

    id: str
    config: Mapping[str, Any]
    runtime: str = ""
    terminal: bool = False
    stdin: bool = False
    stdin_once: bool = False
    log_path: str | None = None
    users_of: str = ""
    systemd_cgroup: bool = False


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """Process ids as the host sees them. pid: of the container's first process, waiting to be started."""

    pid: int
    conmon_pid: int


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a container. code: exit status, or 128 + signal. time_ns: since 1970.
    oom: its monitor was told that the kernel killed for want of memory."""

    id: str
    code: int
    time_ns: int
    oom: bool = False


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """What the host shows of one bundle.

    pid:        first process if the runtime got that far, dead or alive.
    running:    that process lives (as itself: the pid was not reused).
    started:    `start` has happened; a process may also end before that, killed while it waits.
    conmon_pid: monitor, None when it is gone.
    """

    pid: int | None
    running: bool
    started: bool
    conmon_pid: int | None


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One usable runtime.

    version: first line of `--version`, without the program's name.
    copy:    path of a copy of the program that is to be started in its place, "" for none.
    """

    name: str
    path: str
    version: str
    args: tuple[str, ...] = ()
    copy: str = ""

    @property
    def program(self) -> str:
        return self.copy or self.path


class Console(Protocol):
    """One end of a process's streams. Whoever gets one must `close` it."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (STDOUT or STDERR, bytes); a terminal is all STDOUT. Ends when the process's output has ended and
        all of it was yielded. Not reading holds the process back, never loses a byte. To be used once."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to the process's input; waits while it does not read. Silent when nobody will read it any more."""
        ...

    def close_input(self) -> None:
        """End our input. What was written before still arrives."""
        ...

    def close(self) -> None:
        """Let go. The process goes on; output not yet read is dropped. Safe to repeat."""
        ...


class ExecLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """One more process in a running container.

    id:      of the container.
    process: OCI `process` object (engine.bundle.exec_process).
    stdin:   give it an input; else it reads /dev/null.
    detach:  nobody listens: no console, output is dropped.
    size:    first height and width of its terminal.
    """

    id: str
    process: Mapping[str, Any]
    runtime: str = ""
    terminal: bool = False
    stdin: bool = False
    detach: bool = False
    size: tuple[int, int] | None = None


class ExecProcess(Protocol):
    @property
    def pid(self) -> int:
        """Process id as the host sees it; 0 while it is not known."""
        ...

    @property
    def console(self) -> Console | None:
        """None when detached."""
        ...

    async def began(self) -> bool:
        """Return True as soon as the process is known to run, False when it never came to that. What its console
        yields in the second case are the runtime's own words, which `wait` raises too."""
        ...

    async def wait(self) -> int:
        """Return the exit code (128 + signal). Raises RuntimeFailed when the process could not be started at all.
        May be called by several and repeatedly."""
        ...

    def resize(self, height: int, width: int) -> None:
        """Does nothing without a terminal."""
        ...

    def signal(self, signum: int) -> None:
        """Does nothing once it has ended."""
        ...


class Runtime(Protocol):
    """All containers of one exec root."""

    def bundle(self, id: str) -> str:
        """Path of the container's bundle directory, existing or not."""
        ...

    async def create(self, launch: Launch) -> Launched:
        """Write the bundle, start the monitor, let the runtime create the container up to the point before the
        user's program runs. Consoles can be attached from now on. Raises RuntimeFailed with Docker's sentence;
        then nothing is left but what was there before."""
        ...

    async def start(self, id: str, runtime: str = "") -> None:
        """Run the user's program. Raises RuntimeFailed."""
        ...

    def signal(self, id: str, pid: int, signum: int) -> bool:
        """Signal the container's first process; False when it is gone. Never hits a later owner of the pid."""
        ...

    async def delete(self, id: str, runtime: str = "") -> None:
        """Kill what is left, remove the runtime's state and the cgroups. Idempotent. Keeps bundle and exit file."""
        ...

    async def update(self, id: str, resources: Mapping[str, Any], runtime: str = "") -> None:
        """Apply OCI `linux.resources` to a running container. Raises RuntimeFailed."""
        ...

    async def pause(self, id: str) -> None: ...

    async def resume(self, id: str) -> None: ...

    def resize(self, id: str, height: int, width: int) -> None:
        """Ask the monitor to set the terminal's size; it takes a moment. Raises NotFound without a monitor."""
        ...

    def set_first_size(self, id: str, height: int, width: int) -> None:
        """Set the terminal's size between create and start, so that the user's program finds it. Nothing happens
        without a terminal."""
        ...

    def reopen_log(self, id: str) -> None:
        """Let the monitor write to a new file at the log path (the old one was renamed). Silent without a monitor."""
        ...

    async def attach(self, id: str) -> Console:
        """Connect to a container's streams. Attached between create and start, a console sees every byte.
        Raises NotFound when there is no monitor."""
        ...

    async def exec(self, launch: ExecLaunch) -> ExecProcess:
        """Start a process in a running container. A failure to run it shows in `wait`, except when detached:
        then it is raised here. Raises RuntimeFailed."""
        ...

    def exits(self) -> AsyncIterator[Exit]:
        """Yield every exit that has not been forgotten, those of the past first, then as they happen."""
        ...

    def exit_of(self, id: str) -> Exit | None:
        """The recorded end of the container's last run, if it has ended and was not forgotten."""
        ...

    def forget(self, id: str) -> None:
        """Remove exit file and bundle. Idempotent."""
        ...

    def present(self) -> Mapping[str, Present]:
        """Containers with a bundle, by id; read from the host, for recovery."""
        ...

    async def probe(self) -> Mapping[str, RuntimeInfo]:
        """Runtimes that work on this host, by name. The default is first."""
        ...

    async def aclose(self) -> None:
        """Let go of everything; containers go on."""
        ...
