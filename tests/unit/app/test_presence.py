"""One daemon for each data root."""

import os
import socket
from pathlib import Path

import pytest

from boxship.app import presence
from boxship.base.errors import Conflict


def test_two_daemons_on_one_root_are_refused(tmp_path: Path) -> None:
    root = str(tmp_path / "data")
    with presence.lock(root):
        with pytest.raises(Conflict, match=f"belongs to a running daemon \\(process {os.getpid()}\\)"):
            with presence.lock(root):
                pass
    with presence.lock(root):
        pass


def test_a_pidfile_lives_as_long_as_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "daemon.pid"
    with presence.pidfile(str(path)):
        assert int(path.read_text()) == os.getpid()
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "nonsense", "999999999", "our own"])
def test_a_pidfile_that_was_left_is_taken_over(tmp_path: Path, content: str) -> None:
    path = tmp_path / "daemon.pid"
    path.write_text(content.replace("our own", str(os.getpid())))
    with presence.pidfile(str(path)):
        assert int(path.read_text()) == os.getpid()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@boxship-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        presence.notify("READY=1")
        assert listener.recv(64) == b"READY=1"


def test_nobody_is_told_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    presence.notify("READY=1")
