"""What clients other than the stock CLI rely on: docker-py and what is built on it."""

import socket

import pytest

from tests.e2e.engine_api import EngineApi

pytestmark = pytest.mark.e2e


def head_alone(sock: socket.socket) -> bytes:
    """Return what comes first; a client that buffers loses whatever stands behind the head in it."""
    first = sock.recv(65536)
    assert first.endswith(b"\r\n\r\n"), first
    return first


def test_the_head_of_an_exec_comes_before_its_output(api: EngineApi) -> None:
    container = api.up()
    for _ in range(5):
        asked = {"Cmd": ["echo", "hello"], "AttachStdout": True, "Tty": True}
        made = api.call("POST", f"/containers/{container}/exec", asked).json
        with api.hijack(f"/exec/{made['Id']}/start", {"Tty": True}) as sock:
            assert head_alone(sock).startswith(b"HTTP/1.1 101 UPGRADED")
            assert sock.recv(100) == b"hello\r\n"


def test_the_head_of_an_attach_comes_before_what_was_logged(api: EngineApi) -> None:
    ran = api.run("echo hello")
    for _ in range(5):
        with api.hijack(f"/containers/{ran.id}/attach?logs=1&stdout=1") as sock:
            assert head_alone(sock).startswith(b"HTTP/1.1 101 UPGRADED")
            assert sock.recv(100)[8:] == b"hello\n"


def test_an_exec_that_cannot_start_tells_it_in_its_stream(api: EngineApi) -> None:
    container = api.up()
    ran = api.exec(container, "true", User="nosuch")
    assert ran.output == "unable to find user nosuch: no matching entries in passwd file\r\n"
    assert ran.code == 126


def test_detach_keys_in_any_case_of_names(api: EngineApi) -> None:
    container = api.up()
    asked = {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True, "Tty": True, "detachKeys": "ctrl-p"}
    made = api.call("POST", f"/containers/{container}/exec", asked).json
    with api.hijack(f"/exec/{made['Id']}/start", {"tty": True}) as sock:
        head_alone(sock)
        sock.sendall(b"\x10")
        assert sock.recv(100) == b""


def test_a_wait_sees_an_exit_although_a_restart_follows(api: EngineApi) -> None:
    container = api.up({"RestartPolicy": {"Name": "always"}}, Cmd=["sh", "-c", "sleep 0.2; exit 3"])
    assert api.call("POST", f"/containers/{container}/wait").json == {"StatusCode": 3}


def test_a_link_is_removed_by_its_name(api: EngineApi) -> None:
    other = api.up()
    name = api.inspect(other)["Name"]
    made = api.create({"Links": [f"{name[1:]}:db"]}, Cmd=["true"]).json["Id"]
    own = api.inspect(made)["Name"]
    assert api.inspect(made)["HostConfig"]["Links"] == [f"{name}:{own}/db"]
    assert api.call("DELETE", f"/containers{own}/db?link=1").status == 204
    assert not api.inspect(made)["HostConfig"]["Links"]
    assert api.inspect(other)["State"]["Running"]


def test_a_container_leaves_a_network_once_however_forcefully(api: EngineApi) -> None:
    with api.network() as net:
        container = api.up()
        assert api.call("POST", f"/networks/{net}/connect", {"Container": container}).status == 200
        asked = {"Container": container, "Force": True}
        assert api.call("POST", f"/networks/{net}/disconnect", asked).status == 200
        again = api.call("POST", f"/networks/{net}/disconnect", asked)
        assert (again.status, "is not connected to network" in again.message) == (403, True)
        assert api.call("POST", f"/networks/{net}/disconnect", {"Container": "nosuch", "Force": True}).status == 404
