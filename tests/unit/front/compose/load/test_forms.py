"""Short forms: ports, mounts, command lines, and single values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.front.compose import words
from boxship.front.compose.load import scalars
from boxship.front.compose.load.commandline import split
from boxship.front.compose.load.errors import Wrong
from boxship.front.compose.load.forms import mounts, ports
from boxship.front.compose.load.forms.canonical import canonical


def shown(port: dict[str, Any]) -> str:
    return f"{port.get('host_ip', '')}|{port.get('published', '')}|{port['target']}/{port['protocol']}"


PORTS = {
    "80": ["||80/tcp"],
    "8080:80": ["|8080|80/tcp"],
    "80/udp": ["||80/udp"],
    "8080:80/SCTP": ["|8080|80/sctp"],
    "127.0.0.1:8080:80": ["127.0.0.1|8080|80/tcp"],
    "127.0.0.1::80": ["127.0.0.1||80/tcp"],
    "[::1]:8080:80": ["::1|8080|80/tcp"],
    "::1:8080:80": ["::1|8080|80/tcp"],
    "8000-8001:80-81": ["|8000|80/tcp", "|8001|81/tcp"],
    "9-11": ["||10/tcp", "||11/tcp", "||9/tcp"],
    "8000-9000:80": ["|8000-9000|80/tcp"],
}


@pytest.mark.parametrize("spec", PORTS)
def test_ports(spec: str) -> None:
    assert [shown(port) for port in ports.parse(spec)] == PORTS[spec]


BAD_PORTS = {
    "x": "invalid containerPort: x",
    "x:80": "invalid hostPort: x",
    "1:": "no port specified: 1:<empty>",
    "80/x": "invalid proto: x (want one of tcp, udp, sctp)",
    "70000": "invalid containerPort: 70000",
    "10-5": "invalid containerPort: 10-5",
    "8000-8002:80-81": "invalid ranges specified for container and host Ports: 80-81 and 8000-8002",
    "host:80:80": "invalid IP address: host",
}


@pytest.mark.parametrize("spec", BAD_PORTS)
def test_bad_ports(spec: str) -> None:
    with pytest.raises(Wrong) as caught:
        ports.parse(spec, ("services", "a", "ports", 0))
    assert str(caught.value) == BAD_PORTS[spec]
    assert caught.value.path[-1] == 0


@given(st.integers(1, 65000), st.integers(0, 20), st.integers(1, 65000))
def test_ranges_keep_their_distance(first: int, count: int, host: int) -> None:
    found = ports.parse(f"{host}-{host + count}:{first}-{first + count}")
    assert sorted(port["target"] for port in found) == list(range(first, first + count + 1))
    assert {int(port["published"]) - port["target"] for port in found} == {host - first}


MOUNTS: dict[str, dict[str, Any]] = {
    "/a": {"type": "volume", "target": "/a"},
    "/data": {"type": "volume", "target": "/data", "volume": {}},
    "name:/data": {"type": "volume", "source": "name", "target": "/data", "volume": {}},
    "name:/data:ro,nocopy": {
        "type": "volume", "source": "name", "target": "/data", "read_only": True, "volume": {"nocopy": True},
    },
    "./a:/b": {"type": "bind", "source": "./a", "target": "/b", "bind": {"create_host_path": True}},
    "~/a:/b/:z": {"type": "bind", "source": "~/a", "target": "/b", "bind": {"selinux": "z", "create_host_path": True}},
    "/a:/b/../c:rw,rshared": {
        "type": "bind", "source": "/a", "target": "/c", "bind": {"propagation": "rshared", "create_host_path": True},
    },
    r"c:\x:/x:cached": {"type": "bind", "source": r"c:\x", "target": "/x", "bind": {"create_host_path": True}},
}  # fmt: skip


@pytest.mark.parametrize("spec", MOUNTS)
def test_mounts(spec: str) -> None:
    assert mounts.parse(spec) == MOUNTS[spec]


BAD_MOUNTS = {
    "": "invalid empty volume spec",
    "data::/x": "invalid spec: data::/x: empty section between colons",
    "data:/x:ro:more": "invalid spec: data:/x:ro:more: too many colons",
    "data:/x:read": "invalid spec: data:/x:read: unknown option read",
}


@pytest.mark.parametrize("spec", BAD_MOUNTS)
def test_bad_mounts(spec: str) -> None:
    with pytest.raises(Wrong) as caught:
        mounts.parse(spec)
    assert str(caught.value) == BAD_MOUNTS[spec]


COMMANDS = {
    "a b  c": ["a", "b", "c"],
    "": [],
    "a 'b c' \"d e\"": ["a", "b c", "d e"],
    "a '' \"\" b": ["a", "", "", "b"],
    r"a\ b \"c 'd\e'": ["a b", '"c', r"d\e"],
    'a "b \\" c"': ["a", 'b " c'],
    "a b'c'd\"e\"": ["a", "bcde"],
    "a && b": ["a"],
    "a 2> b": ["a"],
    "a '&&' b": ["a", "&&", "b"],
    "a $(b c) `d e`": ["a", "$(b c)", "`d e`"],
}


@pytest.mark.parametrize("line", COMMANDS)
def test_command_lines(line: str) -> None:
    assert split(line) == COMMANDS[line]


@pytest.mark.parametrize("line", ["a 'b", 'a "b', "a \\", "a (b", "a `b"])
def test_open_ends(line: str) -> None:
    with pytest.raises(ValueError):
        split(line)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=4))
def test_single_quotes_hold_everything(parts: list[str]) -> None:
    line = " ".join("'" + part.replace("'", "'\"'\"'") + "'" for part in parts)
    assert split(line) == parts


VALUES: list[tuple[Any, Any, Any]] = [
    (scalars.boolean, "yes", True), (scalars.boolean, "Off", False), (scalars.boolean, True, True),
    (scalars.whole, "5", 5), (scalars.whole, 5.0, 5), (scalars.fraction, "0.5", 0.5), (scalars.fraction, 1, 1.0),
    (scalars.size, "1.5g", 1610612736), (scalars.size, 100, 100), (scalars.size, "64MB", 67108864),
    (scalars.duration, "1m30s", 90_000_000_000), (scalars.count, "all", -1), (scalars.count, "2", 2),
    (scalars.command, None, None), (scalars.command, "a b", ("a", "b")), (scalars.command, ["a b"], ("a b",)),
    (scalars.health_test, "x y", ("CMD-SHELL", "x y")), (scalars.health_test, ["CMD", "x"], ("CMD", "x")),
    (scalars.pairs, ["a=1", "b"], {"a": "1", "b": ""}), (scalars.pairs, {"a": 1.5, "b": None}, {"a": "1.5", "b": ""}),
    (scalars.variables, ["a=1", "b", "c="], {"a": "1", "b": None, "c": ""}),
    (scalars.hosts, ["a=1.1.1.1,2.2.2.2", "b:[::1]"], {"a": ("1.1.1.1", "2.2.2.2"), "b": ("::1",)}),
    (scalars.hosts, {"a": ["1", "2"], "b": "::1"}, {"a": ("1", "2"), "b": ("::1",)}),
    (scalars.mode, "0440", 0o440), (scalars.mode, 288, 288), (scalars.strings, "a", ("a",)),
]  # fmt: skip


@pytest.mark.parametrize(("read", "value", "wanted"), VALUES)
def test_values(read: Any, value: Any, wanted: Any) -> None:
    assert read(value, ("k",)) == wanted


WRONG: list[tuple[Any, Any]] = [
    (scalars.boolean, "maybe"), (scalars.whole, "1.5"), (scalars.fraction, "x"),
    (scalars.size, "lots"), (scalars.size, 1.5),
    (scalars.duration, "5"), (scalars.count, "some"), (scalars.text, {}), (scalars.hosts, ["nothing"]),
    (scalars.hosts, {"a:b": "1"}), (scalars.mode, "9"), (scalars.command, "'"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "value"), WRONG)
def test_wrong_values_name_their_key(read: Any, value: Any) -> None:
    with pytest.raises(Wrong) as caught:
        read(value, ("services", "a", "k"))
    assert caught.value.path[:3] == ("services", "a", "k")


DURATIONS = {
    0: "0s", 1: "1ns", 1500: "1.5µs", 500_000_000: "500ms", 1_500_000_000: "1.5s", 90_000_000_000: "1m30s",
    3_600_000_000_000: "1h0m0s", 5_400_000_000_000: "1h30m0s", -1_000_000: "-1ms",
}  # fmt: skip


@pytest.mark.parametrize("nanoseconds", DURATIONS)
def test_durations(nanoseconds: int) -> None:
    assert words.duration(nanoseconds) == DURATIONS[nanoseconds]


@given(st.integers(0, 2**62))
def test_durations_come_back(nanoseconds: int) -> None:
    assert abs(scalars.duration(words.duration(nanoseconds), ()) - nanoseconds) <= nanoseconds // 2**50


NUMBERS = {
    0.0: "0",
    1.5: "1.5",
    123456.0: "123456",
    1e6: "1e+06",
    1234567.5: "1.2345675e+06",
    1e-4: "0.0001",
    1e-5: "1e-05",
}


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers(value: float) -> None:
    assert words.number(value) == NUMBERS[value]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value: float) -> None:
    assert float(words.number(value)) == value == float(words.json_number(value))


def test_forms_that_cannot_be_read_name_their_place() -> None:
    for service, said in (
        ({"devices": ["a:b:c:d"]}, "confusing device mapping, please use long syntax: a:b:c:d"),
        ({"build": {"ssh": ["nope"]}}, 'invalid ssh key "nope"'),
        ({"build": {"additional_contexts": ["nope"]}}, "expected key=value"),
        ({"depends_on": {"db": None}}, "services.web.depends_on.db must be a mapping"),
    ):
        with pytest.raises(Wrong, match=said):
            canonical({"services": {"web": service}})


def test_lenient_leaves_them() -> None:
    tree = {"services": {"web": {"ports": ["${PORT}:80"], "volumes": ["${DIR:-x}:/x"]}}}
    service = canonical(tree, lenient=True)["services"]["web"]
    assert service == {"ports": ["${PORT}:80"], "volumes": ["${DIR:-x}:/x"]}
