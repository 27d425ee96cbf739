"""Where plugins are found, and what their addresses mean."""

import socket
from pathlib import Path

import pytest

from boxship.base.errors import Invalid
from boxship.engine.volumes.drivers.discovery import Address, Drivers, PluginPlaces, Tls, address, described
from boxship.engine.volumes.drivers.local import LocalDriver
from tests.unit.engine.volumes.fakes import FakeGround

ADDRESSES = {
    "unix:///run/p.sock\n": Address("http://plugin", "/run/p.sock"),
    "tcp://localhost:8080": Address("http://localhost:8080"),
    "http://h:1/": Address("http://h:1"),
    "https://h:1/base": Address("https://h:1/base"),
}


@pytest.mark.parametrize(("text", "meant"), ADDRESSES.items())
def test_addresses(text: str, meant: Address) -> None:
    assert address(text) == meant


@pytest.mark.parametrize("text", ["", "unix://", "localhost:80", "ftp://h", "tcp://"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(Invalid, match="is no address of a plugin"):
        address(text)


def test_descriptions() -> None:
    text = b'{"Name": "x", "Addr": "tcp://h:1", "TLSConfig": {"InsecureSkipVerify": true, "CAFile": "/ca"}}'
    assert described(text) == Address("https://h:1", tls=Tls(insecure_skip_verify=True, ca_file="/ca"))
    with pytest.raises(Invalid, match="not a description"):
        described(b"[]")


def test_places(tmp_path: Path) -> None:
    sockets, specs = tmp_path / "run", tmp_path / "etc"
    sockets.mkdir()
    (specs / "deep").mkdir(parents=True)
    places = PluginPlaces(sockets, (specs, tmp_path / "none"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(sockets / "both.sock"))
    (specs / "both.spec").write_text("tcp://h:1")
    (specs / "v1.2.spec").write_text("tcp://h:2")
    (specs / "deep/deep.json").write_text('{"Addr": "http://h:3"}')
    (specs / "bad.spec").write_text("?")
    assert places.find("both") == Address("http://plugin", str(sockets / "both.sock"))
    assert places.find("v1.2") == Address("http://h:2")
    assert places.find("deep") == Address("http://h:3")
    assert places.find("none") is None
    assert places.find("../etc/both") is None
    assert places.names() == {"both", "v1.2", "deep", "bad"}
    with pytest.raises(Invalid, match="volume plugin bad: '\\?' is no address"):
        places.find("bad")


def test_drivers_know_what_was_used(tmp_path: Path) -> None:
    made: list[str] = []

    def plugged(name: str, found: Address) -> LocalDriver:
        made.append(f"{name} at {found.url}")
        return LocalDriver(tmp_path, FakeGround())

    local = LocalDriver(tmp_path, FakeGround())
    drivers = Drivers({"local": local}, PluginPlaces(tmp_path, ()), plugged)
    assert drivers["local"] is local
    assert drivers.get("far") is None
    (tmp_path / "far.spec").write_text("tcp://h:1")
    first = drivers["far"]
    assert drivers["far"] is first
    assert sorted(drivers) == ["far", "local"]
    (tmp_path / "far.spec").write_text("tcp://h:2")
    second = drivers["far"]
    assert second is not first
    (tmp_path / "far.spec").unlink()
    assert drivers["far"] is second
    assert made == ["far at http://h:1", "far at http://h:2"]
    assert len(drivers) == 2
