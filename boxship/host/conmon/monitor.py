"""Start a container under conmon. Source: conmon(8) and the sync pipe it shares with its parent."""

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from boxship.base.errors import RuntimeFailed
from boxship.host.api.runtime import Launch, RuntimeInfo
from boxship.host.oci.layout import Layout
from boxship.host.oci.sentences import CREATE, failure
from boxship.host.process import Process, spawn

SYNC_FD = 3
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "_OCI_SYNCPIPE": str(SYNC_FD),
}


def command(conmon: str, launch: Launch, runtime: RuntimeInfo, layout: Layout) -> list[str]:
    """Return conmon's command line."""
    id, bundle = launch.id, layout.bundle(launch.id)
    argv = [conmon, "--sync", "-c", id, "-u", id, "-n", id[:12], "-r", runtime.program, "-b", bundle]
    argv += ["-p", layout.pidfile(id), "--exit-dir", layout.exits, "--full-attach", "--no-sync-log"]
    argv += ["--no-new-keyring", "--log-level", "error"]
    argv += ["-l", f"k8s-file:{launch.log_path}" if launch.log_path else "none"]
    for argument in (*runtime.args, "--root", layout.runtime_root(runtime.name)):
        argv += ["--runtime-arg", argument]
    if launch.terminal:
        argv.append("-t")
    if launch.stdin:
        argv.append("-i")
        if launch.terminal or not launch.stdin_once:  # a terminal's input has no end
            argv.append("--leave-stdin-open")
    if launch.systemd_cgroup:
        argv.append("-s")
    return argv


def write_config(path: str, config: Mapping[str, object]) -> None:
    with open(path, "wb") as file:
        file.write(msgspec.json.encode(config))


class Monitor:
    """One conmon that is creating its container."""

    def __init__(self, process: Process, sync: int, program: str) -> None:
        self.process = process
        self._sync = sync
        self._program = program

    async def created(self) -> int:
        """Wait for the runtime; return the pid of the container's first process. Raises RuntimeFailed."""
        answer = await _line(self._sync)
        try:
            told = json.loads(answer or b"{}")
        except ValueError:
            told = {"message": answer.decode(errors="replace")}
        pid = int(told.get("pid", -1))
        if pid > 0:
            return pid
        raise failure(CREATE, str(told.get("message", "")), self._program)


def start(conmon: str, launch: Launch, runtime: RuntimeInfo, layout: Layout) -> Monitor:
    """Start conmon on a bundle whose config.json is written. Raises RuntimeFailed when conmon itself cannot start.

    conmon leaves a file `oom` in its working directory when the kernel kills for memory; posix_spawn cannot
    change directories, so we stand in the bundle for the moment. No other code of ours uses relative paths.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir(layout.bundle(launch.id))
        argv = command(conmon, launch, runtime, layout)
        process = spawn(argv, env=ENVIRONMENT, files={SYNC_FD: writing})
    except Exception as e:
        os.close(reading)
        raise RuntimeFailed(f"{CREATE}: cannot start the monitor: {e}") from e
    finally:
        os.fchdir(here)
        os.close(here)
        os.close(writing)
    arguments = launch.config.get("process", {}).get("args") or [""]
    return Monitor(process, reading, arguments[2] if arguments[:2] == ["/sbin/docker-init", "--"] else arguments[0])


async def _line(fd: int) -> bytes:
    """Return what comes through `fd` up to a line's end or the writer's; closes `fd`."""
    loop = asyncio.get_running_loop()
    os.set_blocking(fd, False)
    data = bytearray()
    try:
        while not data.endswith(b"\n"):
            with suppress(BlockingIOError):
                part = os.read(fd, 65536)
                if not part:
                    break
                data += part
                continue
            waiting: asyncio.Future[None] = loop.create_future()
            loop.add_reader(fd, _wake, waiting)
            try:
                await waiting
            finally:
                loop.remove_reader(fd)
    finally:
        os.close(fd)
    return bytes(data)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
