"""Which networks a container is in, and what it gets there."""

import pytest

from boxship.base.errors import Forbidden, Invalid, NotFound
from boxship.engine.networks.endpoints import (
    dns_names,
    gateway_networks,
    give_back,
    interface_names,
    mode_of,
    recall,
    require_fitting,
    rewired,
    take,
    wishes,
)
from boxship.engine.networks.ipam import Lease
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.network import EndpointSpec, EndpointStatus, IpamPool, Network, NetworkSpec
from boxship.model.status import Container

POOL4 = IpamPool(subnet="10.1.0.0/29", gateway="10.1.0.1")
POOL6 = IpamPool(subnet="fd00::/64", gateway="fd00::1")


def network(
    name: str, *pools: IpamPool, builtin: bool = False, internal: bool = False, chosen: bool = False
) -> Network:
    spec = NetworkSpec(name=name, internal=internal, ipam=() if chosen else pools)
    return Network(id=f"id-{name}", created=1, spec=spec, pools=pools, builtin=builtin)


KNOWN = {
    n.spec.name: n for n in (network("bridge", builtin=True), network("none", builtin=True), network("a"), network("b"))
}


def find(ref: str) -> Network:
    for known in KNOWN.values():
        if ref in (known.id, known.spec.name):
            return known
    raise NotFound(f"network {ref} not found")


def spec(mode: str = "default", networks: dict[str, EndpointSpec] | None = None, **changes: object) -> ContainerSpec:
    return ContainerSpec(host=HostSpec(network_mode=mode), networks=networks or {}, **changes)  # type: ignore[arg-type]


MODES = {
    "default": (spec(), "bridge"),
    "empty": (spec(""), "bridge"),
    "named": (spec("a"), "a"),
    "no network": (spec(network_disabled=True), "none"),
}


@pytest.mark.parametrize(("wish", "mode"), MODES.values(), ids=MODES)
def test_mode(wish: ContainerSpec, mode: str) -> None:
    assert mode_of(wish) == mode


WISHES = {
    "the default": (spec(), ["bridge"]),
    "the mode's network comes first": (spec("b", {"a": EndpointSpec(), "b": EndpointSpec()}), ["b", "a"]),
    "by id": (spec("id-b", {"id-a": EndpointSpec()}), ["b", "a"]),
    "default is a name of bridge": (spec("default", {"default": EndpointSpec()}), ["bridge"]),
    "the host's": (spec("host"), []),
    "another container's": (spec("container:x"), []),
    "none": (spec("none"), ["none"]),
}


@pytest.mark.parametrize(("wish", "found"), WISHES.values(), ids=WISHES)
def test_wishes(wish: ContainerSpec, found: list[str]) -> None:
    assert list(wishes(wish, find)) == found


def test_wishes_of_an_unknown_network() -> None:
    with pytest.raises(NotFound, match="network gone not found"):
        wishes(spec("gone"), find)


def test_an_old_style_mac_address_is_for_the_modes_network() -> None:
    found = wishes(spec("a", {"b": EndpointSpec()}, mac_address="02:00:00:00:00:01"), find)
    assert [asked.mac_address for _, asked in found.values()] == ["02:00:00:00:00:01", ""]


def leases() -> tuple[Lease, ...]:
    return (Lease(POOL4), Lease(POOL6))


NET = network("a", POOL4, POOL6)


def test_take_both_families() -> None:
    status = take(NET, leases(), EndpointSpec(), "e1")
    assert (status.ipv4_address, status.ipv4_prefix, status.gateway) == ("10.1.0.2", 29, "10.1.0.1")
    assert (status.ipv6_address, status.ipv6_prefix, status.ipv6_gateway) == ("fd00::2", 64, "fd00::1")
    assert (status.mac_address, status.endpoint_id) == ("02:42:0a:01:00:02", "e1")


def test_take_what_is_asked() -> None:
    asked = EndpointSpec(ipv4_address="10.1.0.5", ipv6_address="fd00::99", mac_address="02:00:00:00:00:09")
    status = take(NET, leases(), asked, "e1")
    assert (status.ipv4_address, status.ipv6_address) == ("10.1.0.5", "fd00::99")
    assert status.mac_address == "02:00:00:00:00:09"


def test_internal_networks_have_no_way_out() -> None:
    status = take(network("a", POOL4, POOL6, internal=True), leases(), EndpointSpec(), "e1")
    assert (status.gateway, status.ipv6_gateway) == ("", "")


def test_the_operators_router() -> None:
    pool = IpamPool(subnet="10.1.0.0/29", gateway="10.1.0.1", auxiliary_addresses={"DefaultGatewayIPv4": "10.1.0.6"})
    assert take(network("a", pool), (Lease(pool),), EndpointSpec(), "e").gateway == "10.1.0.6"


def test_a_failed_take_takes_nothing() -> None:
    held = leases()
    with pytest.raises(Invalid):
        take(NET, held, EndpointSpec(ipv6_address="fd01::1"), "e1")
    assert [lease.given for lease in held] == [0, 0]


TAKES_REFUSED = {
    "outside": (EndpointSpec(ipv4_address="10.2.0.1"), Invalid, "no configured subnet or ip-range contain"),
    "of the wrong family": (EndpointSpec(ipv4_address="fd00::5"), Invalid, "invalid IPv4 address: fd00::5"),
    "the gateway": (EndpointSpec(ipv4_address="10.1.0.1"), Forbidden, "Address already in use"),
}


@pytest.mark.parametrize(("asked", "kind", "text"), TAKES_REFUSED.values(), ids=TAKES_REFUSED)
def test_take_refuses(asked: EndpointSpec, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        take(NET, leases(), asked, "e1")


def test_the_second_block_serves_when_the_first_is_full() -> None:
    held = (
        Lease(IpamPool(subnet="10.1.0.0/30", gateway="10.1.0.1")),
        Lease(IpamPool(subnet="10.2.0.0/30", gateway="10.2.0.1")),
    )
    assert [take(NET, held, EndpointSpec(), "e").ipv4_address for _ in range(2)] == ["10.1.0.2", "10.2.0.2"]
    with pytest.raises(Forbidden, match="no available IPv4 addresses"):
        take(NET, held, EndpointSpec(), "e")


def test_give_back_and_recall() -> None:
    held = leases()
    status = take(NET, held, EndpointSpec(), "e1")
    give_back(held, status)
    give_back(held, status)
    recall(held, status)
    recall(held, status)
    assert [lease.given for lease in held] == [1, 1]
    assert take(NET, held, EndpointSpec(), "e2").ipv4_address == "10.1.0.3"


INTERFACES = {
    "in order": ({"a": EndpointSpec(), "b": EndpointSpec()}, {}, (), {"a": "eth0", "b": "eth1"}),
    "around what is there": ({"a": EndpointSpec()}, {}, ("eth0", "eth2"), {"a": "eth1"}),
    "as asked": (
        {"a": EndpointSpec(), "b": EndpointSpec(driver_opts={"com.docker.network.endpoint.ifname": "eth0"})},
        {},
        (),
        {"b": "eth0", "a": "eth1"},
    ),
    "with the network's prefix": (
        {"a": EndpointSpec(), "b": EndpointSpec()},
        {"a": "net"},
        (),
        {"a": "net0", "b": "eth0"},
    ),
}


@pytest.mark.parametrize(("asked", "prefixes", "used", "found"), INTERFACES.values(), ids=INTERFACES)
def test_interfaces(
    asked: dict[str, EndpointSpec], prefixes: dict[str, str], used: tuple[str, ...], found: dict[str, str]
) -> None:
    assert interface_names(asked, prefixes, used) == found


@pytest.mark.parametrize("name", ["eth0", "a-name-that-is-too-long", "a/b"])
def test_interfaces_refused(name: str) -> None:
    asked = {"a": EndpointSpec(driver_opts={"com.docker.network.endpoint.ifname": name})}
    with pytest.raises(Invalid):
        interface_names(asked, {}, ["eth0"])


def status(gateway: str = "", ipv6_gateway: str = "") -> EndpointStatus:
    return EndpointStatus(network_id="i", network="n", gateway=gateway, ipv6_gateway=ipv6_gateway)


GATEWAYS = {
    "the only one": ({"a": status("1.1.1.1")}, {}, {"a": ("1.1.1.1",)}),
    "the first by name": ({"b": status("2.2.2.2"), "a": status("1.1.1.1")}, {}, {"a": ("1.1.1.1",)}),
    "the highest priority": (
        {"b": status("2.2.2.2"), "a": status("1.1.1.1")},
        {"b": EndpointSpec(gw_priority=1)},
        {"b": ("2.2.2.2",)},
    ),
    "each family by itself": (
        {"a": status("1.1.1.1"), "b": status("2.2.2.2", "fd00::2")},
        {},
        {"a": ("1.1.1.1",), "b": ("fd00::2",)},
    ),
    "internal networks are no way": ({"a": status(), "b": status("2.2.2.2")}, {}, {"b": ("2.2.2.2",)}),
    "nowhere": ({"a": status()}, {}, {}),
}


@pytest.mark.parametrize(("statuses", "asked", "found"), GATEWAYS.values(), ids=GATEWAYS)
def test_gateways(
    statuses: dict[str, EndpointStatus], asked: dict[str, EndpointSpec], found: dict[str, tuple[str, ...]]
) -> None:
    assert gateway_networks(statuses, asked) == found


UNFITTING = {
    "an address on the default network": (
        KNOWN["bridge"],
        EndpointSpec(ipv4_address="1.1.1.1"),
        "user defined networks only",
    ),
    "an address where we chose the block": (
        network("x", POOL4, chosen=True),
        EndpointSpec(ipv4_address="10.1.0.3"),
        "user configured subnets",
    ),
    "an alias on the default network": (
        KNOWN["bridge"],
        EndpointSpec(aliases=("x",)),
        "network-scoped alias is supported only",
    ),
}


@pytest.mark.parametrize(("where", "asked", "text"), UNFITTING.values(), ids=UNFITTING)
def test_unfitting(where: Network, asked: EndpointSpec, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        require_fitting(where, asked)


REWIRED = {
    "one more": (spec("a"), {"b": EndpointSpec()}, None, ("a", ["b"])),
    "one less": (spec("a", {"b": EndpointSpec()}), {}, KNOWN["b"], ("a", [])),
    "by id": (spec("a", {"id-b": EndpointSpec()}), {}, KNOWN["b"], ("a", [])),
    "the mode's own": (spec("a", {"a": EndpointSpec(), "b": EndpointSpec()}), {}, KNOWN["a"], ("b", ["b"])),
    "the last": (spec("a"), {}, KNOWN["a"], ("none", [])),
    "the default": (spec("default"), {}, KNOWN["bridge"], ("none", [])),
    "the first after none": (spec("none"), {"a": EndpointSpec()}, None, ("a", ["a"])),
}


@pytest.mark.parametrize(("before", "add", "drop", "after"), REWIRED.values(), ids=REWIRED)
def test_rewired(
    before: ContainerSpec, add: dict[str, EndpointSpec], drop: Network | None, after: tuple[str, list[str]]
) -> None:
    found = rewired(before, add, drop)
    assert (found.host.network_mode, list(found.networks)) == after


def test_names_are_said_once() -> None:
    container = Container(id="0123456789abcdef", name="web", created=1, image_id="", group="", spec=spec())
    assert dns_names(container, EndpointSpec(aliases=("www", "web"))) == ("web", "www", "0123456789ab")
