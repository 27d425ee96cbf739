"""`boxship manifest …` beside the stock client: the same answers, the same files, the same list in the registry."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.daemons import PROGRAM
from tests.e2e.conftest import Docker
from tests.registries import Server

pytestmark = [pytest.mark.e2e, pytest.mark.root]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "registry")
    yield found.start()
    found.close()


def cli(docker: Docker, program: str | Path, folder: Path) -> Run:
    """A command line with a folder of its own for config.json and lists."""
    environ = {**docker.environment, "DOCKER_CONFIG": str(folder)}

    def run(*words: str, code: int = 0, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        done = subprocess.run([program, *words], env=environ, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def ours(docker: Docker, tmp_path: Path) -> Run:
    return cli(docker, PROGRAM, tmp_path / "ours")


@pytest.fixture
def stock(docker: Docker, tmp_path: Path) -> Run:
    return cli(docker, "docker", tmp_path / "stock")


def two(docker: Docker, host: str) -> tuple[str, str]:
    """Push two images to repositories of their own; return their names."""
    names = (f"{host}/team/one:1", f"{host}/team/two:1")
    for name in names:
        made = docker.name()
        docker("create", "--name", made, "busybox", "true")
        docker("commit", "-m", name, made, name)
        docker("push", name)
    return names


def test_the_same_as_the_stock_client(docker: Docker, registry: Server, ours: Run, stock: Run) -> None:
    one, two_ = two(docker, registry.host)
    target = f"{registry.host}/team/all:1"
    told: dict[str, Any] = {}
    for name, run in (("ours", ours), ("stock", stock)):
        told[name] = [
            run("manifest", "create", "--insecure", target, one).stdout,
            run("manifest", "create", "--insecure", target, two_, code=1).stdout,
            run("manifest", "create", "--insecure", "--amend", target, two_).stdout,
            run("manifest", "annotate", "--arch", "arm64", "--variant", "v8", target, two_).stdout,
            run("manifest", "inspect", "--insecure", target).stdout,
            json.loads(run("manifest", "inspect", "--insecure", "-v", target).stdout),
            json.loads(run("manifest", "inspect", "--insecure", "-v", target, two_).stdout),
            json.loads(run("manifest", "inspect", "--insecure", one).stdout),
            run("manifest", "push", "--insecure", target).stdout,
            json.loads(run("manifest", "inspect", "--insecure", "-v", one).stdout),
            run("manifest", "rm", target).stdout,
            run("manifest", "inspect", "--insecure", target).stdout,
            json.loads(run("manifest", "inspect", "--insecure", "-v", target).stdout),
        ]
    for number, (a, b) in enumerate(zip(told["ours"], told["stock"], strict=True)):
        assert _known(a, b) == b, number
    assert "Pushed ref" in told["ours"][8]
    docker("rmi", one)
    docker("pull", target)


def _known(ours: Any, theirs: Any) -> Any:
    """Older clients store no bytes beside what they say."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return [_known(a, b) for a, b in zip(ours, theirs, strict=True)]
    if isinstance(ours, dict) and "Raw" in ours and "Raw" not in theirs:
        return {key: value for key, value in ours.items() if key != "Raw"}
    return ours


def test_each_goes_on_where_the_other_began(docker: Docker, registry: Server, tmp_path: Path) -> None:
    one, two_ = two(docker, registry.host)
    ours, stock = (cli(docker, program, tmp_path / "shared") for program in (PROGRAM, "docker"))
    for first, second in ((ours, stock), (stock, ours)):
        target = f"{registry.host}/team/all:{first is ours}".lower()
        first("manifest", "create", "--insecure", target, one)
        second("manifest", "create", "--insecure", "-a", target, two_)
        first("manifest", "annotate", "--arch", "arm64", target, two_)
        seen = second("manifest", "inspect", "--insecure", target).stdout
        assert first("manifest", "inspect", "--insecure", target).stdout == seen
        assert [part["platform"]["architecture"] for part in json.loads(seen)["manifests"]] == ["amd64", "arm64"]
        second("manifest", "push", "--insecure", "-p", target)
        assert first("manifest", "inspect", "--insecure", target).stdout == seen  # of the registry now
    assert list((tmp_path / "shared" / "manifests").iterdir()) == []


MISTAKES = {
    "no such list": (["rm", "nosuch"], "No such manifest: docker.io/library/nosuch:latest"),
    "no name": (["inspect", "Not A Name"], "invalid reference format"),
    "nothing to annotate": (["annotate", "--os", "linux", "{}/a", "{}/b"], "does not exist in"),
    "nothing to push": (["push", "{}/nosuch"], "No such manifest: {}/nosuch:latest"),
    "nothing in the registry": (["inspect", "{}/nosuch"], "no such manifest: {}/nosuch:latest"),
    "nobody there": (["inspect", "127.0.0.1:1/app"], "Cannot reach the registry at http://127.0.0.1:1"),
}


@pytest.mark.parametrize(("words", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(registry: Server, ours: Run, words: list[str], sentence: str) -> None:
    done = ours("manifest", *(word.format(registry.host) for word in words), code=1)
    assert sentence.format(registry.host) in done.stderr
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)


def test_a_list_is_not_put_into_a_list(docker: Docker, registry: Server, ours: Run) -> None:
    one, _ = two(docker, registry.host)
    ours("manifest", "create", f"{registry.host}/team/all:1", one)
    ours("manifest", "push", "-p", f"{registry.host}/team/all:1")
    done = ours("manifest", "create", f"{registry.host}/team/more:1", f"{registry.host}/team/all:1", code=1)
    assert "is a manifest list" in done.stderr


@pytest.mark.parametrize("token", [False, True])
def test_a_registry_that_asks_who_it_is(docker: Docker, ours: Run, tmp_path: Path, token: bool) -> None:
    users = tmp_path / "users"
    users.write_text(f"alice:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    guarded = Server(tmp_path / "guarded", "--htpasswd", str(users), *(["--token"] if token else []))
    try:
        host = guarded.start().host
        ours("login", "-u", "alice", "--password-stdin", host, stdin="secret")
        name = f"{host}/team/one:1"
        docker("tag", "busybox", name)
        ours("push", name)
        ours("manifest", "create", f"{host}/team/all:1", name)
        assert ours("manifest", "push", f"{host}/team/all:1").stdout.strip().startswith("Pushed ref")
        ours("logout", host)
        assert "UNAUTHORIZED" in ours("manifest", "inspect", name, code=1).stderr.upper()
    finally:
        guarded.close()
