"""`boxship compose` against the running daemon."""

import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM
from tests.patience import until
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.root]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Project:
    """A folder with a compose file, and our CLI in it."""

    def __init__(self, docker: Any, folder: Path) -> None:
        self.docker, self.folder = docker, folder
        self.environ = {**docker.environment, "BOXSHIP_HOST": docker.host, "COMPOSE_PROJECT_NAME": folder.name}

    def write(self, text: str) -> None:
        (self.folder / "compose.yaml").write_text(text)

    def __call__(self, *words: str, check: bool = True, env: dict[str, str] | None = None, stdin: str = "") -> Any:
        """Run `boxship compose WORDS`; what it says of progress is in `.stderr`."""
        done = subprocess.run(
            [PROGRAM, "compose", *words],
            cwd=self.folder,
            env={**self.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
        )
        if check:
            assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def names(self, *more: str) -> list[str]:
        label = f"label=com.docker.compose.project={self.folder.name}"
        return sorted(self.docker.out("ps", *more, "--filter", label, "--format", "{{.Names}}").split())

    def of(self, service: str, number: int = 1) -> dict[str, Any]:
        told = self.docker.out("inspect", f"{self.folder.name}-{service}-{number}")
        found: dict[str, Any] = json.loads(told)[0]
        return found


@pytest.fixture
def compose(docker: Any, tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / f"p{os.getpid()}{time.monotonic_ns() % 10**8}"
    folder.mkdir()
    project = Project(docker, folder)
    yield project
    project("--file", "compose.yaml", "down", "-v", "-t", "0", "--remove-orphans", check=False)


SIMPLE = """
services:
  web:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    depends_on: [db]
    environment: ["MYVAR=hello world"]
  db:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    volumes: ["data:/data"]
networks: {mynet: {}, default: {}}
volumes: {data: {}}
"""


def test_a_whole_life(compose: Project) -> None:
    compose.write(SIMPLE)
    p = compose.folder.name
    compose("up", "-d")
    assert compose.names() == [f"{p}-db-1", f"{p}-web-1"]
    assert f"{p}_default" in compose.docker.out("network", "ls", "--format", "{{.Name}}").split()
    assert compose("exec", "-T", "web", "sh", "-c", "echo $MYVAR").stdout == "hello world\n"
    assert compose("exec", "web", "sh", "-c", "exit 3", check=False).returncode == 3
    assert "db" in compose("exec", "web", "nslookup", "db").stdout
    again = compose("up", "-d")
    assert again.stderr.count("Running") == 2
    for words, states in (
        (["stop"], {"exited"}), (["start"], {"running"}), (["pause"], {"paused"}), (["unpause"], {"running"}),
        (["restart", "-t", "0"], {"running"}), (["kill"], {"exited"}),
    ):  # fmt: skip
        compose(*words)
        told = [json.loads(line) for line in compose("ps", "-a", "--format", "json").stdout.splitlines()]
        assert {row["State"] for row in told} == states, words
    assert compose("rm", "-f", "web").returncode == 0
    assert compose.names("-a") == [f"{p}-db-1"]
    compose("down")
    assert compose.names("-a") == []
    assert f"{p}_data" in compose.docker.out("volume", "ls", "-q").split()
    compose("down", "-v")
    assert f"{p}_data" not in compose.docker.out("volume", "ls", "-q").split()


def test_only_what_has_changed_is_replaced(compose: Project) -> None:
    compose.write(SIMPLE)
    compose("up", "-d")
    before = {name: compose.of(name)["Id"] for name in ("web", "db")}
    compose.write(SIMPLE.replace("hello world", "changed"))
    dry = compose("--dry-run", "up", "-d").stdout
    assert "its configuration has changed" in dry
    assert "-db-" not in dry
    compose("up", "-d")
    assert compose.of("db")["Id"] == before["db"]
    assert compose.of("web")["Id"] != before["web"]
    compose("up", "-d", "--force-recreate", "--no-deps", "web")
    assert compose.of("db")["Id"] == before["db"]


def test_conditions_hold_a_start_back(compose: Project) -> None:
    compose.write("""
services:
  init: {image: busybox, command: sh -c 'sleep 0.3; echo ready > /shared/file', volumes: ["kept:/shared"]}
  db:
    image: busybox
    command: sh -c 'sleep 0.3; touch /up; exec sleep 100'
    stop_grace_period: 0s
    healthcheck: {test: [CMD, test, -e, /up], interval: 100ms}
  web:
    image: busybox
    command: sh -c 'cat /shared/file; exec sleep 100'
    stop_grace_period: 0s
    volumes: ["kept:/shared"]
    depends_on:
      init: {condition: service_completed_successfully}
      db: {condition: service_healthy}
volumes: {kept: {}}
""")
    compose("up", "-d")
    assert compose.of("db")["State"]["Health"]["Status"] == "healthy"
    assert "ready" in compose("logs", "--no-log-prefix", "web").stdout
    compose.write("""
services:
  bad: {image: busybox, command: "false"}
  web: {image: busybox, command: sleep 9, depends_on: {bad: {condition: service_completed_successfully}}}
""")
    failed = compose("up", "-d", "--remove-orphans", "-t", "0", check=False)
    assert failed.returncode == 1
    assert 'service "bad" didn\'t complete successfully: exit 1' in failed.stderr
    told = compose("why", "web", check=False)
    assert "it depends on bad, and" in told.stdout


def test_up_in_the_foreground(compose: Project) -> None:
    compose.write("""
services:
  a: {image: busybox, command: sh -c 'echo one; echo two >&2; sleep 0.2; exit 3'}
  b: {image: busybox, command: sleep 100, stop_grace_period: 0s}
""")
    done = compose("up", "--abort-on-container-exit", check=False)
    assert done.returncode == 3
    assert "a-1  | one" in done.stdout
    assert "a-1  | two" in done.stderr
    assert "a-1 exited with code 3" in done.stdout
    assert compose.names() == []
    assert compose("up", "--exit-code-from", "a", check=False).returncode == 3


def test_an_interrupt_stops_what_up_started(compose: Project) -> None:
    compose.write(SIMPLE)
    running = subprocess.Popen(
        [PROGRAM, "compose", "up"], cwd=compose.folder, env=compose.environ, stderr=subprocess.PIPE, text=True
    )
    until(lambda: len(compose.names()) == 2)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Gracefully stopping..." in told
    assert compose.names() == []
    assert len(compose.names("-a")) == 2


def settled(seen: Callable[[], object], quiet: float = 0.5) -> None:
    """Return once what is seen has not changed for a while: what a client that died had asked for is done."""
    last, since = seen(), time.monotonic()

    def calm() -> bool:
        nonlocal last, since
        if (now := seen()) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > quiet

    until(calm)


def test_an_up_killed_anywhere_is_brought_right_by_the_next(compose: Project) -> None:
    compose.write(SIMPLE.replace("image: busybox", "image: busybox\n    scale: 3"))
    for wait in (0.1, 0.15, 0.2, 0.25, 0.3):
        running = subprocess.Popen(
            [PROGRAM, "compose", "up", "-d", "--force-recreate", "-t", "0"],
            cwd=compose.folder, env=compose.environ, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(wait)
        running.kill()
        running.wait()
    settled(lambda: compose.docker.out("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"))
    compose("up", "-d", "-t", "0")
    p = compose.folder.name
    assert compose.names("-a") == sorted(f"{p}-{s}-{n}" for s in ("db", "web") for n in (1, 2, 3))
    assert compose("up", "-d").stderr.count("Running") == 6


def test_configs_and_secrets(compose: Project) -> None:
    (compose.folder / "file.txt").write_text("from a file")
    compose.write("""
services:
  a:
    image: busybox
    command: sleep 100
    stop_grace_period: 0s
    secrets: [plain, {source: env, target: own, uid: "33", gid: "33", mode: 0400}]
    configs: [{source: text, target: /etc/app.conf, mode: 0440}, {source: plain, target: /etc/plain}]
secrets: {plain: {file: ./file.txt}, env: {environment: TOKEN}}
configs: {text: {content: "said ${WHAT}"}, plain: {file: ./file.txt}}
""")
    compose("up", "-d", env={"TOKEN": "hush", "WHAT": "here"})
    shown = compose(
        "exec", "-T", "a", "sh", "-c", "cat /run/secrets/plain; cat /run/secrets/own /etc/app.conf /etc/plain"
    )
    assert shown.stdout == "from a filehushsaid herefrom a file"
    assert compose("exec", "-T", "a", "stat", "-c", "%u:%g %a", "/run/secrets/own").stdout == "33:33 400\n"
    assert compose("exec", "-T", "a", "stat", "-c", "%a", "/etc/app.conf").stdout == "440\n"


def test_hooks(compose: Project) -> None:
    compose.write("""
services:
  a:
    image: busybox
    command: sleep 100
    stop_grace_period: 0s
    volumes: [log:/log]
    post_start: [{command: [sh, -c, "echo begun >> /log/all"]}]
    pre_stop: [{command: [sh, -c, "echo ending >> /log/all"]}]
volumes: {log: {}}
""")
    compose("up", "-d")
    compose("stop")
    compose("start")
    assert compose("exec", "-T", "a", "cat", "/log/all").stdout == "begun\nending\nbegun\n"


def test_one_off_containers(compose: Project) -> None:
    compose.write(SIMPLE)
    done = compose(
        "run", "--rm", "-T", "-e", "A=1", "web", "sh", "-c", "echo $A $MYVAR; cat; exit 4", stdin="in\n", check=False
    )
    assert (done.stdout, done.returncode) == ("1 hello world\nin\n", 4)
    assert compose.names() == [f"{compose.folder.name}-db-1"]
    name = compose("run", "-d", "--name", compose.docker.name("run"), "--no-deps", "web", "sleep", "50").stdout.strip()
    assert name in compose.names()
    assert compose("ps", "-q").stdout.count("\n") == 1
    assert compose("ps", "-aq").stdout.count("\n") == 2
    compose("down", "-t", "0", "--remove-orphans")
    assert compose.names("-a") == []


def test_looking(compose: Project) -> None:
    talks = SIMPLE.replace("sleep 1000", "sh -c 'echo hello; exec sleep 1000'")
    compose.write(talks.replace("depends_on", "ports: ['80']\n    depends_on"))
    compose("up", "-d")
    p = compose.folder.name
    assert compose("ps", "--services").stdout == "db\nweb\n"
    assert f"{p}-web-1" in compose("ps").stdout
    assert p in compose("ls", "-q").stdout.split()
    assert compose("port", "web", "80").stdout.startswith("0.0.0.0:")
    assert "sleep 1000" in compose("top", "web").stdout
    assert "busybox" in compose("images").stdout
    assert compose("volumes", "-q").stdout == f"{p}_data\n"
    assert "hello" in compose("logs", "db").stdout
    assert compose("why").stdout == "db: runs\nweb: runs\n"
    assert "web-1" in compose("stats", "--no-stream").stdout
    (compose.folder / "x").write_text("copied")
    compose("cp", "x", "web:/x")
    compose("cp", "web:/x", "y")
    assert (compose.folder / "y").read_text() == "copied"
    assert compose("commit", "web", "compose-committed:1").stdout.startswith("sha256:")
    compose.docker("rmi", "compose-committed:1")


def test_backup_and_restore(compose: Project) -> None:
    compose.write(SIMPLE)
    compose("up", "-d")
    compose(
        "exec", "-T", "db", "sh", "-c", "mkdir /data/d; echo kept > /data/d/f; ln /data/d/f /data/g; chown 5:6 /data/g"
    )
    compose("backup", "-o", "b.tar")
    compose("down", "-v", "-t", "0")
    refused = compose("restore", "none.tar", check=False)
    assert "no such archive" in refused.stderr
    compose("restore", "b.tar")
    compose("up", "-d")
    told = compose("exec", "-T", "db", "sh", "-c", "cat /data/d/f; stat -c '%u:%g %h' /data/g").stdout
    assert told == "kept\n5:6 2\n"


ROLLING = """
services:
  web:
    image: web
    command: sh -c 'echo ${V:-1} > /var/www/index.html; ${BREAK:-true} && exec httpd -f -p 80 -h /var/www'
    ports: ["0:80"]
    stop_grace_period: 1s
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, http://127.0.0.1/]
      interval: 1s
      start_interval: 100ms
      start_period: 5s
    deploy:
      replicas: REPLICAS
      update_config: {order: start-first, failure_action: rollback}
"""


class Asking:
    """Asks for a page again and again; keeps the answers and the failures."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(4)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with urllib.request.urlopen(self.url, timeout=60) as reply:
                    self.answers.append(reply.read().decode().strip())
            except OSError as error:
                self.failures.append(str(error))

    def more(self, count: int = 20) -> None:
        """Wait for so many further answers: those under way are among them."""
        wanted = len(self.answers) + count
        until(lambda: len(self.answers) >= wanted or self.failures, "nobody answers")

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("replicas", [1, 3])
def test_an_update_loses_no_request(compose: Project, replicas: int) -> None:
    port = free_port()
    compose.write(ROLLING.replace('"0:80"', f'"{port}:80"').replace("REPLICAS", str(replicas)))
    compose("up", "-d", "--wait")
    assert len(compose.names()) == replicas
    with Asking(port) as asking:
        asking.more()
        compose("up", "-d", env={"V": "2"})
        asking.more()
    assert asking.failures == []
    assert set(asking.answers) == {"1", "2"}
    assert asking.answers[-1] == "2"
    assert compose.names() == sorted(f"{compose.folder.name}-web-{n}" for n in range(1, replicas + 1))
    with Asking(port) as asking:
        compose("rollback")
        asking.more()
    assert asking.failures == []
    assert asking.answers[-1] == "1"
    assert len(compose.names("-a")) == replicas


def test_an_update_that_fails_is_taken_back(compose: Project) -> None:
    port = free_port()
    compose.write(ROLLING.replace('"0:80"', f'"{port}:80"').replace("REPLICAS", "2"))
    compose("up", "-d", "--wait")
    with Asking(port) as asking:
        asking.more()
        failed = compose("up", "-d", env={"V": "2", "BREAK": "false"}, check=False)
    assert failed.returncode == 1
    assert "was rolled back" in failed.stderr
    assert asking.failures == []
    assert set(asking.answers) == {"1"}
    assert compose.names("-a") == sorted(f"{compose.folder.name}-web-{n}" for n in (1, 2))
