"""Logins with the stock CLI and with ours: where secrets lie, who is let in with them, and what a logout leaves."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.daemons import PROGRAM
from tests.e2e.conftest import Docker
from tests.registries import Server

pytestmark = [pytest.mark.e2e, pytest.mark.root]
SECRET = "alice secret"
HELPER = """#!/bin/sh
read -r said
printf '%s\\n' "$1 $said" >> {home}/calls
case $1 in
get) [ -f {home}/kept ] || {{ echo "credentials not found in native keychain"; exit 1; }}; cat {home}/kept ;;
store) printf '%s' "$said" > {home}/kept ;;
erase) rm -f {home}/kept ;;
list) echo '{{}}' ;;
esac
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=["basic", "token"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """One that lets alice in, and nobody else."""
    users = tmp_path / "users"
    users.write_text(f"alice:{bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode()}\n")
    found = Server(tmp_path / "registry", "--htpasswd", str(users), *(["--token"] if request.param == "token" else []))
    yield found.start()
    found.close()


@pytest.fixture(params=["stock", "ours"])
def cli(request: pytest.FixtureRequest, docker: Docker, tmp_path: Path) -> Run:
    """A command line; helpers are looked for in `bin` first."""
    program = "docker" if request.param == "stock" else str(PROGRAM)
    environ = {**docker.environment, "BOXSHIP_HOST": docker.host, "DOCKER_BUILDKIT": "0"}
    environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"

    def run(*words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run([program, *words], env=environ, input=stdin, capture_output=True, text=True, timeout=120)

    return run


def config(docker: Docker) -> dict[str, dict[str, object]]:
    path = docker.config / "config.json"
    return json.loads(path.read_text()) if path.exists() else {}


def login(cli: Run, host: str, secret: str = SECRET) -> "subprocess.CompletedProcess[str]":
    return cli("login", "-u", "alice", "--password-stdin", host, stdin=secret)


def good(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_in_and_out(cli: Run, docker: Docker, registry: Server) -> None:
    name = f"{registry.host}/team/app:1"
    refused = login(cli, registry.host, "wrong")
    assert refused.returncode == 1
    assert "wrong user name or password" in refused.stderr or "unauthorized" in refused.stderr.lower()
    assert not config(docker).get("auths")
    docker("tag", "busybox", name)
    assert cli("push", name).returncode == 1
    assert "Login Succeeded" in good(login(cli, registry.host))
    assert list(config(docker)["auths"]) == [registry.host]
    assert (docker.config / "config.json").stat().st_mode & 0o77 == 0
    good(cli("push", name))
    docker("rmi", name)
    good(cli("pull", name))
    docker("rmi", name)
    assert good(cli("run", "--rm", name, "echo", "pulled with a name")).strip() == "pulled with a name"
    assert "Removing login credentials" in good(cli("logout", registry.host))
    assert not config(docker).get("auths")
    docker("rmi", name)
    denied = cli("pull", name)
    assert denied.returncode == 1
    assert "pull access denied" in denied.stderr or "no basic auth credentials" in denied.stderr
    good(cli("logout", registry.host))  # who is out may leave again


@pytest.mark.parametrize("registry", ["token"], indirect=True)
def test_secrets_with_a_helper(cli: Run, docker: Docker, registry: Server, tmp_path: Path) -> None:
    place = tmp_path / "bin" / "docker-credential-mine"
    place.parent.mkdir()
    place.write_text(HELPER.format(home=tmp_path))
    place.chmod(0o755)
    docker.config.mkdir(exist_ok=True)
    (docker.config / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "mine"}}))
    good(login(cli, registry.host))
    kept = json.loads((tmp_path / "kept").read_text())
    assert kept["Username"] == "<token>"  # the registry gave something better to keep than a password
    assert SECRET not in kept["Secret"]
    assert "auth" not in config(docker).get("auths", {}).get(registry.host, {})
    name = f"{registry.host}/team/app:1"
    docker("tag", "busybox", name)
    good(cli("push", name))
    docker("rmi", name)
    (tmp_path / "calls").unlink()
    good(cli("pull", name))
    assert (tmp_path / "calls").read_text().startswith(f"get {registry.host}")
    docker("rmi", name)
    good(cli("logout", registry.host))
    assert not (tmp_path / "kept").exists()
    assert cli("pull", name).returncode == 1


@pytest.mark.parametrize("cli", ["stock"], indirect=True)
@pytest.mark.parametrize("registry", ["token"], indirect=True)
def test_a_build_from_what_only_alice_may_see(cli: Run, docker: Docker, registry: Server, tmp_path: Path) -> None:
    """The command line sends all logins along, by host: X-Registry-Config."""
    name, built = f"{registry.host}/team/base:1", f"bt/{docker.name('built')}"
    docker("tag", "busybox", name)
    good(login(cli, registry.host))
    good(cli("push", name))
    docker("rmi", name)
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {name}\nLABEL made=here\n")
    done = cli("build", "-t", built, str(context))
    assert done.returncode == 0, done.stdout + done.stderr
    good(cli("logout", registry.host))
    docker("rmi", built)
    docker("rmi", name, check=False)
    assert cli("build", "--no-cache", "--pull", "-t", built, str(context)).returncode != 0
