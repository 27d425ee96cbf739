"""Sockets to listen on."""

import os
import socket
import stat
from pathlib import Path

import pytest

from boxship.app import listeners
from boxship.base.errors import Invalid, KernelError


def close(found: list[listeners.Listener]) -> None:
    for listener in found:
        listener.forget()
        listener.sock.close()


def test_a_unix_socket_is_for_its_group_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "b.sock"
    found = listeners.open_all([f"unix://{path}"], str(os.getgid()), False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    close(found)
    assert not path.exists()


def test_a_dead_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "b.sock"
    first = listeners.open_all([f"unix://{path}"], "", False)
    first[0].sock.listen()
    with pytest.raises(Invalid, match="somebody listens on"):
        listeners.open_all([f"unix://{path}"], "", False)
    first[0].sock.close()
    close(listeners.open_all([f"unix://{path}"], "", False))


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "b.sock").write_text("mine")
    with pytest.raises(Invalid, match="is no socket"):
        listeners.open_all([f"unix://{tmp_path}/b.sock"], "", False)
    assert (tmp_path / "b.sock").read_text() == "mine"


def test_what_was_opened_is_closed_when_one_fails(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        hosts = [f"unix://{tmp_path}/b.sock", f"tcp://127.0.0.1:{taken.getsockname()[1]}"]
        with pytest.raises(KernelError, match="bind tcp://"):
            listeners.open_all(hosts, "", False)
    assert not (tmp_path / "b.sock").exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://localhost:0"])
def test_tcp(address: str) -> None:
    found = listeners.open_all([address], "", True)
    assert found[0].secure
    assert found[0].sock.getsockname()[1] > 0
    close(found)


def test_sockets_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = socket.socketpair()
    monkeypatch.setattr(listeners, "FIRST_FD", ours.detach())
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "boxship.socket")
    with pytest.raises(Invalid, match="no socket called 'web'"):
        listeners.open_all(["fd://web"], "", False)
    found = listeners.open_all(["fd://"], "", False)
    assert found[0].shown == "fd://boxship.socket"
    close(found)
    other.close()


def test_no_sockets_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    with pytest.raises(Invalid, match="needs sockets from systemd"):
        listeners.open_all(["fd://"], "", False)
