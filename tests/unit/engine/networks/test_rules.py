"""The firewall table as text."""

import pytest

from boxship.engine.networks.ports import Published
from boxship.engine.networks.rules import DECLARED, Target, Walls, change, merge, of_network, of_ports, remove, whole

NETWORKS = {
    "plain": (
        Walls("br0", ("10.1.0.0/16",)),
        {
            "bridges": {'"br0"'},
            "loops": {'"br0" . "br0"'},
            "own4": {"10.1.0.0/16 . 10.1.0.0/16"},
            "masq4": {"10.1.0.0/16"},
        },
    ),
    "both families": (
        Walls("br0", ("10.1.0.0/16", "fd00::/64"), masquerade4=False),
        {
            "bridges": {'"br0"'},
            "loops": {'"br0" . "br0"'},
            "own4": {"10.1.0.0/16 . 10.1.0.0/16"},
            "own6": {"fd00::/64 . fd00::/64"},
            "masq6": {"fd00::/64"},
        },
    ),
    "internal": (
        Walls("br0", ("10.1.0.0/16",), internal=True),
        {
            "bridges": {'"br0"'},
            "internal": {'"br0"'},
            "loops": {'"br0" . "br0"'},
            "own4": {"10.1.0.0/16 . 10.1.0.0/16"},
        },
    ),
    "kept apart": (Walls("br0", apart=True), {"bridges": {'"br0"'}}),
    "reachable directly": (
        Walls("br0", unprotected4=True, unprotected6=True),
        {
            "bridges": {'"br0"'},
            "loops": {'"br0" . "br0"'},
            "unprotected4": {'"br0"'},
            "unprotected6": {'"br0"'},
        },
    ),
}


@pytest.mark.parametrize(("walls", "elements"), NETWORKS.values(), ids=NETWORKS)
def test_networks(walls: Walls, elements: dict[str, set[str]]) -> None:
    assert of_network(walls) == elements


def same(*numbers: int, address: str = "0.0.0.0", protocol: str = "udp") -> list[Published]:
    return [Published(protocol, n, address, n) for n in numbers]


TARGET = Target("10.1.0.2", "fd00::2")
PORTS = {
    "anywhere": ([Published("tcp", 80, "0.0.0.0", 8080)], {"any4": {"tcp . 8080 : 10.1.0.2 . 80"}}),
    "at an address": (
        [Published("tcp", 80, "127.0.0.1", 8080)],
        {"host4": {"127.0.0.1 . tcp . 8080 : 10.1.0.2 . 80"}},
    ),
    "IPv6": ([Published("tcp", 80, "::", 8080)], {"any6": {"tcp . 8080 : fd00::2 . 80"}}),
    "IPv6 at an address": (
        [Published("tcp", 80, "fd01::1", 8080)],
        {"host6": {"fd01::1 . tcp . 8080 : fd00::2 . 80"}},
    ),
    "a run is one interval": (same(5, 4, 6), {"any4_ranges": {"udp . 4-6 : 10.1.0.2"}}),
    "a run at an address": (
        same(4, 5, address="127.0.0.1"),
        {"host4_ranges": {"127.0.0.1 . udp . 4-5 : 10.1.0.2"}},
    ),
    "a gap makes two": (
        same(4, 5, 7),
        {"any4_ranges": {"udp . 4-5 : 10.1.0.2"}, "any4": {"udp . 7 : 10.1.0.2 . 7"}},
    ),
    "moved ports stay single": (
        [Published("tcp", 80, "0.0.0.0", 90), Published("tcp", 81, "0.0.0.0", 91)],
        {"any4": {"tcp . 90 : 10.1.0.2 . 80", "tcp . 91 : 10.1.0.2 . 81"}},
    ),
    "a run and its neighbour": (
        [Published("udp", 10, "0.0.0.0", 10, 5), *same(15, 17)],
        {"any4_ranges": {"udp . 10-15 : 10.1.0.2"}, "any4": {"udp . 17 : 10.1.0.2 . 17"}},
    ),
    "a run that is moved": (
        [Published("tcp", 80, "0.0.0.0", 90, 2)],
        {"any4": {"tcp . 90 : 10.1.0.2 . 80", "tcp . 91 : 10.1.0.2 . 81"}},
    ),
    "protocols apart": (
        [*same(4, protocol="tcp"), *same(5)],
        {"any4": {"tcp . 4 : 10.1.0.2 . 4", "udp . 5 : 10.1.0.2 . 5"}},
    ),
}


@pytest.mark.parametrize(("ports", "elements"), PORTS.values(), ids=PORTS)
def test_ports(ports: list[Published], elements: dict[str, set[str]]) -> None:
    assert of_ports(ports, TARGET) == elements


def test_nothing_leads_to_a_family_without_address() -> None:
    assert of_ports([Published("tcp", 80, "::", 8080)], Target("10.1.0.2")) == {}


def test_routed_ports_are_opened_as_they_are() -> None:
    ports = [*same(4, 5, 6), Published("tcp", 80, "0.0.0.0", 80)]
    elements = of_ports(ports, Target("10.1.0.2", routed4=True))
    assert elements == {"routed4": {"10.1.0.2 . udp . 4-6", "10.1.0.2 . tcp . 80"}}


def test_ten_thousand_ports_are_one_element() -> None:
    assert of_ports(same(*range(20000, 30000)), TARGET) == {"any4_ranges": {"udp . 20000-29999 : 10.1.0.2"}}


OLD = {"bridges": frozenset({'"a"', '"b"'}), "any4": frozenset({"tcp . 1 : 10.0.0.1 . 2"})}


def test_change_is_the_difference() -> None:
    new = {"bridges": frozenset({'"b"', '"c"'})}
    assert [(c.set, c.delete, c.elements) for c in change(OLD, new)] == [
        ("bridges", True, ('"a"',)),
        ("any4", True, ("tcp . 1 : 10.0.0.1 . 2",)),
        ("bridges", False, ('"c"',)),
    ]


def test_no_change_is_nothing() -> None:
    assert change(OLD, OLD) == ()


def test_merge() -> None:
    assert merge([OLD, {"bridges": frozenset({'"c"'})}])["bridges"] == {'"a"', '"b"', '"c"'}


def test_the_whole_table_empties_before_it_fills_and_leaves_the_users_chain() -> None:
    script = whole("t", OLD)
    assert all(f"flush set inet t {name}" in script or f"flush map inet t {name}" in script for name in DECLARED)
    assert "flush chain inet t forward" in script
    assert "flush chain inet t user" not in script
    assert script.index("flush set inet t bridges") < script.index("add element inet t bridges")


def test_a_host_that_forwards_for_us_forwards_for_nobody_else() -> None:
    rule = "add rule inet t forward iifname != @bridges oifname != @bridges drop"
    assert rule in whole("t", OLD, closed=True)
    assert rule not in whole("t", OLD)


def test_remove_works_without_a_table() -> None:
    gone = ["table inet t { }", "delete table inet t", "table inet t_state { }", "delete table inet t_state"]
    assert remove("t").splitlines() == gone
