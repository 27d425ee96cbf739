"""Networks in Docker's JSON."""

from typing import Any

import msgspec
import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.front.docker.wire.networks import (
    check_verbose,
    in_scope,
    parse,
    parse_connect,
    parse_disconnect,
    prunable,
    render,
    render_full,
    select,
    wants_unique,
)
from boxship.front.rest import filters
from boxship.model.network import EndpointSpec, EndpointStatus, IpamPool, Network, NetworkSpec

FULL = {
    "Name": "net",
    "CheckDuplicate": True,
    "Driver": "macvlan",
    "EnableIPv6": True,
    "EnableIPv4": False,
    "Internal": True,
    "Attachable": True,
    "IPAM": {
        "Driver": "default",
        "Options": {"a": "b"},
        "Config": [
            {
                "Subnet": "10.1.0.0/16",
                "IPRange": "10.1.2.0/24",
                "Gateway": "10.1.0.9",
                "AuxiliaryAddresses": {"x": "10.1.0.3"},
            }
        ],
    },
    "Options": {"parent": "eth0"},
    "Labels": {"k": "v"},
    "ConfigFrom": {"Network": "base"},
}
PARSED: dict[str, tuple[dict[str, Any], NetworkSpec]] = {
    "a name": ({"Name": "net"}, NetworkSpec(name="net")),
    "null is the default": (
        {"Name": "net", "Driver": None, "IPAM": None, "Options": None, "EnableIPv6": None},
        NetworkSpec(name="net"),
    ),
    "names in any case": ({"name": "net", "ipam": {"Config": []}}, NetworkSpec(name="net")),
    "the driver in lower case": ({"name": "net", "driver": "macvlan"}, NetworkSpec(name="net", driver="macvlan")),
    "an IPv6 block and no word on IPv6": (
        {"Name": "net", "IPAM": {"Config": [{"Subnet": "2001:db8::/64"}]}},
        NetworkSpec(name="net", enable_ipv6=True, ipam=(IpamPool(subnet="2001:db8::/64"),)),
    ),
    "an IPv6 block and no IPv6": (
        {"Name": "net", "EnableIPv6": False, "IPAM": {"Config": [{"Subnet": "2001:db8::/64"}]}},
        NetworkSpec(name="net", ipam=(IpamPool(subnet="2001:db8::/64"),)),
    ),
    "everything": (
        FULL,
        NetworkSpec(
            name="net",
            driver="macvlan",
            enable_ipv4=False,
            enable_ipv6=True,
            internal=True,
            attachable=True,
            ipam_options={"a": "b"},
            ipam=(
                IpamPool(
                    subnet="10.1.0.0/16",
                    ip_range="10.1.2.0/24",
                    gateway="10.1.0.9",
                    auxiliary_addresses={"x": "10.1.0.3"},
                ),
            ),
            options={"parent": "eth0"},
            labels={"k": "v"},
            config_from="base",
        ),
    ),
}


def test_older_clients_say_no_to_ipv6_when_they_do_not_say() -> None:
    body = {"Name": "net", "EnableIPv6": False, "IPAM": {"Config": [{"Subnet": "2001:db8::/64"}]}}
    assert parse(body, (1, 46)).enable_ipv6
    assert not parse({"Name": "net", "EnableIPv6": False}, (1, 46)).enable_ipv6


@pytest.mark.parametrize(("body", "spec"), PARSED.values(), ids=PARSED)
def test_parse(body: dict[str, Any], spec: NetworkSpec) -> None:
    assert parse(body) == spec


REFUSED: dict[str, dict[str, Any]] = {
    "no name": {},
    "a blank name": {"Name": " "},
    "a number for a name": {"Name": 7},
    "no truth": {"Name": "x", "Internal": "yes"},
    "no truth for IPv6": {"Name": "x", "EnableIPv6": "yes"},
    "no object": {"Name": "x", "IPAM": []},
    "no block": {"Name": "x", "IPAM": {"Config": ["10.0.0.0/8"]}},
    "options that are no text": {"Name": "x", "Options": {"a": 1}},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_parse_refuses(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse(body)


def test_connect_and_disconnect() -> None:
    body = {"Container": "c", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.1.0.5"}, "Aliases": ["a"]}}
    assert parse_connect(body) == ("c", EndpointSpec(ipv4_address="10.1.0.5", aliases=("a",)))
    assert parse_connect({"Container": "c"}) == ("c", EndpointSpec())
    assert parse_disconnect({"Container": "c", "Force": True}) == ("c", True)
    assert parse_disconnect({"Container": "c"}) == ("c", False)
    assert parse_disconnect({"container": "c", "force": True}) == ("c", True)
    for bad in ({}, {"Container": ""}, {"Container": 1}):
        with pytest.raises(Invalid, match="Container must name a container"):
            parse_connect(bad)


NET = Network(
    id="ab" * 32,
    created=1_700_000_000_000_000_000,
    spec=NetworkSpec(name="net", labels={"k": "v"}),
    pools=(IpamPool(subnet="10.1.0.0/16", gateway="10.1.0.1"),),
    link="bx-abababababab",
)


def test_render() -> None:
    assert render(NET) == {
        "Name": "net",
        "Id": "ab" * 32,
        "Created": "2023-11-14T22:13:20Z",
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": [{"Subnet": "10.1.0.0/16", "Gateway": "10.1.0.1"}]},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {},
        "Labels": {"k": "v"},
    }


def test_inspect_shows_who_is_in_it() -> None:
    place = EndpointStatus(
        network_id=NET.id,
        network="net",
        endpoint_id="e" * 64,
        ipv4_address="10.1.0.2",
        ipv4_prefix=16,
        mac_address="02:42:0a:01:00:02",
    )
    assert render_full(NET, {"c" * 64: place}, {"c" * 64: "web"})["Containers"] == {
        "c" * 64: {
            "Name": "web",
            "EndpointID": "e" * 64,
            "MacAddress": "02:42:0a:01:00:02",
            "IPv4Address": "10.1.0.2/16",
            "IPv6Address": "",
        }
    }


def test_verbose_and_scope() -> None:
    check_verbose("true")
    with pytest.raises(Invalid, match="invalid value for verbose"):
        check_verbose("very")
    assert in_scope(NET, "") is NET
    assert in_scope(NET, "local") is NET
    with pytest.raises(NotFound):
        in_scope(NET, "swarm")


BRIDGE = Network(id="cd" * 32, created=1, spec=NetworkSpec(name="bridge"), builtin=True)
HOST = Network(id="ce" * 32, created=1, spec=NetworkSpec(name="host", driver="host"), builtin=True)
SELECTED = {
    "all": ({}, ["bridge", "host", "net"]),
    "by name": ({"name": ["ne"]}, ["net"]),
    "by the beginning of an id": ({"id": ["^c"]}, ["bridge", "host"]),
    "by driver": ({"driver": ["bridge"]}, ["bridge", "net"]),
    "by label": ({"label": ["k=v"]}, ["net"]),
    "custom": ({"type": ["custom"]}, ["net"]),
    "builtin": ({"type": ["builtin"]}, ["bridge", "host"]),
    "scope": ({"scope": ["swarm"]}, []),
    "unused": ({"dangling": ["true"]}, ["net"]),
    "used": ({"dangling": ["false"]}, ["bridge", "host"]),
    "Go's form": ({"driver": {"host": True}}, ["host"]),
}


@pytest.mark.parametrize(("asked", "found"), SELECTED.values(), ids=SELECTED)
def test_select(asked: dict[str, Any], found: list[str]) -> None:
    wanted = filters.parse(msgspec.json.encode(asked).decode())
    assert [n.spec.name for n in select([BRIDGE, HOST, NET], wanted, used=())] == found


def test_select_refuses() -> None:
    with pytest.raises(Invalid, match="invalid filter"):
        select([NET], filters.Filters({"type": ("odd",)}), ())


def test_prunable() -> None:
    now = NET.created + 10 * 60 * 1_000_000_000
    assert prunable(filters.Filters(), now)(NET)
    assert prunable(filters.Filters({"until": ("5m",)}), now)(NET)
    assert not prunable(filters.Filters({"until": ("15m",)}), now)(NET)
    assert not prunable(filters.Filters({"label!": ("k",)}), now)(NET)


@pytest.mark.parametrize(
    ("body", "version", "unique"),
    [
        ({}, (1, 41), False),
        ({"CheckDuplicate": True}, (1, 41), True),
        ({"checkduplicate": False}, (1, 43), False),
        ({"CheckDuplicate": False}, (1, 44), True),
    ],
)
def test_names_are_unique_unless_clients_of_old_want_otherwise(
    body: dict[str, bool], version: tuple[int, int], unique: bool
) -> None:
    assert wants_unique(body, version) is unique
