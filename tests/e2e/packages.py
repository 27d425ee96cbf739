"""Clean Debian roots and the package to install in them, for the tests of installation."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def release() -> str:
    """Return the code name of the machine's own release."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["VERSION_CODENAME"]


def build_package(folder: Path) -> Path:
    """Return the package of this checkout, or the one that BOXSHIP_DEB names."""
    if made := os.environ.get("BOXSHIP_DEB"):
        return Path(made)
    done = subprocess.run([CHECKOUT / "packaging" / "deb.sh", folder], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


@contextmanager
def debian_root(*packages: str, codename: str = "") -> Iterator[Path]:
    """A root with apt and `packages` in it, taken away at the end. BOXSHIP_DEBIAN_ROOT names one to be copied instead
    of made, where it is of the machine's own release."""
    folder = Path(tempfile.mkdtemp(prefix="boxship-root-", dir="/dev/shm"))
    made = os.environ.get("BOXSHIP_DEBIAN_ROOT") if not codename else None
    command = ["cp", "-a", f"{made}/.", folder] if made else _mmdebstrap(folder, packages, codename or release())
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stderr[-3000:]
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mmdebstrap(folder: Path, packages: tuple[str, ...], codename: str) -> list[str | Path]:
    if not shutil.which("mmdebstrap"):
        pytest.skip("mmdebstrap is missing")
    mirror = [] if codename == release() else [_site()]  # for its own release it takes the machine's own sources
    wanted = f"--include={','.join(('ca-certificates', *packages))}"
    return ["mmdebstrap", "--variant=apt", wanted, codename, folder, *mirror]


def _site() -> str:
    """Return the Debian mirror that this machine uses."""
    words = ["apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN)", "Created-By: Packages"]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    site = next((line.partition(" ")[0] for line in found if line.endswith(" Debian")), "")
    if not site:
        pytest.skip("no Debian mirror is configured here")
    return site
