"""Parts of the compose specification that reach beyond containers: steps before the start, providers, the engine's
socket, external secrets, models, and owners of build secrets."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_compose import Project
from tests.e2e.test_compose import compose as compose

pytestmark = [pytest.mark.e2e, pytest.mark.root]
BEFORE = """
services:
  web:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    environment: {WORD: service, OTHER: kept}
    volumes: ["data:/data"]
    pre_start:
      - command: [sh, -c, "echo $$WORD $$OTHER >> /data/log; test ${FAIL:-0} = 0 || { echo no luck; exit 17; }"]
        environment: {WORD: "${WORD:-hook}"}
      - {image: busybox, command: [sh, -c, "id -u >> /data/users"], per_replica: true}
      - {command: "chmod 777 /data"}
volumes: {data: {}}
"""


def _lines(compose: Project, file: str) -> list[str]:
    return str(compose("exec", "-T", "web", "cat", f"/data/{file}").stdout).splitlines()


def test_steps_before_the_start(compose: Project) -> None:
    compose.write(BEFORE)
    compose("up", "-d", "--scale", "web=2")
    assert (_lines(compose, "log"), _lines(compose, "users")) == (["hook kept"], ["0", "0"])
    compose("up", "-d", "--scale", "web=3")
    assert (_lines(compose, "log"), _lines(compose, "users")) == (["hook kept"], ["0", "0", "0"])
    compose("stop")
    compose("up", "-d")
    assert _lines(compose, "log") == ["hook kept"]
    compose("up", "-d", env={"WORD": "new"})
    assert _lines(compose, "log") == ["hook kept", "new kept"]
    assert compose.names("-a") == [f"{compose.folder.name}-web-1"]


def test_a_step_that_fails_keeps_the_service_from_starting(compose: Project) -> None:
    compose.write(BEFORE)
    done = compose("up", "-d", env={"FAIL": "1"}, check=False)
    assert done.returncode == 1
    assert 'service "web" pre_start[0] exited with code 17' in done.stderr
    assert "no luck" in done.stderr
    left = compose.names("-a")
    assert len(left) == 2
    assert compose.of("web")["State"]["Status"] == "created"
    assert compose("ps", "--services").stdout == ""
    compose("up", "-d")
    assert compose.names("-a") == [f"{compose.folder.name}-web-1"]
    compose("up", "-d", env={"FAIL": "1"}, check=False)
    compose("down")
    assert compose.names("-a") == []


PROVIDER = """#!{python}
import json, sys
with open({log!r}, "a") as log:
    print(" ".join(sys.argv[1:]), file=log)
if sys.argv[2] == "metadata":
    print(json.dumps({{"description": "d", "up": {{"parameters": [{{"name": "size"}}]}}, "stop": {{}}}}))
elif "up" in sys.argv:
    print(json.dumps({{"type": "info", "message": "making it"}}))
    print(json.dumps({{"type": "setenv", "message": "URL=cloud://db"}}))
    print(json.dumps({{"type": "rawsetenv", "message": "PLAIN=yes"}}))
"""
PROVIDED = """
services:
  web:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    depends_on: [db]
  db: {provider: {type: skyhook, options: {size: 3}}, depends_on: [base]}
  base: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
"""


def test_a_service_of_a_provider(compose: Project) -> None:
    name, log, folder = compose.folder.name, compose.folder / "log", compose.folder / "bin"
    folder.mkdir()
    (folder / "skyhook").write_text(PROVIDER.format(python=sys.executable, log=str(log)))
    (folder / "skyhook").chmod(0o755)
    compose.environ["PATH"] = f"{folder}:{compose.environ['PATH']}"
    compose.write(PROVIDED)
    assert "tell the provider of db: up" in compose("--dry-run", "up").stdout
    assert not log.exists()
    compose("up", "-d")
    assert {"DB_URL=cloud://db", "PLAIN=yes"} <= set(compose.of("web")["Config"]["Env"])
    again = compose("up", "-d").stderr
    assert f"Container {name}-web-1  Running" in again
    compose("stop")
    compose("down")
    told = [line for line in log.read_text().splitlines() if "metadata" not in line]
    said = f"compose --project-name={name}"
    assert told == [f"{said} up --size=3 db", f"{said} up --size=3 db", f"{said} stop db", f"{said} down db"]
    (folder / "skyhook").unlink()
    assert "services.db.provider.type: skyhook: there is neither" in compose("up", "-d", check=False).stderr


def test_the_socket_of_the_engine_and_models(compose: Project, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.json").write_text(json.dumps({"auths": {"reg.example": {"auth": "dTpw"}}}))
    compose.write(
        "services:\n"
        "  web: {image: busybox, command: sleep 1000, stop_grace_period: 0s, use_api_socket: true, models: [m]}\n"
        "models: {m: {model: ai/small}}\n"
    )
    env = {"DOCKER_CONFIG": str(home), "COMPOSE_MODEL_RUNNER": "http://runner/v1"}
    compose("up", "-d", env=env)
    shown = compose(
        "exec", "-T", "web", "sh", "-c", "cat $DOCKER_CONFIG/config.json; test -S /var/run/docker.sock; echo $?"
    )
    assert "dTpw" in shown.stdout
    assert shown.stdout.endswith("}0\n")
    assert {"M_URL=http://runner/v1", "M_MODEL=ai/small"} <= set(compose.of("web")["Config"]["Env"])
    assert "Running" in compose("up", "-d", env=env).stderr


def test_external_secrets_and_configs(compose: Project) -> None:
    for name in ("secrets/token", "configs/site"):
        (compose.folder / name).parent.mkdir()
        (compose.folder / name).write_text(f"{name}\n")
    compose.write(
        "services: {web: {image: busybox, command: cat /run/secrets/token /site, secrets: [token], configs: [site]}}\n"
        "secrets: {token: {external: true}}\nconfigs: {site: {external: true}}\n"
    )
    refused = compose("up", "-d", check=False)
    assert "unsupported external secret token: one host has no store of secrets" in refused.stderr
    env = {f"COMPOSE_EXTERNAL_{key.upper()}": str(compose.folder / key) for key in ("secrets", "configs")}
    assert compose("run", "--rm", "-T", "web", env=env).stdout == "secrets/token\nconfigs/site\n"


OWNED = """
services:
  web:
    image: owned
    build:
      context: .
      secrets: [{source: token, uid: "5", gid: "6", mode: 0440}]
      dockerfile_inline: |
        FROM busybox
        RUN --mount=type=secret,id=token stat -c '%u:%g %a' /run/secrets/token > /seen
        RUN --mount=type=secret,id=token,uid=9 stat -c '%u:%g %a' /run/secrets/token >> /seen
    command: cat /seen
secrets: {token: {environment: TOKEN}}
"""


def test_owners_of_build_secrets(compose: Project) -> None:
    compose.write(OWNED)
    (compose.folder / ".env").write_text("TOKEN=from a file of variables\n")
    try:
        compose("build")
        assert compose("run", "--rm", "-T", "web").stdout == "5:6 440\n9:6 440\n"
    finally:
        compose.docker("image", "rm", "-f", "owned")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve what lies below a folder by git's own protocol; give the URL and the folder."""
    root = tmp_path / "served"
    root.mkdir()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    words = ["git", "daemon", "--reuseaddr", "--export-all", f"--base-path={root}", "--listen=127.0.0.1"]
    running = subprocess.Popen([*words, f"--port={port}", str(root)], stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while True:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}", root
    finally:
        os.killpg(running.pid, 15)
        running.wait()


def _commit(repository: Path, **files: str) -> str:
    """Write files (`__` stands for a slash), commit them; return the commit."""
    for name, text in files.items():
        path = repository / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["tag", "-f", "latest"]):
        subprocess.run(["git", *who, *words], cwd=repository, check=True, capture_output=True)
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    return found.stdout.strip()


def test_files_of_repositories(compose: Project, server: tuple[str, Path]) -> None:
    url, root = server
    app = root / "app"
    app.mkdir()
    one = "services: {web: {image: busybox, command: cat /f, volumes: [./f:/f], labels: {v: one}}}"
    other = "services: {o: {image: x}}"
    first = _commit(app, **{"compose.yaml": one, "f": "of the repository\n", "sub__other.yaml": other})
    _commit(app, **{"compose.yaml": one.replace("v: one", "v: two")})
    compose.environ |= {"XDG_CACHE_HOME": str(compose.folder / "cache")}
    compose.environ.pop("COMPOSE_PROJECT_NAME")
    told = {
        name: json.loads(compose("-f", f"{url}/app{name}", "config", "--format", "json").stdout)
        for name in ("", f"#{first}", "#main", "#latest:sub/other.yaml")
    }
    assert {name: one["services"].get("web", {}).get("labels", {}).get("v") for name, one in told.items()} == {
        "": "two",
        f"#{first}": "one",
        "#main": "two",
        "#latest:sub/other.yaml": None,
    }
    assert (told[""]["name"], told["#latest:sub/other.yaml"]["name"]) == ("app", "sub")
    assert compose("-f", f"{url}/app", "run", "--rm", "-T", "web").stdout == "of the repository\n"
    compose("-f", f"{url}/app", "down")
    compose.write(f"include: ['{url}/app#main']\nservices: {{e: {{extends: {{file: '{url}/app', service: web}}}}}}")
    assert sorted(compose("config", "--services").stdout.split()) == ["e", "web"]
    wrong = {"#nowhere": "has no nowhere", "#main:none": "no compose file there", "#main:../x": "inside"}
    for name, text in wrong.items():
        assert text in compose("-f", f"{url}/app{name}", "config", check=False).stderr
