"""The stock docker CLI as a fixture. `BOXSHIP_TEST_HOST` aims the same tests at another daemon, for comparison."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.e2e.engine_api import EngineApi
from tests.images import busybox_rootfs

IMAGE = "busybox:latest"


@dataclass(frozen=True)
class Docker:
    """The stock CLI aimed at one daemon. `label` marks what a test made, so that it can be removed."""

    host: str
    label: str
    config: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.config), "DOCKER_CLI_HINTS": "false"}

    def __call__(
        self, *words: str, check: bool = True, stdin: str | None = None, timeout: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker WORDS`; a failure shows both outputs. `stdin` None is an empty one."""
        done = subprocess.run(
            ["docker", *words], env=self.environment, input=stdin or "", text=True, capture_output=True, timeout=timeout
        )
        if check:
            assert done.returncode == 0, f"docker {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def out(self, *words: str, stdin: str | None = None) -> str:
        """Return what a successful command prints, without the last line end."""
        return self(*words, stdin=stdin).stdout.rstrip("\n")

    def terminal(self, *words: str, size: tuple[int, int] = (24, 80)) -> "pexpect.spawn[str]":
        """Start `docker WORDS` on a terminal of `size` rows and columns."""
        environment = {**self.environment, "TERM": "xterm"}
        return pexpect.spawn("docker", list(words), env=environment, dimensions=size, encoding="utf-8", timeout=60)

    def name(self, word: str = "c") -> str:
        """Return a container name no other test uses."""
        return f"{word}-{self.label[-8:]}-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="session")
def stock_host(request: pytest.FixtureRequest) -> str:
    """Where the daemon under test listens: BOXSHIP_TEST_HOST, else a daemon of the test session's own."""
    host = os.environ.get("BOXSHIP_TEST_HOST")
    if host is None:
        host = str(request.getfixturevalue("daemon").host)
    return host


@pytest.fixture(scope="session")
def images(stock_host: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Import the images the tests name; return the name of the plain one."""
    if not shutil.which("docker"):
        pytest.fail("the stock docker CLI is missing: install docker.io or docker-cli")
    archive = tmp_path_factory.mktemp("images") / "busybox.tar"
    archive.write_bytes(busybox_rootfs())
    path = ("--change", "ENV PATH=/bin")
    wanted = {
        IMAGE: ("--change", 'CMD ["sh"]'),
        "web:latest": ("--change", "EXPOSE 80", "--change", 'CMD ["httpd", "-f", "-p", "80", "-h", "/var/www"]'),
    }
    for tag, changes in wanted.items():
        subprocess.run(
            ["docker", "-H", stock_host, "import", *path, *changes, str(archive), tag], check=True, capture_output=True
        )
    return IMAGE


@pytest.fixture
def docker(stock_host: str, images: str, tmp_path: Path) -> Iterator[Docker]:
    """The stock CLI; what the test made with it is removed afterwards."""
    cli = Docker(stock_host, f"boxship.test={uuid.uuid4().hex}", tmp_path / "docker-config")
    before = set(cli.out("ps", "-aq", "--no-trunc").split())
    yield cli
    made = set(cli.out("ps", "-aq", "--no-trunc").split()) - before
    if made:
        cli("rm", "-f", "-v", *made)


@pytest.fixture
def api(stock_host: str, images: str) -> Iterator[EngineApi]:
    """The raw API; containers made through it are removed afterwards."""
    found = EngineApi(stock_host)
    yield found
    found.tidy()
