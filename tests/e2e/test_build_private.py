"""Registries that let in only whom the client has credentials for: bases from there, results and caches to there."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.e2e.buildx import Buildx, program
from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made
from tests.registries import Server

pytestmark = pytest.mark.e2e
USER, PASSWORD = "mia", "pass word"


@pytest.fixture(params=["ours", "ours with tokens", "docker-registry"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    users = tmp_path / "users"
    users.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    if request.param == "docker-registry":
        yield from _debians(users, tmp_path)
        return
    token = ["--token"] if "tokens" in request.param else []
    server = Server(tmp_path / "registry", "--htpasswd", str(users), *token).start()
    yield server.host
    server.close()


def _debians(users: Path, tmp_path: Path) -> Iterator[str]:
    found = shutil.which("docker-registry")
    if found is None:
        pytest.skip("docker-registry is missing: install it")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path}/debian}}}}\n"
        f"auth: {{htpasswd: {{realm: here, path: {users}}}}}\n"
    )
    running = subprocess.Popen([found, "serve", config], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    running.terminate()
    running.wait(30)


@pytest.fixture
def site(docker: Docker, tmp_path: Path, registry: str) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        docker.config.mkdir(exist_ok=True)
        docker("tag", "busybox", f"{registry}/base:1")
        _log_in(docker, registry)
        docker("push", f"{registry}/base:1")
        docker("rmi", f"{registry}/base:1")
        found.write("Dockerfile", f"FROM {registry}/base:1\nRUN head -c 9 /dev/urandom > /{found.tag}\n")
        yield found
        for name in ("base:1", "app:1"):
            docker("rmi", "-f", f"{registry}/{name}", check=False)


def _log_in(docker: Docker, *hosts: str) -> None:
    told = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (docker.config / "config.json").write_text(json.dumps({"auths": {host: {"auth": told} for host in hosts}}))


@pytest.mark.parametrize("client", ["boxship", "buildx"])
def test_what_only_the_client_may_reach(site: Site, docker: Docker, registry: str, client: str) -> None:
    buildx = Buildx(program(), site.root, docker.environment)

    def build(*words: str, code: int = 0) -> str:
        if client == "boxship":
            return site("--progress", "plain", *words, ".", code=code).stderr
        done = buildx("build", "--progress", "plain", *words, ".", check=False)
        assert bool(done.returncode) == bool(code), done.stderr
        return done.stderr.decode()

    cache, name = f"type=registry,ref={registry}/cache:1", f"{registry}/app:1"
    build("-t", name, "--push", "--cache-to", f"{cache},mode=max")
    first = docker.out("image", "inspect", "-f", "{{.Id}}", name)
    docker("rmi", "-f", name, f"{registry}/base:1", check=False)
    site.cli("builder", "prune", "-af")
    shown = build("-t", name, "--cache-from", cache)
    assert "CACHED" in shown
    assert docker.out("image", "inspect", "-f", "{{.Id}}", name) == first
    docker("rmi", "-f", name, f"{registry}/base:1", check=False)
    docker("pull", name)
    assert docker.out("image", "inspect", "-f", "{{.Id}}", name) == first
    docker("rmi", "-f", name, f"{registry}/base:1", check=False)
    _log_in(docker)
    refused = build("--no-cache", code=1)
    assert f"pull access denied for {registry}/base" in refused
    assert PASSWORD not in refused


def test_caches_elsewhere_are_refused_by_name(docker: Docker, tmp_path: Path) -> None:
    """buildx itself leaves out gha and s3 where their surroundings are missing."""
    with made(docker, tmp_path) as site:
        site.write("Dockerfile", "FROM busybox\n")
        buildx = Buildx(program(), site.root, docker.environment)
        for flag, part in (("--cache-to", "exporter"), ("--cache-from", "importer")):
            for kind in ("gha", "s3", "azblob"):
                said = site(flag, f"type={kind}", ".", code=1).stderr
                assert f"unknown cache type '{kind}' for {flag}: want registry, local, inline" in said
            done = buildx("build", flag, "type=azblob,account_url=http://x,name=n", ".", check=False)
            assert f"unknown cache {part}: azblob: want registry, local or inline" in done.stderr.decode()
