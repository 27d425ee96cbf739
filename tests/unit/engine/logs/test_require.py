from pathlib import Path

import pytest

from boxship.base.errors import Invalid
from boxship.engine.logs import drivers
from boxship.model.container import LogSpec

PREFIX = "failed to create task for container: failed to initialize logging driver: "


def spec(kind: str, address: str = "") -> LogSpec:
    return LogSpec(type=kind, config={"syslog-address": address} if address else {})


def test_the_journal_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drivers.journald, "PATH", str(tmp_path / "none"))
    with pytest.raises(Invalid) as error:
        drivers.require(spec("journald"))
    assert str(error.value) == PREFIX + "journald is not enabled on this host"
    (tmp_path / "none").touch()
    drivers.require(spec("journald"))


def test_sockets_of_this_host_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as error:
        drivers.require(spec("syslog", "unix:///no/such"))
    assert str(error.value) == PREFIX + "stat /no/such: no such file or directory"
    monkeypatch.setattr(drivers.syslog, "LOCAL", (str(tmp_path),))
    with pytest.raises(Invalid, match="Unix syslog delivery error"):
        drivers.require(spec("syslog"))


@pytest.mark.parametrize("fine", [spec("json-file"), spec("none"), spec("syslog", "udp://10.0.0.1:1")])
def test_servers_elsewhere_may_be_away(fine: LogSpec) -> None:
    drivers.require(fine)
