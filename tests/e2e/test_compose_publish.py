"""Compose projects in registries: publish, and `-f oci://…`, with a login where the registry wants one."""

import json
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.daemons import PROGRAM
from tests.e2e.test_compose_stock import Place, second  # noqa: F401
from tests.e2e.test_compose_stock import place as place
from tests.registries import Server

pytestmark = [pytest.mark.e2e, pytest.mark.root]
FILE = """
services:
  web:
    image: HOST/team/web:1
    build: .
    command: sleep 1000
    stop_grace_period: 0s
    environment: {A: "1", TOKEN: }
    env_file: [more.env]
    configs: [{source: text, target: /text}]
    labels: {who: "${WHO:-nobody}"}
  db: {extends: {file: other.yaml, service: base}, image: "HOST/team/web:1"}
configs: {text: {file: ./text}}
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    users = tmp_path / "users"
    users.write_text(f"alice:{bcrypt.hashpw(b'secret', bcrypt.gensalt(5)).decode()}")
    found = Server(tmp_path / "registry", "--htpasswd", str(users))
    try:
        yield found.start()
    finally:
        found.close()


def test_a_project_goes_to_a_registry_and_comes_back(place: Place, guarded: Server, second: str) -> None:  # noqa: F811
    ours, stock = place.tool(str(PROGRAM), "compose"), place.tool(second)
    place.docker("login", "-u", "alice", "--password-stdin", guarded.host, stdin="secret")
    for name, text in {
        "docker-compose.yml": FILE.replace("HOST", guarded.host),
        "other.yaml": "services: {base: {command: sleep 1000, stop_grace_period: 0s}}",
        "more.env": "MORE=2",
        "text": "costs $5\n",
        "Dockerfile": "FROM busybox\nRUN touch /built",
    }.items():
        (place.folder / name).write_text(text)
    name = f"{guarded.host}/team/app:1"
    refused = ours("publish", name, check=False)
    assert "services.web.environment may hold what nobody else is to see" in refused.stderr
    ours("build")
    ours("publish", "--with-env", "--resolve-image-digests", name)
    place.docker("rmi", "-f", f"{guarded.host}/team/web:1")

    for path in place.folder.iterdir():
        if path.is_file():
            path.unlink()
    away = place.folder / "here"
    place.folder = away
    place.environ |= {"XDG_CACHE_HOME": str(away / "cache"), "WHO": "me"}
    ours("-f", f"oci://{name}", "up", "-d")
    show = "cat /text; echo $A $MORE $TOKEN; ls /built"
    assert ours("-f", f"oci://{name}", "exec", "-T", "web", "sh", "-c", show).stdout == "costs $5\n1 2 x\n/built\n"
    web = json.loads(place.docker.out("inspect", f"{place.environ['COMPOSE_PROJECT_NAME']}-web-1"))[0]
    assert "@sha256:" in web["Config"]["Image"]
    assert web["Config"]["Labels"]["who"] == "me"
    ours("-f", f"oci://{name}", "down", "-t", "0")

    # what one tool publishes the other one reads
    (place.folder / "docker-compose.yml").write_text(f"services: {{web: {{image: '{guarded.host}/team/web:1'}}}}")
    ours("publish", f"{name}-ours")
    stock("alpha", "publish", f"{name}-theirs")
    (place.folder / "docker-compose.yml").unlink()
    place.environ["COMPOSE_EXPERIMENTAL_OCI_REMOTE"] = "1"
    told = [
        json.loads(tool("-f", f"oci://{name}-{which}", "config", "--format", "json").stdout)["services"]
        for tool, which in ((ours, "theirs"), (stock, "ours"))
    ]
    assert told[0] == told[1]
    place.environ["COMPOSE_FILE"] = f"oci://{name}-theirs"
    assert ours("config", "--services").stdout == "web\n"
    del place.environ["COMPOSE_FILE"]
    (place.folder / "compose.yaml").write_text(f"include: ['oci://{name}-theirs']\nservices: {{more: {{image: x}}}}")
    assert sorted(ours("config", "--services").stdout.split()) == ["more", "web"]
    wrong = ours("-f", f"oci://{guarded.host}/team/web:1", "config", check=False)
    assert "an artifact has one OCI manifest" in wrong.stderr
