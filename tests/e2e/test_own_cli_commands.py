"""Each command of our own command line does its work, against a running daemon."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from boxship.front.cli.catalogue import CATALOGUE, find
from tests.daemons import PROGRAM
from tests.unit.front.cli.stock import table

pytestmark = [pytest.mark.e2e, pytest.mark.root]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

# shown to work elsewhere: by a test with a terminal, a registry, a build context or a file system of its own
ELSEWHERE = {
    "container attach", "container edit", "container mounts", "image push", "image pull", "login", "logout", "search",
    "ui", "system dial-stdio", "completion",
    *(entry.path for entry in CATALOGUE if entry.path.startswith(("build", "context ", "registry ", "image build"))),
    *(entry.path for entry in CATALOGUE if entry.path.startswith("manifest ")),
    *(entry.path for entry in CATALOGUE if entry.path.startswith(("volume backup", "volume restore", "volume snap"))),
}  # fmt: skip


class Ours:
    """Our command line; remembers which commands it was asked for."""

    def __init__(self, docker: Any) -> None:
        self._environment = docker.environment
        self.asked: set[str] = set()

    def __call__(self, *words: str, code: int = 0, stdin: bytes = b"") -> str:
        """Return what a command prints to its output, without the last line end."""
        entry, _, _ = find(list(words))
        assert entry is not None, words
        self.asked.add(entry.path)
        done = subprocess.run([PROGRAM, *words], env=self._environment, input=stdin, capture_output=True, timeout=60)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout.decode().rstrip("\n")


@pytest.fixture(scope="module")
def asked() -> set[str]:
    """All that this file has asked for; who comes last looks at it."""
    return set()


@pytest.fixture
def ours(docker: Any, asked: set[str]) -> Iterator[Ours]:
    found = Ours(docker)
    yield found
    asked |= found.asked


def test_containers(docker: Any, ours: Ours, tmp_path: Path) -> None:
    name = docker.name()
    script = "echo out; echo err >&2; trap 'exit 0' TERM; while :; do sleep 0.05; done"
    ref = ours("container", "create", "--name", name, "-p", "80", "busybox", "sh", "-c", script)
    assert len(ref) == 64
    assert ours("start", name) == name
    assert ours("ps", "-q", "--no-trunc", "--filter", f"name={name}") == ref
    assert ours("exec", name, "sh", "-c", "echo inside; touch /new") == "inside"
    assert "A /new" in ours("diff", name).splitlines()
    assert ours("port", name, "80").startswith("0.0.0.0:")
    assert "sleep" in ours("top", name, "-o", "pid,args")
    assert name in ours("stats", "--no-stream", name)
    assert ours("update", "--memory", "64m", "--memory-swap", "64m", name) == name
    assert ours("inspect", "-f", "{{.HostConfig.Memory}}", name) == str(64 << 20)
    assert ours("container", "inspect", "-f", "{{.Name}}", name) == f"/{name}"
    assert ours("pause", name) == ours("unpause", name) == ours("restart", "-t", "0", name) == name
    assert "runs" in ours("why", name)
    (tmp_path / "file").write_text("content")
    ours("cp", str(tmp_path / "file"), f"{name}:/file")
    ours("export", "-o", str(tmp_path / "root.tar"), name)
    assert (tmp_path / "root.tar").stat().st_size > 1_000_000
    assert ours("stop", name) == name
    assert "out" in ours("logs", name)
    assert ours("wait", name) in ("0", "137")
    assert "was stopped" in ours("why", name, code=1)
    ours("rename", name, f"{name}-2")
    assert ours("start", f"{name}-2") == ours("kill", f"{name}-2") == f"{name}-2"
    assert ours("rm", f"{name}-2") == f"{name}-2"
    assert ours("run", "--rm", "busybox", "echo", "hello") == "hello"
    assert ours("run", "--rm", "busybox", "sh", "-c", "exit 9", code=9) == ""
    done = ours("run", "-d", "busybox", "true")
    ours("wait", done)
    assert done in ours("container", "prune", "-f").splitlines()


def test_images(docker: Any, ours: Ours, tmp_path: Path) -> None:
    name, container = docker.name("img"), docker.name()
    ours("create", "--name", container, "busybox", "true")
    made = ours("commit", "-m", "kept", "-c", "ENV A=1", container, f"{name}:1")
    assert made.startswith("sha256:")
    assert ours("images", "-q", "--no-trunc", name) == made
    assert "A=1" in ours("image", "inspect", "-f", "{{json .Config.Env}}", f"{name}:1")
    assert "kept" in ours("history", f"{name}:1")
    ours("tag", f"{name}:1", f"{name}:2")
    ours("save", "-o", str(tmp_path / "image.tar"), f"{name}:1", f"{name}:2")
    assert f"Untagged: {name}:1" in ours("rmi", f"{name}:1", f"{name}:2").splitlines()
    assert f"Loaded image: {name}:2" in ours("load", "-i", str(tmp_path / "image.tar")).splitlines()
    root = tmp_path / "root.tar"
    ours("export", "-o", str(root), container)
    imported = ours("import", "-c", 'CMD ["true"]', "-", f"{name}:3", stdin=root.read_bytes())
    assert imported.startswith("sha256:")
    ours("rmi", f"{name}:1", f"{name}:2", f"{name}:3")
    assert "Total reclaimed space" in ours("image", "prune", "-f")


def test_networks_and_volumes(docker: Any, ours: Ours) -> None:
    name, container = docker.name("net"), docker.name()
    assert len(ours("network", "create", "--label", "a=b", name)) == 64
    ours("run", "-d", "--name", container, "busybox", "sleep", "1000")
    ours("network", "connect", "--alias", "other", name, container)
    assert container in ours("network", "inspect", "-f", "{{range .Containers}}{{.Name}}{{end}}", name)
    assert ours("network", "ls", "--filter", "label=a=b", "--format", "{{.Name}}") == name
    ours("network", "disconnect", name, container)
    assert ours("network", "rm", name) == name
    assert len(ours("network", "create", name)) == 64
    assert name in ours("network", "prune", "-f").splitlines()
    assert ours("volume", "create", "--label", "a=b", name) == name
    assert ours("volume", "ls", "-q", "--filter", "label=a=b") == name
    assert ours("volume", "inspect", "-f", "{{.Driver}}", name) == "local"
    assert ours("volume", "rm", name) == name
    ours("volume", "create", name)
    assert name in ours("volume", "prune", "-a", "-f").splitlines()


def test_the_system(ours: Ours) -> None:
    assert ours("info", "-f", "{{.OSType}}") == "linux"
    assert ours("version", "-f", "{{.Server.Os}}") == "linux"
    assert ours("system", "df").startswith("TYPE")
    assert "Build cache usage" in ours("system", "df", "-v")
    ours("events", "--since", "1s", "--until", "0s")
    ours("system", "check", "--repair")
    assert "Total reclaimed space" in ours("system", "prune", "-f")


def test_every_command_of_the_stock_client_was_asked_for(asked: set[str]) -> None:
    if not asked:
        pytest.skip("the tests before this one were left out")
    found = [find(path.split())[0] for path in table()]
    left = {entry.path for entry in found if entry is not None} - ELSEWHERE - asked
    assert not left, f"no test of its own: {sorted(left)}"
