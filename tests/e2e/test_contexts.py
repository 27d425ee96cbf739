"""Contexts, shared with the stock command line, and daemons that are reached another way than by a socket here."""

import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM

pytestmark = [pytest.mark.e2e, pytest.mark.root]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

# what a far machine's sshd does: run what follows the host by a shell. It tells its words, for the test to look at.
SSH = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != -- ]; do shift; done
shift 2
export DOCKER_HOST={host} PATH={path}
exec sh -c "$*"
"""


@pytest.fixture
def environment(docker: Any, tmp_path: Path) -> dict[str, str]:
    """Nothing names a daemon; ssh is ours and ends at the one under test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    path = f"{PROGRAM.parent}:{os.environ['PATH']}"
    ssh = programs / "ssh"
    ssh.write_text(SSH.format(log=tmp_path / "ssh.log", host=docker.host, path=path))
    ssh.chmod(0o755)
    plain = {key: value for key, value in docker.environment.items() if key != "DOCKER_HOST"}
    return {**plain, "PATH": f"{programs}:{path}"}


@pytest.fixture
def ours(environment: dict[str, str]) -> Run:
    def run(*words: str, stdin: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
        known = {**environment, **more}
        return subprocess.run([PROGRAM, *words], env=known, input=stdin, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def stock(environment: dict[str, str]) -> Run:
    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        known = {**environment, **more}
        return subprocess.run(["docker", *words], env=known, capture_output=True, text=True, timeout=60)

    return run


def same_default(text: str) -> str:
    """The default socket is another one, and columns are as wide as they are."""
    return re.sub(r" {2,}", "  ", text.replace("unix:///var/run/docker.sock", "unix:///run/boxship.sock"))


def test_each_reads_what_the_other_wrote(docker: Any, ours: Run, stock: Run) -> None:
    endpoint = f"host={docker.host}"
    done = ours("context", "create", "ours", "--description", "made here", "--docker", endpoint)
    assert (done.stdout, done.stderr) == ("ours\n", 'Successfully created context "ours"\n')
    assert stock("context", "create", "theirs", "--docker", endpoint).returncode == 0
    version = stock("version", "--format", "{{.Client.Version}}", DOCKER_HOST=docker.host).stdout
    alike = int(version.split(".")[0]) >= 28  # older ones leave fields out of their JSON
    for words in (
        ["context", "ls"],
        *([["context", "ls", "--format", "json"]] if alike else []),
        ["context", "ls", "-q"],
        ["context", "inspect", "ours", "theirs"],
        ["context", "show"],
    ):
        assert same_default(ours(*words).stdout) == same_default(stock(*words).stdout), words
    for program, name in ((ours, "theirs"), (stock, "ours")):
        assert program("--context", name, "ps", "-q").returncode == 0
        assert program("ps", "-q", DOCKER_CONTEXT=name).returncode == 0


def test_the_one_in_use_is_in_use_for_both(docker: Any, ours: Run, stock: Run) -> None:
    ours("context", "create", "lab", "--docker", f"host={docker.host}")
    done = ours("context", "use", "lab")
    assert (done.stdout, done.stderr) == ("lab\n", 'Current context is now "lab"\n')
    assert stock("context", "show").stdout == ours("context", "show").stdout == "lab\n"
    assert ours("version", "--format", "{{.Client.Context}} {{.Server.Os}}").stdout == "lab linux\n"
    assert ours("context", "rm", "lab").stderr == 'context "lab" is in use, set -f flag to force remove\n'
    assert stock("context", "use", "default").returncode == 0
    assert ours("context", "show").stdout == "default\n"
    assert ours("context", "rm", "lab").stdout == "lab\n"
    assert stock("context", "ls", "-q").stdout == "default\n"


def test_exports_are_understood_by_both(docker: Any, ours: Run, stock: Run, tmp_path: Path) -> None:
    ours("context", "create", "a1", "--docker", f"host={docker.host}")
    for number, (writer, reader) in enumerate(((ours, stock), (stock, ours), (ours, ours))):
        file = str(tmp_path / f"{number}.tar")
        assert writer("context", "export", "a1", file).stderr == f'Written file "{file}"\n'
        assert "file exists" in writer("context", "export", "a1", file).stderr
        assert reader("context", "import", f"copy{number}", file).stdout == f"copy{number}\n"
        told = json.loads(stock("context", "inspect", f"copy{number}").stdout)[0]
        assert told["Endpoints"]["docker"]["Host"] == docker.host


def test_an_archive_cannot_write_elsewhere(ours: Run, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        for name in ("meta.json", "tls/docker/../../../evil"):
            content = tmp_path / "content"
            content.write_text('{"Name": "x", "Metadata": {}, "Endpoints": {}}')
            archive.add(content, name)
    assert ours("context", "import", "bad", str(tmp_path / "bad.tar")).returncode == 0
    assert not list(tmp_path.rglob("evil"))


MISTAKES = {
    "no such context": (["-c", "nowhere", "ps"], 'context "nowhere": context not found'),
    "a host and a context": (["-c", "a", "-H", "unix:///x", "ps"], "cannot specify both --host and --context"),
    "a key that is none": (["context", "create", "bb", "--docker", "hots=x"], "unrecognized config key: hots"),
    "a name that cannot be": (["context", "create", "-", "--docker", "host=tcp://x"], "is invalid"),
    "the default": (["context", "rm", "default"], "cannot be removed"),
    "one that is not there": (["context", "rm", "nowhere"], "does not exist"),
}


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(ours: Run, words: list[str], told: str) -> None:
    done = ours(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr


def test_ssh(docker: Any, ours: Run, stock: Run, tmp_path: Path) -> None:
    """The stock client speaks through our dial-stdio, too."""
    assert ours("-H", "ssh://me@far:2222", "version", "--format", "{{.Server.Os}}").stdout == "linux\n"
    assert "-l me -p 2222 -- far" in (tmp_path / "ssh.log").read_text()
    done = ours(
        "-H", "ssh://far", "run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo err >&2; exit 7", stdin="in\n"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("in\n", "err\n", 7)
    ours("context", "create", "far", "--docker", "host=ssh://me@far")
    assert ours("-c", "far", "ps", "-q").returncode == 0
    assert stock("-c", "far", "version", "--format", "{{.Server.Os}}").stdout == "linux\n"


def test_dial_stdio(docker: Any, environment: dict[str, str]) -> None:
    words = [PROGRAM, "-H", docker.host, "system", "dial-stdio"]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dialled:
        assert dialled.stdin is not None
        assert dialled.stdout is not None
        dialled.stdin.write(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
        dialled.stdin.flush()
        answer = dialled.stdout.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"OK")
    assert dialled.returncode == 0


def test_ssh_that_does_not_get_there(ours: Run, tmp_path: Path) -> None:
    (tmp_path / "bin" / "ssh").write_text("#!/bin/sh\necho 'ssh: no route to far' >&2\nexit 255\n")
    done = ours("-H", "ssh://far", "ps")
    assert done.returncode == 1
    assert "ssh: no route to far" in done.stderr
    assert "went away" in done.stderr


def test_the_search_of_an_index_that_is_not_there(ours: Run, docker: Any) -> None:
    done = ours("-H", docker.host, "search", "nosuch.invalid/x")
    assert done.returncode == 1
    assert "Error response from daemon" in done.stderr


@pytest.mark.parametrize(
    "words", ["swarm init", "service ls", "plugin ls", "trust sign", "stack ls", "checkpoint ls c"]
)
def test_what_is_absent_is_refused(ours: Run, words: str) -> None:
    done = ours(*words.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_names_that_were_meant(docker: Any, ours: Run) -> None:
    name = docker.name("frontend")
    docker("create", "--name", name, "busybox", "true")
    host = ("-H", docker.host)
    assert f"Did you mean '{name}'?" in ours(*host, "start", name.replace("end", "edn")).stderr
    assert "Did you mean 'busybox:latest'?" in ours(*host, "history", "busybxo").stderr.replace(
        "'busybox'", "'busybox:latest'"
    )
    assert "Did you mean 'bridge'?" in ours(*host, "network", "inspect", "birdge").stderr


def test_config_json_gives_proxies_and_forms(docker: Any, ours: Run, environment: dict[str, str]) -> None:
    folder = Path(environment["DOCKER_CONFIG"])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"proxies": {"default": {"httpProxy": "http://p:1"}}, "networksFormat": "{{.Name}}"}
    (folder / "config.json").write_text(json.dumps(wanted))
    printed = ours("-H", docker.host, "run", "--rm", "busybox", "env").stdout.splitlines()
    assert {"HTTP_PROXY=http://p:1", "http_proxy=http://p:1"} <= set(printed)
    assert "bridge" in ours("-H", docker.host, "network", "ls").stdout.splitlines()
