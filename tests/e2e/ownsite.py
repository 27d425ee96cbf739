"""A build context and `boxship build` in it."""

import contextlib
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.daemons import PROGRAM
from tests.e2e.conftest import Docker


class Site:
    """Names of images are the test's own."""

    def __init__(self, docker: Docker, root: Path) -> None:
        self.docker = docker
        self.root = root
        self.tag = f"own-{uuid.uuid4().hex[:10]}"

    def write(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def command(self, *words: str) -> list[str]:
        return [str(PROGRAM), "build", *words]

    def __call__(
        self, *words: str, code: int = 0, stdin: str | bytes = "", timeout: float = 100, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run(
            self.command(*words),
            cwd=self.root,
            env={**self.docker.environment, "BOXSHIP_HOST": self.docker.host, **environment},
            input=given,
            capture_output=True,
            timeout=timeout,
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        assert done.returncode == code, out + err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def running(self, *words: str) -> "subprocess.Popen[str]":
        environment = {**self.docker.environment, "BOXSHIP_HOST": self.docker.host}
        return subprocess.Popen(self.command(*words), cwd=self.root, env=environment, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def wait_for(client: "subprocess.Popen[str]", said: str) -> None:
        assert client.stderr is not None
        assert any(line.endswith(f"{said}\n") and "RUN" not in line for line in client.stderr), f"never said {said}"

    def run(self, *words: str) -> str:
        return self.docker.out("run", "--rm", self.tag, *words)

    def cli(self, *words: str) -> str:
        """Run another command of ours; return what it prints."""
        environment = {**self.docker.environment, "BOXSHIP_HOST": self.docker.host}
        done = subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextlib.contextmanager
def made(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "context"
    root.mkdir()
    found = Site(docker, root)
    yield found
    docker("rmi", "-f", found.tag, check=False)
