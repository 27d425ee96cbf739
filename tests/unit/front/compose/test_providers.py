"""Providers: the words they are told, and what becomes of what they tell back."""

import os
import sys
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.front.compose import providers
from boxship.front.compose.model import Dependency, Project, Provider, Service
from boxship.front.compose.plan.provide import Told, below, injected, provided
from boxship.front.compose.plan.steps import Provide
from boxship.front.compose.progress import Board

CLOUD = Provider(type="cloud", options={"size": ("10",), "tag": ("a", "b")})
KNOWN = {"description": "x", "up": {"parameters": [{"name": "size", "required": True}, {"name": "tag"}]}, "down": {}}
DEPENDS = {"db": Dependency(condition="service_started")}
PROJECT = Project(
    name="p",
    services={
        "db": Service(name="db", provider=CLOUD, depends_on={"base": Dependency(condition="service_started")}),
        "base": Service(name="base", image="i"),
        "web": Service(name="web", image="i", depends_on=DEPENDS, environment={"KEY": "mine"}),
    },
)


def test_words() -> None:
    ours = ("compose", "--project-name=p", "up", "--size=10", "--tag=a", "--tag=b", "db")
    assert providers.command("p", "db", CLOUD, "up", {}) == ours
    assert providers.command("p", "db", CLOUD, "up", KNOWN) == ours
    assert providers.command("p", "db", CLOUD, "down", KNOWN) == ("compose", "--project-name=p", "down", "db")


def test_options_that_do_not_fit() -> None:
    with pytest.raises(Invalid, match="requires 'size' for up"):
        providers.command("p", "db", Provider(type="cloud"), "up", KNOWN)
    odd = Provider(type="cloud", options={"size": ("1",), "color": ("x",)})
    with pytest.raises(Invalid, match=r"options\.color: cloud knows no such option"):
        providers.command("p", "db", odd, "up", KNOWN)


def test_variables_go_to_dependents_alone() -> None:
    found, warnings = injected(PROJECT, "db", Told({"URL": "u"}, {"KEY": "k"}))
    assert found.services["web"].environment == {"DB_URL": "u", "KEY": "k"}
    assert found.services["base"] == PROJECT.services["base"]
    assert warnings == ("provider db overrides the variable KEY of service web",)


def test_what_a_provider_needs_comes_before() -> None:
    assert provided(PROJECT) == ("db",)
    assert below(PROJECT, "db") == ("base",)


def _program(tmp_path: Path, body: str) -> dict[str, str]:
    file = tmp_path / "cloud"
    file.write_text(f"#!{sys.executable}\nimport sys\n{body}")
    file.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_CONFIG": str(tmp_path)}


UP = Provide(service="db", command="up")
BAD = {
    "an error": ('print(\'{"type": "error", "message": "no money"}\')', "service db: no money"),
    "no message": ("print('hello')", "is no message: hello"),
    "no variable": ('print(\'{"type": "setenv", "message": "x"}\')', "setenv wants NAME=value"),
    "another type": ('print(\'{"type": "dance", "message": "x"}\')', "unknown type of message 'dance'"),
    "its end": ("sys.stderr.write('broken'); sys.exit(3)", "cloud ended with 3: broken"),
}


@pytest.mark.parametrize(("body", "text"), BAD.values(), ids=BAD)
def test_a_provider_that_fails(tmp_path: Path, body: str, text: str) -> None:
    environ = _program(tmp_path, f"if 'metadata' in sys.argv: sys.exit(1)\n{body}")
    with pytest.raises(PlatformError, match=text):
        providers.run(PROJECT, UP, Board(mode="quiet"), environ)


def test_a_provider_without_stop_is_not_told(tmp_path: Path) -> None:
    environ = _program(tmp_path, "sys.exit(1)")
    assert providers.run(PROJECT, Provide(service="db", command="stop"), Board(mode="quiet"), environ) is None


def test_no_such_provider(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"services\.db\.provider\.type: cloud: there is neither"):
        providers.run(PROJECT, UP, Board(mode="quiet"), {"PATH": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)})
