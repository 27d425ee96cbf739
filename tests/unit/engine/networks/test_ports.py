"""Which host ports containers get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.networks.ports import (
    Occupied,
    PortTable,
    PortTaken,
    Published,
    Wanted,
    parse,
    recall,
    report,
    wanted,
)
from boxship.model.container import PortBinding


def free(protocol: str, address: str, low: int, high: int) -> int | None:
    return None


def held_of(ports: set[int]) -> Occupied:
    return lambda protocol, address, low, high: min((p for p in ports if low <= p <= high), default=None)


def binding(host_port: str = "", host_ip: str = "") -> PortBinding:
    return PortBinding(host_ip=host_ip, host_port=host_port)


PARSED = {"80/tcp": (80, 80, "tcp"), "80": (80, 80, "tcp"), "53/UDP": (53, 53, "udp"), "1-3/sctp": (1, 3, "sctp")}


@pytest.mark.parametrize(("text", "found"), PARSED.items())
def test_parse(text: str, found: tuple[int, int, str]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize("text", ["", "x/tcp", "80/quic", "90-80/tcp", "65536/tcp", "1-/tcp", "-1/tcp"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(Invalid, match="invalid port"):
        parse(text)


WANTED = {
    "nothing": (None, (), False, ()),
    "a fixed port": ({"80/tcp": (binding("8080"),)}, (), False, (Wanted("tcp", 80, "", 8080, 8080),)),
    "a free port": ({"80/tcp": (binding(),)}, (), False, (Wanted("tcp", 80, "", 0, 0),)),
    "zero is a free port": ({"80/tcp": (binding("0"),)}, (), False, (Wanted("tcp", 80, "", 0, 0),)),
    "one of a range": ({"80/tcp": (binding("90-99"),)}, (), False, (Wanted("tcp", 80, "", 90, 99),)),
    "an address": (
        {"80/tcp": (binding("90", "127.0.0.1"),)},
        (),
        False,
        (Wanted("tcp", 80, "127.0.0.1", 90, 90),),
    ),
    "a range to a range": (
        {"80-81/udp": (binding("90-91"),)},
        (),
        False,
        (Wanted("udp", 80, "", 90, 90, 2),),
    ),
    "exposed ports are not published": (None, ("80/tcp",), False, ()),
    "unless all are": (None, ("81/tcp", "80/tcp"), True, (Wanted("tcp", 80, "", 0, 0), Wanted("tcp", 81, "", 0, 0))),
    "but not twice": ({"80/tcp": (binding("90"),)}, ("80/tcp",), True, (Wanted("tcp", 80, "", 90, 90),)),
    "an empty list is nothing": ({"80/tcp": None}, (), False, ()),
}


@pytest.mark.parametrize(("bindings", "exposed", "all_ports", "found"), WANTED.values(), ids=WANTED)
def test_wanted(
    bindings: dict[str, tuple[PortBinding, ...]] | None,
    exposed: tuple[str, ...],
    all_ports: bool,
    found: tuple[Wanted, ...],
) -> None:
    assert wanted(bindings, exposed, all_ports) == found


REFUSED = {
    "no address": ({"80/tcp": (binding("80", "localhost"),)}, "invalid IP address: localhost"),
    "ranges of different length": ({"80-82/tcp": (binding("90-91"),)}, "invalid ranges specified"),
    "no port": ({"80/tcp": (binding("web"),)}, "invalid port specification: web:80"),
}


@pytest.mark.parametrize(("bindings", "text"), REFUSED.values(), ids=REFUSED)
def test_wanted_refuses(bindings: dict[str, tuple[PortBinding, ...]], text: str) -> None:
    with pytest.raises(Invalid, match=text):
        wanted(bindings)


def test_both_families_get_the_same_port() -> None:
    table = PortTable()
    ports = table.publish([Wanted("tcp", 80, "", 0, 0)], [4, 6], free)
    assert ports == (Published("tcp", 80, "0.0.0.0", 32768), Published("tcp", 80, "::", 32768))


def test_a_port_of_the_other_family_is_left_out() -> None:
    table = PortTable()
    assert table.publish([Wanted("tcp", 80, "::", 90, 90)], [4], free) == ()


ADDRESSES = {
    "anywhere": ("", "0.0.0.0", "", [4, 6], ("0.0.0.0", "::")),
    "anywhere without IPv6": ("", "0.0.0.0", "", [4], ("0.0.0.0",)),
    "asked": ("10.0.0.1", "0.0.0.0", "", [4, 6], ("10.0.0.1",)),
    "asked anywhere is IPv4 only": ("0.0.0.0", "127.0.0.1", "", [4, 6], ("0.0.0.0",)),
    "the daemon's": ("", "127.0.0.1", "", [4, 6], ("127.0.0.1",)),
    "the network's before the daemon's": ("", "127.0.0.1", "127.0.0.2", [4, 6], ("127.0.0.2",)),
    "IPv6 in another spelling": ("0:0::", "0.0.0.0", "", [4, 6], ("::",)),
}


@pytest.mark.parametrize(("asked", "daemon", "network", "families", "found"), ADDRESSES.values(), ids=ADDRESSES)
def test_addresses(asked: str, daemon: str, network: str, families: list[int], found: tuple[str, ...]) -> None:
    assert PortTable(daemon).addresses(asked, families, network) == found


CLASHES = {
    "the same address": ("0.0.0.0", "0.0.0.0", True),
    "an address under the wildcard": ("0.0.0.0", "127.0.0.1", True),
    "the wildcard over an address": ("127.0.0.1", "0.0.0.0", True),
    "two addresses": ("127.0.0.1", "127.0.0.2", False),
    "two families": ("0.0.0.0", "::", False),
    "IPv6 over an address": ("fd00::1", "::", True),
}


@pytest.mark.parametrize(("first", "second", "clash"), CLASHES.values(), ids=CLASHES)
def test_clashes(first: str, second: str, clash: bool) -> None:
    table = PortTable()
    table.publish([Wanted("tcp", 80, first, 90, 90)], [4, 6], free)
    again = [Wanted("tcp", 81, second, 90, 90)]
    if clash:
        with pytest.raises(PortTaken, match="90 failed: port is already allocated"):
            table.publish(again, [4, 6], free)
    else:
        assert table.publish(again, [4, 6], free)


def test_protocols_do_not_clash() -> None:
    table = PortTable()
    for protocol in ("tcp", "udp", "sctp"):
        assert table.publish([Wanted(protocol, 80, "", 90, 90)], [4], free)


def test_texts_of_refusals_are_dockerds() -> None:
    table = PortTable()
    table.publish([Wanted("tcp", 80, "", 8080, 8080)], [4], free)
    with pytest.raises(PortTaken, match=r"^Bind for 0\.0\.0\.0:8080 failed: port is already allocated$"):
        table.publish([Wanted("tcp", 80, "", 8080, 8080)], [4], free)
    with pytest.raises(PortTaken, match=r"^failed to bind host port \[::\]:90/tcp: address already in use$"):
        table.publish([Wanted("tcp", 80, "::", 90, 90)], [6], lambda p, a, low, high: low)


def test_all_or_nothing() -> None:
    table = PortTable()
    with pytest.raises(PortTaken):
        table.publish([Wanted("tcp", 1, "", 90, 90), Wanted("tcp", 2, "", 90, 90)], [4], free)
    assert table.publish([Wanted("tcp", 1, "", 90, 90)], [4], free)


def test_a_range_takes_its_first_free_port() -> None:
    table = PortTable()
    asked = [Wanted("tcp", 80, "", 90, 92)]
    busy = {91}
    ports = [table.publish(asked, [4], held_of(busy))[0].host_port for _ in range(2)]
    assert ports == [90, 92]
    with pytest.raises(PortTaken, match="all ports are allocated"):
        table.publish(asked, [4], free if not busy else held_of(busy))


def test_free_ports_go_round() -> None:
    table = PortTable(ephemeral=(100, 102))
    asked = [Wanted("tcp", 80, "", 0, 0)]
    first = table.publish(asked, [4], free)
    assert [table.publish(asked, [4], free)[0].host_port for _ in range(2)] == [101, 102]
    table.release(first)
    assert table.publish(asked, [4], free)[0].host_port == 100


def test_released_ports_are_free_again() -> None:
    table = PortTable()
    asked = [Wanted("tcp", 80, "", 90, 90)]
    ports = table.publish(asked, [4, 6], free)
    table.release(ports)
    table.release(ports)
    assert table.publish(asked, [4, 6], free) == ports


def test_runs_clash_with_runs_and_with_single_ports() -> None:
    table = PortTable()
    (run,) = table.publish([Wanted("udp", 20000, "", 20000, 20000, 1000)], [4], free)
    assert run == Published("udp", 20000, "0.0.0.0", 20000, 1000)
    for low, size, taken in ((20999, 1, 20999), (19000, 1001, 20000), (20500, 10, 20500)):
        with pytest.raises(PortTaken, match=f":{taken} failed"):
            table.publish([Wanted("udp", 1, "127.0.0.1", low, low, size)], [4], free)
    for low, size in ((19000, 1000), (21000, 1)):
        assert table.publish([Wanted("udp", 1, "", low, low, size)], [4], free)
    assert table.publish([Wanted("tcp", 1, "", 20000, 20000, 1000)], [4], free)
    table.release([run])
    assert table.publish([Wanted("udp", 1, "", 20500, 20500)], [4], free)
    with pytest.raises(PortTaken, match=":20500 failed"):
        table.publish([Wanted("udp", 20000, "", 20000, 20000, 1000)], [4], free)


def test_a_run_meets_sockets_of_the_host() -> None:
    with pytest.raises(PortTaken, match=r"failed to bind host port 0\.0\.0\.0:95/udp: address already in use"):
        PortTable().publish([Wanted("udp", 80, "", 90, 90, 10)], [4], held_of({95}))


published = st.builds(
    Published,
    st.sampled_from(("tcp", "udp")),
    st.integers(1, 65535),
    st.sampled_from(("0.0.0.0", "::", "127.0.0.1")),
    st.integers(1, 65535),
    st.integers(1, 3),
)


@given(st.lists(published, unique=True))
def test_what_is_reported_can_be_recalled(ports: list[Published]) -> None:
    ports = [p for p in ports if p.port + p.size <= 65536]
    assert sorted(recall(report(ports))) == sorted(ports)
