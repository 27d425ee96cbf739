"""Daemons for one measurement: Boxship and a dockerd from PATH, each with roots and bridge of its own in memory."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.daemons import Daemon

TMPFS = "/dev/shm"
BRIDGE, SUBNET = "benchdock0", "10.213.0.1/24"
POOL = "base=10.214.0.0/16,size=24"


@contextlib.contextmanager
def boxship() -> Iterator[str]:
    """Run Boxship; give its socket. Nothing of it is left."""
    daemon = Daemon()
    daemon.start()
    try:
        yield daemon.path
    finally:
        daemon.close()


@contextlib.contextmanager
def dockerd(program: str, *flags: str) -> Iterator[str]:
    """Run a dockerd whose containers are reached by iptables alone; give its socket. Waits until it answers."""
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(f"{program} is not there: put it into PATH, or name Boxship's socket alone")
    root = Path(tempfile.mkdtemp(prefix="bench-dockerd-", dir=TMPFS))
    _link("add", BRIDGE, "type", "bridge")
    subprocess.run(["ip", "addr", "add", SUBNET, "dev", BRIDGE], check=True)
    _link("set", BRIDGE, "up")
    path = str(root / "docker.sock")
    words = [
        found, "--data-root", str(root / "data"), "--exec-root", str(root / "exec"), "-p", str(root / "pid"),
        "-H", f"unix://{path}", "--bridge", BRIDGE, "--userland-proxy=false", "--default-address-pool", POOL, *flags,
    ]  # fmt: skip
    path_there = f"{os.path.dirname(found)}:{os.path.dirname(os.path.dirname(found))}/bin:{os.environ['PATH']}"
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "PATH": path_there})
    try:
        _await(process, Path(path), root / "log")
        yield path
    finally:
        process.terminate()
        process.wait(60)
        _link("del", BRIDGE)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if str(root) in line:
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
        shutil.rmtree(root, ignore_errors=True)


def _link(*words: str) -> None:
    subprocess.run(["ip", "link", *words], check=True)


def _await(process: "subprocess.Popen[bytes]", path: Path, log: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"dockerd does not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
