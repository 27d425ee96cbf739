"""Logins: where they are kept, what is shown to whom, helpers."""

import base64
import json
import stat
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, PlatformError
from boxship.front.client.credentials import HUB, Keyring, header, server_of, shown

HELPER = """#!/bin/sh
store={store}
case $1 in
get) read -r server; [ -f $store ] || {{ echo "credentials not found in native keychain"; exit 1; }}; cat $store ;;
store) cat > $store ;;
erase) rm -f $store ;;
esac
"""


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("busybox", HUB),
        ("team/app", HUB),
        ("docker.io/team/app", HUB),
        ("localhost/app", "localhost"),
        ("reg.example:5000/a/b", "reg.example:5000"),
        ("ghcr.io/a", "ghcr.io"),
    ],
)
def test_server_of(image: str, server: str) -> None:
    assert server_of(image) == server


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"DOCKER_CONFIG": str(tmp_path / "docker")}


def test_a_login_is_kept_and_forgotten(environ: dict[str, str]) -> None:
    ring = Keyring(environ)
    assert ring.find("reg.example") == {}
    assert "unencrypted" in ring.keep("reg.example", "me", "se:cret")
    file = Path(environ["DOCKER_CONFIG"], "config.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = Keyring(environ).find("reg.example")
    assert found == {"username": "me", "password": "se:cret", "serveraddress": "reg.example"}
    sent = shown(environ, "reg.example/a")["X-Registry-Auth"]
    assert json.loads(base64.urlsafe_b64decode(sent)) == found
    assert shown(environ, "busybox") == {}
    assert Keyring(environ).forget("reg.example")
    assert not Keyring(environ).forget("reg.example")
    assert Keyring(environ).find("reg.example") == {}


def test_other_things_in_the_file_stay(environ: dict[str, str]) -> None:
    file = Path(environ["DOCKER_CONFIG"], "config.json")
    file.parent.mkdir()
    file.write_text('{"detachKeys": "ctrl-x", "auths": {"a": {"auth": "bWU6eA=="}}}')
    Keyring(environ).keep("b", "you", "", token="refresh")
    config = json.loads(file.read_text())
    assert config["detachKeys"] == "ctrl-x"
    assert config["auths"]["a"] == {"auth": "bWU6eA=="}
    assert Keyring(environ).find("b") == {"username": "you", "identitytoken": "refresh", "serveraddress": "b"}


def test_helpers(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-credential-fake"
    program.write_text(HELPER.format(store=tmp_path / "store"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    file = Path(environ["DOCKER_CONFIG"], "config.json")
    file.parent.mkdir()
    file.write_text('{"credHelpers": {"reg.example": "fake", "broken": "nowhere"}}')
    ring = Keyring(environ)
    assert ring.find("reg.example") == {}
    assert ring.keep("reg.example", "me", "secret") == ""
    assert "secret" not in file.read_text()
    assert ring.find("reg.example") == {"username": "me", "password": "secret", "serveraddress": "reg.example"}
    ring.keep("reg.example", "me", "", token="refresh")
    assert ring.find("reg.example") == {"identitytoken": "refresh", "serveraddress": "reg.example"}
    assert ring.forget("reg.example")
    assert ring.find("reg.example") == {}
    with pytest.raises(PlatformError, match="docker-credential-nowhere: No such file"):
        ring.find("broken")


def test_a_file_that_is_no_json_is_named(environ: dict[str, str]) -> None:
    file = Path(environ["DOCKER_CONFIG"], "config.json")
    file.parent.mkdir()
    file.write_text("{")
    with pytest.raises(Invalid, match=r"config\.json"):
        Keyring(environ)


def test_nobody_shows_nothing() -> None:
    assert header({}) == {}
