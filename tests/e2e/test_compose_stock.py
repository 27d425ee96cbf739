"""The stock docker composes, 2.26 and 1.29, take over what ours started, and ours takes over what they did."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM

pytestmark = [pytest.mark.e2e, pytest.mark.root]
FETCHED = Path(sys.prefix) / "stock/root/usr/libexec/docker/cli-plugins/docker-compose"
Tool = Callable[..., "subprocess.CompletedProcess[str]"]

FILE = """
version: "3.5"
services:
  web:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    ports: ["127.0.0.1::80"]
    environment: ["MYVAR=${MYVAR:-hello world}", "TOKEN"]
    volumes: ["data:/data", "./here:/here:ro", "/anonymous"]
    networks: {mynet: {aliases: [other]}, default: {}}
    depends_on: [db]
    healthcheck: {test: "true", interval: 1s, retries: 3}
    labels: {role: front}
    ulimits: {nofile: {soft: 1000, hard: 2000}}
    sysctls: {net.core.somaxconn: "256"}
    tmpfs: [/scratch]
    extra_hosts: ["somewhere:10.0.0.1"]
    restart: unless-stopped
    logging: {driver: json-file, options: {max-size: 1m}}
    cap_add: [NET_ADMIN]
    init: true
  db:
    image: busybox
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    user: "33"
    working_dir: /var/www
    hostname: database
    secrets: [token]
networks: {mynet: {driver: bridge, labels: {a: b}}}
volumes: {data: {labels: {c: d}}}
secrets: {token: {file: ./token}}
"""


@pytest.fixture(scope="session")
def second() -> str:
    """docker compose 2.26, which `make setup-test` fetches; BOXSHIP_STOCK_COMPOSE names another."""
    found = os.environ.get("BOXSHIP_STOCK_COMPOSE") or str(FETCHED)
    if not os.access(found, os.X_OK):
        pytest.skip("no Debian mirror is near to fetch docker compose 2.26 from; BOXSHIP_STOCK_COMPOSE may name it")
    return found


@pytest.fixture(scope="session")
def first() -> str:
    """docker-compose 1.29, the package of Debian 12 and of both Ubuntus; it does not run on the Python of Debian 13."""
    found = shutil.which("docker-compose")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else ""
    if found is None or "version 1." not in version:
        pytest.skip(f"docker-compose 1.29 is not here: {version.strip() or 'no program'}")
    return found


class Place:
    def __init__(self, docker: Any, folder: Path) -> None:
        self.docker, self.folder = docker, folder
        self.environ = {**docker.environment, "BOXSHIP_HOST": docker.host, "TOKEN": "x", "COMPOSE_HTTP_TIMEOUT": "60"}
        self.environ["COMPOSE_PROJECT_NAME"] = folder.name

    def tool(self, *program: str) -> Tool:
        def run(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
            done = subprocess.run(
                [*program, *words], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=100
            )
            if check:
                assert done.returncode == 0, f"{program} {words}: {done.stdout}\n{done.stderr}"
            return done

        return run

    def containers(self) -> dict[str, Any]:
        label = f"label=com.docker.compose.project={self.folder.name}"
        ids = self.docker.out("ps", "-aq", "--filter", label).split()
        found = json.loads(self.docker.out("inspect", *ids)) if ids else []
        return {one["Name"].removeprefix("/"): one for one in found}


@pytest.fixture
def place(docker: Any, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / f"s{os.getpid()}{time.monotonic_ns() % 10**8}"
    (folder / "here").mkdir(parents=True)
    (folder / "token").write_text("hush")
    (folder / "docker-compose.yml").write_text(FILE)
    found = Place(docker, folder)
    yield found
    found.tool(str(PROGRAM), "compose")("down", "-v", "-t", "0", "--remove-orphans", check=False)


def ids(found: dict[str, Any]) -> dict[str, str]:
    return {name: one["Id"] for name, one in found.items()}


def test_the_second_finds_nothing_to_do_after_ours(place: Place, second: str) -> None:
    ours, stock = place.tool(str(PROGRAM), "compose"), place.tool(second)
    ours("up", "-d")
    before = ids(place.containers())
    done = stock("up", "-d")
    assert "Recreate" not in done.stderr
    assert ids(place.containers()) == before
    assert stock("ps", "--services").stdout.split() == ["db", "web"]
    stock("stop")
    ours("start")
    assert ids(place.containers()) == before
    stock("down", "-v")
    assert place.containers() == {}


def test_ours_finds_nothing_to_do_after_the_second(place: Place, second: str) -> None:
    ours, stock = place.tool(str(PROGRAM), "compose"), place.tool(second)
    stock("up", "-d")
    before = ids(place.containers())
    assert ours("up", "-d").stderr.count("Running") == 2
    assert ids(place.containers()) == before
    assert ours("ps", "--services").stdout.split() == ["db", "web"]
    ours("stop")
    stock("start")
    ours("down", "-v")
    assert place.containers() == {}
    assert place.folder.name not in place.docker.out("network", "ls", "--format", "{{.Name}}")


def settled(one: dict[str, Any]) -> dict[str, Any]:
    """Return what a container was asked to be, without what no two containers share."""
    config = {key: value for key, value in one["Config"].items() if key != "Hostname" or value != one["Id"][:12]}
    config["Env"] = sorted(config["Env"])
    depends = config["Labels"].get("com.docker.compose.depends_on", "")
    config["Labels"] = {**config["Labels"], "com.docker.compose.depends_on": sorted(depends.split(","))}
    host = dict(one["HostConfig"])
    host["Mounts"] = sorted(str(sorted(mount.items())) for mount in host.get("Mounts") or ())
    mounts = sorted((mount["Type"], mount["Destination"], mount["RW"]) for mount in one["Mounts"])
    joined = {
        name: {key: endpoint[key] for key in ("IPAMConfig", "Links", "Aliases", "DriverOpts")}
        for name, endpoint in one["NetworkSettings"]["Networks"].items()
    }
    for endpoint in joined.values():
        endpoint["Aliases"] = sorted(alias for alias in endpoint["Aliases"] or () if alias != one["Id"][:12])
    return {"Config": config, "HostConfig": host, "Mounts": mounts, "Networks": joined, "Name": one["Name"]}


def test_both_make_the_same_containers(place: Place, second: str) -> None:
    place.tool(str(PROGRAM), "compose")("up", "-d")
    made = {name: settled(one) for name, one in place.containers().items()}
    networks = place.docker.out("network", "inspect", f"{place.folder.name}_mynet", "--format", "{{json .Labels}}")
    place.tool(str(PROGRAM), "compose")("down", "-v")
    place.tool(second)("up", "-d")
    theirs = {name: settled(one) for name, one in place.containers().items()}
    assert made.keys() == theirs.keys()
    for name in made:
        for part in made[name]:
            assert made[name][part] == theirs[name][part], (name, part)
    after = place.docker.out("network", "inspect", f"{place.folder.name}_mynet", "--format", "{{json .Labels}}")
    assert json.loads(networks) == json.loads(after)


def test_the_first_and_ours_take_turns(place: Place, first: str) -> None:
    """Names and hashes of the first are others: each replaces the other's containers, and keeps the volumes."""
    ours, old = place.tool(str(PROGRAM), "compose"), place.tool(first)
    p = place.folder.name
    old("up", "-d")
    assert set(place.containers()) == {f"{p}_db_1", f"{p}_web_1"}
    told = ours("exec", "-T", "web", "sh", "-c", "echo kept > /data/f; echo too > /anonymous/f; echo $MYVAR")
    assert told.stdout == "hello world\n"
    ours("up", "-d")
    assert set(place.containers()) == {f"{p}-db-1", f"{p}-web-1"}
    assert ours("exec", "-T", "web", "cat", "/data/f", "/anonymous/f").stdout == "kept\ntoo\n"
    old("up", "-d")
    assert set(place.containers()) == {f"{p}_db_1", f"{p}_web_1"}
    assert old("exec", "-T", "web", "cat", "/data/f", "/anonymous/f").stdout == "kept\ntoo\n"
    assert old("ps", "-q").stdout.count("\n") == 2
    ours("restart", "-t", "0")
    old("down", "-v")
    assert place.containers() == {}


@pytest.mark.parametrize("which", ["second", "first"])
def test_their_commands_on_our_project(place: Place, request: pytest.FixtureRequest, which: str) -> None:
    stock = place.tool(request.getfixturevalue(which))
    place.tool(str(PROGRAM), "compose")("up", "-d")
    assert stock("exec", "-T", "db", "cat", "/run/secrets/token").stdout == "hush"
    assert stock("exec", "-T", "web", "sh", "-c", "echo $MYVAR").stdout == "hello world\n"
    assert stock("port", "web", "80").stdout.startswith("127.0.0.1:")
    for words in (["pause"], ["unpause"], ["restart", "-t", "0"], ["kill"], ["start"], ["logs"], ["top"], ["images"]):
        stock(*words)
    stock("rm", "-fsv")
    assert place.containers() == {}
