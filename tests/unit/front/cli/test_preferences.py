"""What config.json asks of every command."""

import json
from pathlib import Path

import pytest

from boxship.front.cli import preferences
from boxship.front.cli.command import Session
from boxship.front.cli.flags import parse, switch, text
from boxship.front.client.api import Client, parse_host

FLAGS = (text("format"), switch("quiet", "q"), text("detach-keys"))
CONFIG = {
    "psFormat": "table {{.Names}}",
    "detachKeys": "ctrl-x",
    "proxies": {
        "default": {"httpProxy": "http://p:1", "noProxy": "localhost"},
        "tcp://far:2376": {"httpsProxy": "http://other:1"},
    },
}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return Session(Client(parse_host("unix:///nowhere")), {"DOCKER_CONFIG": str(tmp_path)})


def test_forms(session: Session) -> None:
    assert preferences.form(session, parse(FLAGS, []), "psFormat") == "table {{.Names}}"
    assert preferences.form(session, parse(FLAGS, ["--format", "json"]), "psFormat") == "json"
    assert preferences.form(session, parse(FLAGS, ["-q"]), "psFormat") == ""
    assert preferences.form(session, parse(FLAGS, []), "imagesFormat") == ""


def test_detach_keys(session: Session) -> None:
    assert preferences.detach_keys(session, parse(FLAGS, [])) == "ctrl-x"
    assert preferences.detach_keys(session, parse(FLAGS, ["--detach-keys", "a"])) == "a"


def test_proxies(session: Session) -> None:
    default = [
        "HTTP_PROXY=http://p:1",
        "http_proxy=http://p:1",
        "NO_PROXY=localhost",
        "no_proxy=localhost",
    ]
    assert preferences.with_proxies(session, ["A=1"]) == ["A=1", *default]
    assert preferences.with_proxies(session, ["HTTP_PROXY=mine"]) == ["HTTP_PROXY=mine", *default[1:]]
    far = preferences.proxies(CONFIG, "tcp://far:2376", [])
    assert far == ["HTTPS_PROXY=http://other:1", "https_proxy=http://other:1"]
    assert preferences.proxies({}, "unix:///x", []) == []
