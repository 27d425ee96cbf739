"""`--ssh ID=KEYFILE`: keys that stay with the client sign for OpenSSH in a step, by our own client and buildx."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.buildx import Buildx, program
from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
KINDS = {"ed": ("ed25519",), "rsa": ("rsa", "-b", "2048"), "ec": ("ecdsa", "-b", "256")}
# -T signs with the agent, and verifies with the public half
TEXT = """FROM busybox
COPY root/ /
COPY *.pub /
RUN --mount=type=ssh ssh-add -L && ssh-add -T /ed.pub && ssh-add -T /rsa.pub && ssh-add -T /ec.pub && echo they sign
"""


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    """A context with OpenSSH's ssh-add and what it needs; keys are beside it."""
    tool = shutil.which("ssh-add")
    if tool is None:
        pytest.skip("ssh-add is missing: install openssh-client")
    needed = subprocess.run(["ldd", tool], capture_output=True, text=True, check=True).stdout
    with made(docker, tmp_path) as found:
        for path in {tool, *re.findall(r"(/\S+) \(0x", needed)}:
            there = found.root / "root" / (f"bin/{Path(path).name}" if path == tool else path.lstrip("/"))
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there)
        for name, how in KINDS.items():
            key = tmp_path / name
            subprocess.run(["ssh-keygen", "-q", "-t", *how, "-N", "", "-C", name, "-f", key], check=True)
            shutil.copy(f"{key}.pub", found.root)
        found.write("Dockerfile", TEXT)
        yield found


def test_key_files_sign_in_steps(site: Site, docker: Docker, tmp_path: Path) -> None:
    keys = "default=" + ",".join(str(tmp_path / name) for name in KINDS)
    assert " they sign\n" in site("--progress", "plain", "--ssh", keys, ".").stderr
    buildx = Buildx(program(), site.root, docker.environment)
    assert " they sign\n" in buildx.build(TEXT, "--no-cache", "--ssh", keys)
    assert "ssh agent or key /none" in site("--ssh", "default=/none", ".", code=1).stderr
