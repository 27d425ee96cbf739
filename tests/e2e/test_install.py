"""The Debian package in a clean Debian root: installed, used, upgraded under a container, removed, purged."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import busybox_rootfs

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "install.sh"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([ROOT / "packaging" / "deb.sh", folder], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def debian() -> Iterator[Path]:
    """A root with nothing in it but apt; `BOXSHIP_DEBIAN_ROOT` names one to be copied instead of made."""
    folder = Path(tempfile.mkdtemp(prefix="boxship-root-", dir="/dev/shm"))
    made = os.environ.get("BOXSHIP_DEBIAN_ROOT")
    command = ["cp", "-a", f"{made}/.", folder] if made else _mmdebstrap(folder)
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    yield folder
    shutil.rmtree(folder)


def _mmdebstrap(folder: Path) -> list[str | Path]:
    if not shutil.which("mmdebstrap"):
        pytest.skip("mmdebstrap is missing")
    codename = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines())["VERSION_CODENAME"]
    return ["mmdebstrap", "--variant=apt", "--include=ca-certificates", codename, folder]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_install_use_upgrade_remove_purge(package: Path, debian: Path) -> None:
    name = f"bt{uuid.uuid4().hex[:8]}"
    settings = {
        "hosts": ["unix:///run/boxship-test/boxship.sock"], "data-root": "/var/lib/boxship-test",
        "exec-root": "/run/boxship-test/exec", "pidfile": "/run/boxship-test/pid", "bridge": name,
        "cgroup-parent": f"/{name}",
    }  # fmt: skip
    shared = debian / "tmp" / "given"
    shared.mkdir()
    shutil.copy(package, shared / "boxship.deb")
    shutil.copy(SCRIPT, shared / "install.sh")
    (shared / "daemon.json").write_text(json.dumps(settings))
    (shared / "busybox.tar").write_bytes(busybox_rootfs())
    inside = "/tmp/given/install.sh /tmp/given/boxship.deb /tmp/given/daemon.json /tmp/given/busybox.tar"
    enter = (
        f"mount --rbind {debian} {debian} && for d in proc sys dev; do mount --rbind /$d {debian}/$d; done && "
        f"mount -t tmpfs none {debian}/run && mkdir {debian}/run/boxship-test && "
        f"cp /etc/resolv.conf {debian}/etc/resolv.conf && exec chroot {debian} /bin/bash {inside}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter],
        capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "purged: nothing is left"
    assert not (Path("/sys/class/net") / name).exists()
    assert name not in subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout
