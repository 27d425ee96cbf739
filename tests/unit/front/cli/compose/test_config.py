"""`boxship compose config` and `version`, from words to output."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from boxship.front.cli.compose.digests import full_name
from boxship.front.cli.main import main

TEXT = """
name: shop
services:
  web: {image: "web:${TAG:-latest}", depends_on: [db], environment: {PRICE: 5$$}, volumes: ["data:/data"]}
  db: {build: ./db}
  tool: {image: tool, profiles: [tools]}
networks: {other: }
volumes: {data: }
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compose.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("COMPOSE_")]:
        monkeypatch.delenv(name)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["compose", *words]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_yaml_and_json_say_the_same(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = json.loads(said(capsys, "config", "--format", "json"))
    assert tree["services"]["web"]["environment"] == {"PRICE": "5$$"}
    shown = said(capsys, "config")
    assert "      PRICE: 5$$\n" in shown
    assert f"      context: {shop}/db\n" in shown
    assert said(capsys, "convert") == shown


LISTS = {
    "--services": ["db", "web"],
    "--volumes": ["data"],
    "--networks": ["default"],
    "--images": ["shop-db", "web:latest"],
    "--profiles": ["tools"],
}


@pytest.mark.parametrize("flag", LISTS)
def test_lists(shop: Path, capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert said(capsys, "config", flag).splitlines() == LISTS[flag]


def test_services_asked_for(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "config", "--services", "tool").splitlines() == ["tool"]
    assert said(capsys, "--profile", "tools", "config", "--services").splitlines() == ["db", "tool", "web"]
    assert "no such service: none" in said(capsys, "config", "none", code=1)


def test_variables_and_environment(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "config", "--variables").split() == [
        *("NAME", "REQUIRED", "DEFAULT", "VALUE", "ALTERNATE", "VALUE"),
        *("TAG", "false", "latest"),
    ]
    (shop / ".env").write_text("TAG=9\n")
    assert "TAG=9" in said(capsys, "config", "--environment").splitlines()
    assert "image: web:9" in said(capsys, "config")
    assert "image: web:${TAG:-latest}" in said(capsys, "config", "--no-interpolate")


def test_hashes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = dict(line.split() for line in said(capsys, "config", "--hash", "*").splitlines())
    assert list(every) == ["db", "web"]
    assert said(capsys, "config", "--hash", "web") == f"web {every['web']}\n"
    assert "no such service: x" in said(capsys, "config", "--hash", "x", code=1)


def test_steps_left_out(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "context: ./db\n" in said(capsys, "config", "--no-path-resolution")
    assert "dockerfile" not in said(capsys, "config", "--no-normalize")
    (shop / "compose.yaml").write_text("services: {a: {command: x}}")
    assert "neither an image" in said(capsys, "config", code=1)
    assert "command" in said(capsys, "config", "--no-consistency")


def test_quiet_and_output(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "config", "-q") == ""
    assert said(capsys, "config", "-o", "out.yaml") == ""
    assert (shop / "out.yaml").read_text().startswith("name: shop\n")
    assert 'unsupported format "x"' in said(capsys, "config", "--format", "x", code=1)


def test_flags_before_the_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "more.yaml").write_text("services: {web: {image: other}}")
    shown = said(capsys, "-f", "compose.yaml", "-f", "more.yaml", "-p", "mine", "config")
    assert shown.startswith("name: mine\n")
    assert "image: other\n" in shown
    assert "open " in said(capsys, "-f", "none.yaml", "config", code=1)


def test_words_that_are_none(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean 'boxship compose config'?" in said(capsys, "confg", code=125)
    assert "unknown flag: --hsh (did you mean --hash?)" in said(capsys, "config", "--hsh", "x", code=125)


def test_help(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Usage:  boxship compose [OPTIONS] COMMAND" in said(capsys)
    assert "--resolve-image-digests" in said(capsys, "config", "--help")
    assert said(capsys, "help", "config") == said(capsys, "config", "--help")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    short = said(capsys, "version", "--short").strip()
    assert said(capsys, "version") == f"Boxship Compose version v{short}\n"
    assert json.loads(said(capsys, "version", "-f", "json")) == {"version": f"v{short}"}
    assert said(capsys, "--version") == said(capsys, "version")


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("me/nginx:1", "docker.io/me/nginx:1"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("ghcr.io/a/b:c", "ghcr.io/a/b:c"),
    ],
)
def test_full_names(image: str, full: str) -> None:
    assert full_name(image) == full


def test_two_hundred_services_in_half_a_second(tmp_path: Path) -> None:
    service = """
  web{n}:
    image: "busybox:{n}"
    command: ["sh", "-c", "echo $$HOME"]
    ports: ["{port}:80"]
    environment: {{A: "1", B: "${{X:-y}}"}}
    deploy: {{resources: {{limits: {{cpus: '0.5', memory: 50M}}}}}}
    healthcheck: {{test: [CMD, "true"], interval: 1m30s}}
    volumes: ["./data:/data"]
"""
    text = "services:" + "".join(service.format(n=n, port=8000 + n) for n in range(200))
    (tmp_path / "compose.yaml").write_text(text)
    command = [sys.executable, "-m", "boxship", "compose", "-f", str(tmp_path / "compose.yaml"), "config"]
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[5]).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert shown.count(b"image: busybox") == 200
    assert min(spent) <= 0.5  # seconds of processor time: others may be busy beside us
