"""The Debian package and install.sh in clean Debian roots: installed, used, upgraded under a container, removed."""

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.debian import authorities
from tests.e2e.packages import CHECKOUT, build_package, debian_root, release
from tests.images import busybox_rootfs

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.root]
SCRIPT = Path(__file__).parent / "install.sh"


def given(root: Path, name: str) -> Path:
    """Return a folder in a root with what the script inside works with. name: of the bridge and control group."""
    settings = {
        "hosts": ["unix:///run/boxship-test/boxship.sock"], "data-root": "/var/lib/boxship-test",
        "exec-root": "/run/boxship-test/exec", "pidfile": "/run/boxship-test/pid", "bridge": name,
        "cgroup-parent": f"/{name}",
    }  # fmt: skip
    folder = root / "tmp" / "given"
    folder.mkdir()
    shutil.copy(SCRIPT, folder / "install.sh")
    (folder / "daemon.json").write_text(json.dumps(settings))
    (folder / "busybox.tar").write_bytes(busybox_rootfs())
    return folder


def live(root: Path, name: str, *words: str) -> None:
    """Run the script in the root, with the kernel's file systems of this machine."""
    inside = " ".join((*words, "/tmp/given/daemon.json", "/tmp/given/busybox.tar"))
    enter = (
        f"mount --rbind {root} {root} && for d in proc sys dev; do mount --rbind /$d {root}/$d; done && "
        f"mount -t tmpfs none {root}/run && mkdir {root}/run/boxship-test && "
        f"cp /etc/resolv.conf {root}/etc/resolv.conf && exec chroot {root} /bin/bash /tmp/given/install.sh {inside}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter],
        capture_output=True, text=True, timeout=1700,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "purged: nothing is left"
    assert not (Path("/sys/class/net") / name).exists()
    assert name not in subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout


@pytest.mark.timeout(1800)
def test_the_package(tmp_path: Path) -> None:
    name = f"bt{uuid.uuid4().hex[:8]}"
    with debian_root() as root:
        shutil.copy(build_package(tmp_path), given(root, name) / "boxship.deb")
        live(root, name, "package", "/tmp/given/boxship.deb")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("codename", ["bookworm", "trixie"])
def test_install_sh(codename: str) -> None:
    """On Debian 12 with Python 3.11, on Debian 13 with 3.13."""
    name = f"bt{uuid.uuid4().hex[:8]}"
    with debian_root(codename="" if codename == release() else codename) as root:
        folder = given(root, name)
        tracked = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
        for file in tracked.splitlines():
            if not file.startswith(("tests/", "docs/", "examples/")) and (CHECKOUT / file).exists():
                (folder / "checkout" / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / file, folder / "checkout" / file)
        _reach_packages(root)
        live(root, name, "script", "/tmp/given/checkout")


def _reach_packages(root: Path) -> None:
    """Let pip in the root find what it finds here."""
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(authorities())
    if Path("/etc/pip.conf").exists():
        shutil.copy("/etc/pip.conf", root / "etc" / "pip.conf")
    for place in filter(None, os.environ.get("PIP_FIND_LINKS", "").split()):
        if Path(place).is_dir():
            shutil.copytree(place, root / place.lstrip("/"), symlinks=True)
