"""The Debian package where systemd runs: units, upgrade, restart and removal, beside a container that goes on."""

import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.packages import build_package, debian_root
from tests.images import busybox_rootfs

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.root]
SCRIPTS = Path(__file__).parent / "systemd"
NEEDED = (
    "systemd", "systemd-sysv", "dbus", "python3", "conmon", "crun", "nftables", "libarchive13", "iproute2", "passwd",
    "init-system-helpers", "ca-certificates",
)  # fmt: skip
PATIENCE = 120.0  # seconds


class Machine:
    """A root whose systemd runs in namespaces of its own, without a network."""

    def __init__(self, root: Path, log: Path) -> None:
        self._name = f"bx-{uuid.uuid4().hex[:8]}"
        self._log = log
        with log.open("wb") as out:
            self._boot = subprocess.Popen(["bash", SCRIPTS / "boot.sh", root, self._name], stdout=out, stderr=out)

    def init(self) -> str:
        """Return the number of its init, once that is systemd. Raises AssertionError."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._boot.poll() is None:
            children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                return children[0]
            time.sleep(0.05)
        raise AssertionError(f"systemd does not start:\n{self._log.read_text(errors='replace')[-3000:]}")

    def run(self, *words: str, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        enter = ["nsenter", "--target", self.init(), "--all", "--root", "--wdns=/", "env", "-i", *environment]
        return subprocess.run([*enter, *words], capture_output=True, text=True, timeout=timeout)

    def close(self) -> None:
        """End all its processes, which its init takes with it, and its control groups."""
        self._boot.send_signal(signal.SIGKILL)
        self._boot.wait()
        for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
            if (hierarchy / self._name).is_dir():
                self._empty(hierarchy / self._name)

    def _empty(self, group: Path) -> None:
        for place in sorted((p for p in group.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
            self._remove(place)
        self._remove(group)

    @staticmethod
    def _remove(group: Path) -> None:
        end = time.monotonic() + PATIENCE
        while group.exists():
            try:
                group.rmdir()
            except OSError:  # its last process is on its way out
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with debian_root(*NEEDED) as root:
        shutil.copy(build_package(tmp_path), root / "root" / "boxship.deb")
        shutil.copy(SCRIPTS / "life.sh", root / "root" / "life.sh")
        (root / "root" / "busybox.tar").write_bytes(busybox_rootfs())
        found = Machine(root, tmp_path / "boot.log")
        try:
            yield found
        finally:
            found.close()


@pytest.mark.timeout(1800)
def test_units_and_a_container_through_a_whole_life(machine: Machine) -> None:
    done = machine.run("bash", "/root/life.sh", "/root/boxship.deb", "/root/busybox.tar")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "purged: nothing is left"
