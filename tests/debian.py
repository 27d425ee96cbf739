"""Debian base images that tests make for themselves, from the machine's own apt sources."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCES = tuple(
    Path("/etc/apt", name)
    for name in ("sources.list.d/debian.sources", "sources.list.d/ubuntu.sources", "sources.list")
)
QUIET = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]


def debian_rootfs(*packages: str) -> bytes:
    """Return a tar of a minimal Debian of the machine's release. Takes a minute and the network."""
    program = shutil.which("mmdebstrap")
    assert program, "mmdebstrap is missing: install it"
    release = next(
        line.partition("=")[2] for line in Path("/etc/os-release").read_text().splitlines() if "CODENAME" in line
    )
    source = next(path for path in SOURCES if path.exists())
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        target = Path(folder, "debian.tar")
        wanted = [f"--include={','.join(packages)}"] if packages else []
        words = [program, "--quiet", "--variant=minbase", *QUIET, *wanted, release, str(target), str(source)]
        subprocess.run(words, check=True, capture_output=True)
        return target.read_bytes()


def authorities() -> bytes:
    """Return the certificates that the machine trusts, also for what looks into its connections."""
    path = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    return Path(path).read_bytes()
