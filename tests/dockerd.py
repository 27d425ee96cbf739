"""A dockerd of a test's own, for comparison: its program's folder is BOXSHIP_DOCKERD, such as …/usr/sbin.

It gets a bridge made for it and leaves the host's firewall alone unless told otherwise.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 60.0  # seconds
SUBNET = "10.213.{}.1/24"


def program() -> Path | None:
    """Return the dockerd that BOXSHIP_DOCKERD names, None without one."""
    folder = os.environ.get("BOXSHIP_DOCKERD", "")
    found = Path(folder, "dockerd")
    return found if folder and found.exists() else None


class Dockerd:
    """host: for DOCKER_HOST. Starts at once; `close` takes everything away."""

    def __init__(self, dockerd: Path, *, firewall: bool = False) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dockerd-test-", dir="/dev/shm"))
        self.host = f"unix://{self.root}/docker.sock"
        self.bridge = f"dk{os.getpid() % 1_000_000}"
        self._link("add", self.bridge, "type", "bridge")
        subprocess.run(["ip", "address", "add", SUBNET.format(os.getpid() % 250), "dev", self.bridge], check=True)
        self._link("set", self.bridge, "up")
        firewalls = (
            [] if firewall else ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]
        )
        flags = [
            *("--data-root", f"{self.root}/data", "--exec-root", f"{self.root}/exec", "-H", self.host),
            *("--pidfile", f"{self.root}/pid", "--bridge", self.bridge, "--userland-proxy=false", *firewalls),
        ]
        folders = (dockerd.parent, dockerd.parent.with_name("bin"), dockerd.parent.with_name("sbin"))
        path = ":".join((*map(str, folders), os.environ["PATH"]))
        with (self.root / "log").open("wb") as log:
            self.process = subprocess.Popen([dockerd, *flags], stdout=log, stderr=log, env={**os.environ, "PATH": path})
        try:
            self._await()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _link(*words: str) -> None:
        subprocess.run(["ip", "link", *words], check=True)

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            with socket.socket(socket.AF_UNIX) as sock:
                try:
                    sock.connect(self.host.removeprefix("unix://"))
                    return
                except OSError:
                    pass
            log = (self.root / "log").read_text(errors="replace")
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"dockerd does not answer:\n{log[-3000:]}")
            time.sleep(0.05)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._link("del", self.bridge)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if str(self.root) in line.split()[4]:
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
        shutil.rmtree(self.root, ignore_errors=True)
