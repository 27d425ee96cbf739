"""A real `boxship daemon` with roots, socket, bridge, table and cgroup of its own; nothing of it may be left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boxship.host import cgroups
from boxship.host.bpf import calls
from boxship.host.loopback import HOOKS, program_name

PROGRAM = Path(sys.executable).parent / "boxship"
TMPFS = Path("/dev/shm")
PATIENCE = 60.0  # seconds


class Daemon:
    """host: for DOCKER_HOST.  path: its socket.  `start`, `kill`, `stop` as often as needed; `close` at the end."""

    def __init__(self, *flags: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="boxship-test-", dir=TMPFS))
        self.path = str(self.root / "boxship.sock")
        self.host = f"unix://{self.path}"
        self.data_root, self.exec_root = self.root / "data", self.root / "exec"
        self.bridge = f"bt{self.root.name[-8:]}".replace("_", "0")
        self.cgroup_parent = f"/{self.bridge}"
        self.log = self.root / "daemon.log"
        self.flags = [
            *("--data-root", str(self.data_root), "--exec-root", str(self.exec_root)),
            *("--pidfile", str(self.root / "daemon.pid"), "--host", self.host, "--bridge", self.bridge),
            *("--cgroup-parent", self.cgroup_parent, "--group", "", *flags),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers. Raises AssertionError with its log when it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "daemon", *self.flags], stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the daemon does not answer:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.01)

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            try:
                sock.connect(self.path)
                sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
                return b" 200 " in sock.recv(64)
            except OSError:
                return False

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        return self.end(signal.SIGTERM)

    def restart(self) -> None:
        self.stop()
        self.start()

    def check(self) -> list[dict[str, Any]]:
        """Return what `boxship system check` finds."""
        done = subprocess.run(
            [PROGRAM, "-H", self.host, "system", "check", "--format", "json"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["Findings"] or []
        return found

    def close(self) -> None:
        """End it and all its containers, and take everything away. Raises AssertionError when something is left."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        done = subprocess.run([PROGRAM, "daemon", *self.flags, "--purge"], capture_output=True, text=True, timeout=120)
        left = self.left()
        log = self.log.read_text()[-2000:]
        shutil.rmtree(self.root, ignore_errors=True)
        assert done.returncode == 0, f"purge: {done.stdout}{done.stderr}\n{log}"
        assert not left, f"the daemon left behind: {left}"

    def left(self) -> list[str]:
        """Return what of this daemon the machine still shows: mounts, links, tables, programs in the kernel, cgroups,
        processes, files."""
        seen = (self._mounts, self._links, self._tables, self._programs, self._cgroups, self._processes, self._files)
        return [trace for look in seen for trace in look()]

    def _mounts(self) -> Iterator[str]:
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            if str(self.root) in line:
                yield f"mount {line.split()[4]}"

    def _links(self) -> Iterator[str]:
        for name in os.listdir("/sys/class/net"):
            if name == self.bridge:
                yield f"link {name}"

    def _tables(self) -> Iterator[str]:
        listed = _nft_tables()
        yield from (f"table {line}" for line in listed.splitlines() if self.bridge in line)

    def _programs(self) -> Iterator[str]:
        yield from (f"program {name}" for name in bpf_programs(f"boxship_{self.bridge}"))

    def _cgroups(self) -> Iterator[str]:
        for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
            if (hierarchy / self.bridge).is_dir():
                yield f"cgroup {hierarchy / self.bridge}"

    def _processes(self) -> Iterator[str]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if str(self.root) in words:
                    yield f"process {entry.name}: {words[:200]}"

    def _files(self) -> Iterator[str]:
        yield from (f"file {path}" for path in (self.data_root, self.exec_root) if path.exists())


def bpf_programs(daemon: str) -> list[str]:
    """Return the daemon's programs at the root of the cgroup2 tree, by its firewall table's name."""
    root = cgroups.mounted().unified
    if not root:
        return []
    group = os.open(root, os.O_RDONLY)
    try:
        found = [program.name for hook in HOOKS for program in calls.attached(group, hook)]
    finally:
        os.close(group)
    return [name for name in found if name == program_name(daemon)]


def _nft_tables() -> str:
    """nft 1.0.6 itself dies at times when a table goes while it lists: then it is asked again."""
    for _ in range(20):
        done = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
        time.sleep(0.05)
    raise AssertionError(f"nft list tables: {done.returncode} {done.stderr}")
