"""Child processes without fork: posix_spawn, and a pidfd on the running loop that tells of their end.

Spawning costs about half a millisecond of the loop's time, whatever our size. Only the descriptors named are
inherited. Call from the loop's own thread: other threads may be in other namespaces.
"""

import asyncio
import fcntl
import os
import signal as signals
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from boxship.base.errors import KernelError, PlatformError

CHUNK = 1 << 16
LAST_BREATH = 1.0  # seconds a killed process may take to be gone
# A shell that starts us in the background ignores SIGINT and SIGQUIT for us, Python SIGPIPE and SIGXFSZ.
_DEFAULTS = tuple(signals.valid_signals() - {signals.SIGKILL, signals.SIGSTOP})


class Process:
    """A child. Its end is always collected, whether or not somebody waits."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)  # not yet collected, so the pid is still its own
        loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = loop.create_future()
        loop.add_reader(self.pidfd, self._ended, loop)

    def _ended(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self.pidfd)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.pidfd = -1
        code = os.waitstatus_to_exitcode(status)
        if not self._code.done():
            self._code.set_result(code if code >= 0 else 128 - code)

    @property
    def ended(self) -> bool:
        return self._code.done()

    async def wait(self) -> int:
        """Return its exit status, or 128 + the signal that ended it. May be called by several and repeatedly."""
        return await asyncio.shield(self._code)

    def signal(self, signum: int) -> None:
        """Does nothing once it has ended."""
        if self.pidfd >= 0:
            signals.pidfd_send_signal(self.pidfd, signum)


def spawn(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, files: Mapping[int, int] | None = None,
    cwd: str | None = None, session: bool = False,
) -> Process:  # fmt: skip
    """Start argv[0], looked up in PATH.

    env:     its whole environment; None gives it ours.
    files:   its descriptors -> ours; they stay open here. Of 0, 1, 2 those not named are /dev/null.
    cwd:     "" or None is ours.  session: make it leader of a new one.
    Raises KernelError naming the program when it cannot be started.
    """
    words = ["env", f"--chdir={cwd}", "--", *argv] if cwd else list(argv)
    wanted = dict(files or {})
    actions, spare = file_actions(wanted)
    try:
        pid = os.posix_spawnp(
            words[0], words, os.environ if env is None else env, file_actions=actions,
            setsigmask=(), setsigdef=_DEFAULTS, setsid=session,
        )  # fmt: skip
    except OSError as e:
        raise KernelError(f"start {argv[0]}: {(e.strerror or str(e)).lower()}", e.errno or 0) from e
    finally:
        for fd in spare:
            os.close(fd)
    return Process(pid)


def keep_descriptors() -> None:
    """Let no child inherit descriptors that we were started with ourselves, but for 0, 1 and 2. Once, at our start."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the one the listing was read from
                os.set_inheritable(int(name), False)


def file_actions(files: Mapping[int, int]) -> tuple[list[tuple[int, ...] | tuple[int, int, str, int, int]], list[int]]:
    """Return what posix_spawn is to do so that `files` come true, and descriptors to close afterwards.

    One of ours that would be overwritten before it is copied is moved out of the way first.
    """
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = []
    spare = []
    top = max(files, default=0) + 3
    for theirs, ours in files.items():
        if ours != theirs and ours in files:
            ours = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, top)
            spare.append(ours)
        actions.append((os.POSIX_SPAWN_DUP2, ours, theirs))
    for theirs in {0, 1, 2} - files.keys():
        actions.append((os.POSIX_SPAWN_OPEN, theirs, "/dev/null", os.O_RDWR, 0))
    return actions, spare


class Completed(msgspec.Struct, frozen=True):
    """code: exit status, or 128 + signal."""

    code: int
    out: bytes
    err: bytes


async def run(
    argv: Sequence[str], *, input: bytes = b"", env: Mapping[str, str] | None = None, timeout: float | None = None
) -> Completed:
    """Run a program to its end and return what it wrote. Its own children are not waited for.

    Raises KernelError when it cannot be started, PlatformError when it takes longer than `timeout` seconds: then, and
    when the caller is cancelled, it is killed.
    """
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
    (stdin, feed), (out, stdout), (err, stderr) = pipes
    try:
        process = spawn(argv, env=env, files={0: stdin, 1: stdout, 2: stderr})
    except BaseException:
        _close(feed, out, err)
        raise
    finally:
        _close(stdin, stdout, stderr)
    feeder, readers = _Feeder(feed, input), [_Reader(out), _Reader(err)]
    try:
        async with asyncio.timeout(timeout):
            code = await process.wait()
    except TimeoutError:
        await _finish_off(process)
        raise PlatformError(f"{argv[0]} did not end within {timeout:g} seconds") from None
    except BaseException:
        await _finish_off(process)
        raise
    finally:
        feeder.close()
        outputs = [reader.finish() for reader in readers]
    return Completed(code, *outputs)


async def _finish_off(process: Process) -> None:
    """Kill; it is gone afterwards unless the kernel holds it."""
    process.signal(signals.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_BREATH):
            await process.wait()


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


class _Reader:
    """Collects what comes out of a pipe, as it comes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pieces: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._more)

    def _more(self) -> bool:
        """Take what is there; False when there is no more for now, or ever."""
        try:
            piece = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return False
        if not piece:
            self._loop.remove_reader(self._fd)
        self._pieces.append(piece)
        return bool(piece)

    def finish(self) -> bytes:
        self._loop.remove_reader(self._fd)
        while self._more():
            pass
        os.close(self._fd)
        return b"".join(self._pieces)


class _Feeder:
    """Writes into a pipe as the other end reads, then closes it."""

    def __init__(self, fd: int, content: bytes) -> None:
        self._fd = fd
        self._rest = memoryview(content)
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._more()
        if self._fd >= 0:
            self._loop.add_writer(fd, self._more)

    def _more(self) -> None:
        with suppress(BlockingIOError):
            try:
                while self._rest:
                    self._rest = self._rest[os.write(self._fd, self._rest) :]
            except BrokenPipeError:
                pass
            self.close()

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1


class Stat(msgspec.Struct, frozen=True):
    """state: a letter as `ps` shows it. start: clock ticks since boot; with the pid it names a process for good."""

    pid: int
    name: str
    state: str
    parent: int
    start: int


def stat(pid: int) -> Stat | None:
    """Read /proc/PID/stat; None when there is no such process. A zombie is one still."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return parse_stat(file.read())
    except (FileNotFoundError, ProcessLookupError):
        return None


def parse_stat(text: str) -> Stat:
    """Source: proc_pid_stat(5). The name may hold blanks and parentheses."""
    head, _, tail = text.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = tail.split()
    return Stat(int(pid), name, fields[0], int(fields[1]), int(fields[19]))


def alive(pid: int, start: int | None = None) -> bool:
    """Tell whether `pid` runs (a zombie does not) and is the process that began at `start`."""
    seen = stat(pid)
    return seen is not None and seen.state not in "ZX" and start in (None, seen.start)


def children(pid: int) -> tuple[int, ...]:
    """Return the children of all threads of `pid`; () when it is gone."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{pid}/task/{thread}/children") as file:
                    found += map(int, file.read().split())
    return tuple(sorted(found))


def signal(pid: int, signum: int, start: int | None = None) -> bool:
    """Signal `pid`, if it is the process that began at `start`. False when it is gone. Signal 0 only asks."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(pid, start):  # read after the descriptor was got, so it tells of the very process signalled
            return False
        signals.pidfd_send_signal(pidfd, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True
