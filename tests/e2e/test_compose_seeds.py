"""What courses teach of compose, line by line, with three tools: ours, docker compose 2.26 and docker-compose 1.29."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM
from tests.e2e.conftest import Docker
from tests.e2e.test_compose_stock import first as first
from tests.e2e.test_compose_stock import second as second
from tests.ports import free_port
from tests.redis import redis_rootfs

pytestmark = [pytest.mark.e2e, pytest.mark.root]


class Course:
    """A folder named like the course's, and one tool in it. dash: what parts names, - or _ as of old."""

    def __init__(self, docker: Docker, folder: Path, words: list[str], dash: str) -> None:
        self.docker, self.folder, self.words, self.dash = docker, folder, words, dash
        self.environ = {**docker.environment, "BOXSHIP_HOST": docker.host, "DOCKER_BUILDKIT": "0"}
        self.project = folder.name

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def __call__(self, *words: str, check: bool = True, **env: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*self.words, *words],
            cwd=self.folder, env={**self.environ, **env}, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done

    def name(self, service: str) -> str:
        return f"{self.project}{self.dash}{service}{self.dash}1"

    def running(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.project}"
        return sorted(self.docker.out("ps", "--filter", label, "--format", "{{.Names}}").split())


@pytest.fixture(params=["ours", "second", pytest.param("first", marks=pytest.mark.slow)])
def course(request: pytest.FixtureRequest, docker: Docker, tmp_path: Path) -> Iterator[Course]:
    """Folder MyCompose…: projects are called by it in small letters."""
    which = request.param
    words = [str(PROGRAM), "compose"] if which == "ours" else [request.getfixturevalue(which)]
    folder = tmp_path / f"mycompose{os.getpid()}{time.monotonic_ns() % 10**8}"
    folder.mkdir()
    found = Course(docker, folder, words, "_" if which == "first" else "-")
    yield found
    found("down", "-v", "-t", "0", "--remove-orphans", check=False)


@pytest.fixture(scope="session")
def redis(stock_host: str, images: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The course's image redis:alpine: a real Redis."""
    archive = tmp_path_factory.mktemp("redis") / "redis.tar"
    archive.write_bytes(redis_rootfs())
    words = ["docker", "-H", stock_host, "import", "--change", 'CMD ["redis-server", "--protected-mode", "no"]']
    subprocess.run([*words, str(archive), "redis:alpine"], check=True, capture_output=True)
    return "redis:alpine"


REDIS = """version: '3'
services:
  redis-cli:
    image: redis:alpine
    entrypoint: /bin/sh
    stdin_open: true
    tty: true
    stop_grace_period: 0s
  redis-server:
    image: redis:alpine
    command: redis-server --protected-mode no
    stop_grace_period: 0s
"""


def test_redis_by_name_on_the_projects_network(course: Course, redis: str) -> None:
    """S4-57, 58, 59, 60, 63; S1-22, S2-49."""
    course.write("docker-compose.yml", REDIS)
    course("up", "-d")
    assert course("exec", "-T", "redis-cli", "redis-cli", "-h", "redis-server", "ping").stdout.strip() == "PONG"
    assert "redis-server" in course("exec", "-T", "redis-cli", "getent", "hosts", "redis-server").stdout
    networks = course.docker.out("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}")
    assert f"{course.project}_default bridge local" in networks.splitlines()
    assert "Ready to accept connections" in course("logs", "redis-server").stdout
    assert course.name("redis-cli") in course("ps").stdout
    course("stop")
    assert course.running() == []
    course("start")
    assert course.running() == [course.name("redis-cli"), course.name("redis-server")]
    course("down")
    assert course.running() == []
    mine = REDIS + "    networks: [mynet]\nnetworks:\n  mynet:\n"
    course.write("docker-compose.yml", mine.replace("    tty: true\n", "    tty: true\n    networks: [mynet]\n"))
    course("up", "-d")
    assert f"{course.project}_mynet" in course.docker.out("network", "ls", "--format", "{{.Name}}").split()
    assert course("exec", "-T", "redis-cli", "redis-cli", "-h", "redis-server", "ping").stdout.strip() == "PONG"
    course("kill")
    course("rm", "-f")
    assert course.docker.out("ps", "-aq", "--filter", f"label=com.docker.compose.project={course.project}") == ""


def test_a_terminal_to_attach_to(course: Course) -> None:
    """S4-64: entrypoint, stdin_open, tty, docker attach."""
    course.write(
        "docker-compose.yml",
        "version: '3'\nservices:\n  mycontainer:\n    image: busybox\n    entrypoint: /bin/sh\n"
        "    stdin_open: true\n    tty: true\n    stop_grace_period: 0s\n",
    )
    course("up", "-d")
    terminal = course.docker.terminal("attach", course.name("mycontainer"))
    try:
        terminal.sendline("echo attached-$((40+2))")
        terminal.expect("attached-42")
    finally:
        terminal.close(force=True)


def test_build_and_image(course: Course) -> None:
    """S4-61, 62; S3-21: names of what is built."""
    course.write("Dockerfile", "FROM busybox\nRUN echo built > /built\nCMD cat /built\n")
    course.write(
        "docker-compose.yml",
        "version: '3'\nservices:\n  named:\n    build: .\n    image: myimage\n  unnamed:\n    build: .\n",
    )
    try:
        course("build")
        found = course.docker.out("images", "--format", "{{.Repository}}").split()
        assert "myimage" in found
        assert f"{course.project}{course.dash}unnamed" in found
        assert "built" in course("run", "--rm", "named").stdout
    finally:
        course.docker("rmi", "-f", "myimage", f"{course.project}{course.dash}unnamed", check=False)


ENVIRONMENT = """version: '3'
services:
  mycontainer:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    environment:
      - MYVAR=hello world
      - MYSECRET
      - NOTSET
      - MIXED=${MYVAR}-${MYOTHERVAR:-hello world}
      - DOLLAR=$${MYVAR}
"""


def test_variables(course: Course) -> None:
    """S4-65, 66, 67, 68, 69."""
    course.write("docker-compose.yml", ENVIRONMENT)
    course.write(".env", "# a comment\n\nMYSECRET=from the file\nMYVAR=file\n")
    course("up", "-d")
    shown = course("exec", "-T", "mycontainer", "env").stdout.splitlines()
    for line in ("MYVAR=hello world", "MYSECRET=from the file", "MIXED=file-hello world", "DOLLAR=${MYVAR}"):
        assert line in shown
    assert not any(line.startswith("NOTSET") for line in shown)
    told = course("config", MYOTHERVAR="hi", MYVAR="shell").stdout
    assert "MIXED: shell-hi" in told
    assert "MYSECRET: from the file" in told


USERS = """version: '2'
services:
  users-service:
    build: ./users-service
    ports:
     - "PORT:8123"
    depends_on:
     - db
    environment:
     - DATABASE_HOST=db
  db:
    build: ./test-database
"""
SERVE = """FROM busybox
CMD ["sh", "-c", "mkdir -p /w; echo \\"$DATABASE_HOST\\" > /w/index.html; echo serving; exec httpd -f -p 8123 -h /w"]
"""


def test_the_users_service(course: Course) -> None:
    """S3-20 to 23: a file of version 2, built, started, answering; logs with names; Ctrl-C stops."""
    port = free_port()
    course.write("docker-compose.yml", USERS.replace("PORT", str(port)))
    course.write("users-service/Dockerfile", SERVE)
    course.write("test-database/Dockerfile", 'FROM busybox\nSTOPSIGNAL KILL\nCMD ["sleep", "1000"]\n')
    try:
        course("build")
        course("up", "-d")
        assert answer(port) == "db"
        course("down", "-t", "1")
        running = subprocess.Popen(
            [*course.words, "up", "-t", "1"], cwd=course.folder, env=course.environ, stdout=subprocess.PIPE, text=True
        )
        assert answer(port) == "db"
        assert running.stdout is not None
        told = "".join(_up_to(running.stdout, " serving\n"))
        running.send_signal(signal.SIGINT)
        told += running.communicate(timeout=60)[0]
        assert re.search(r"users-service[-_]1 +\|(\x1b\[0m)? serving", told)
        assert course.running() == []
    finally:
        names = [f"{course.project}{course.dash}{name}" for name in ("users-service", "db")]
        course("down", "-t", "0", check=False)
        course.docker("rmi", "-f", *names, check=False)


def _up_to(lines: Iterable[str], end: str) -> Iterator[str]:
    for line in lines:
        yield line
        if line.endswith(end):
            return


def answer(port: int) -> str:
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as reply:
                found: str = reply.read().decode().strip()
                return found
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


MODEL = """version: '3.5'
services:
  web:
    image: busybox
    command: sh -c "cat /run/secrets/word /etc/conf; sleep 1000"
    stop_grace_period: 0s
    networks: [front]
    volumes: ["data:/data"]
    secrets: [word]
networks: {front: {driver: bridge}}
volumes: {data: {}}
secrets: {word: {file: ./word}}
"""


def test_the_model_of_an_application(course: Course) -> None:
    """S2-49, 50, 52: service, network, volume, secret; an override file; versions 1, 2 and 3."""
    course.write("word", "hush")
    model = MODEL.replace("cat /run/secrets/word /etc/conf; ", "")
    course.write("docker-compose.yml", model)
    course.write("docker-compose.override.yml", "version: '3.5'\nservices: {web: {labels: {over: ridden}}}\n")
    assert "over: ridden" in course("config").stdout
    course("up", "-d")
    assert course("exec", "-T", "web", "cat", "/run/secrets/word").stdout == "hush"
    told: dict[str, Any] = json.loads(course.docker.out("inspect", course.name("web")))[0]
    assert told["Config"]["Labels"]["over"] == "ridden"
    assert f"{course.project}_front" in told["NetworkSettings"]["Networks"]
    course("down", "-v")
    (course.folder / "docker-compose.override.yml").unlink()
    version_2 = "version: '2.4'\nservices: {a: {image: busybox, command: sleep 9, mem_limit: 16m, init: true}}\n"
    for text in (version_2, "a: {image: busybox, command: sleep 9}\n"):
        course.write("docker-compose.yml", text)
        done = course("config", check=False)
        if text.startswith("a:") and course.dash == "-" and course.words[0] != str(PROGRAM):
            assert done.returncode != 0, "docker compose 2 has given version 1 up"
            continue
        assert done.returncode == 0, done.stderr
        course("up", "-d")
        assert len(course.running()) == 1
        course("down", "-t", "0")


def test_docker_compose_is_a_name_for_ours(tmp_path: Path) -> None:
    """A link of the old name, for fingers and scripts."""
    place = tmp_path / "docker-compose"
    place.symlink_to(PROGRAM)
    done = subprocess.run([place, "version"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Boxship Compose version"), done.stderr
