"""Who reaches whom, through the real kernel: networks, isolation, published ports, IPv6."""

import asyncio
import socket
import subprocess

import pytest

from boxship.base.errors import Forbidden, Invalid, Unsupported
from boxship.engine.networks.ports import PortTaken
from boxship.model.network import IpamPool, NetworkSpec
from boxship.model.status import Container

from .conftest import Lab, published

pytestmark = pytest.mark.root


def _address(family: str) -> str:
    """An address of this host that is not loopback."""
    text = subprocess.run(
        ["ip", family, "-o", "addr", "show", "scope", "global"], capture_output=True, text=True, check=True
    )
    found = [line.split()[3].split("/")[0] for line in text.stdout.splitlines() if " bt" not in line]
    return found[0] if found else ""


HOST4, HOST6 = _address("-4"), _address("-6")


def ipv4(container: Container, network: str = "bridge") -> str:
    return container.status.networks[network].ipv4_address


async def test_the_default_network(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp", "28080:80/udp", "127.0.0.1:28081:80/tcp"))
    peer = await lab.start("peer")
    await lab.serve(web, 80)
    await lab.serve(web, 81)
    assert web.status.ports == {
        "80/tcp": (("0.0.0.0", 28080), ("127.0.0.1", 28081)),
        "80/udp": (("0.0.0.0", 28080),),
    }
    for protocol in ("tcp", "udp"):
        assert await lab.ask(None, protocol, HOST4, 28080) == f"{protocol} {HOST4}"
        assert await lab.ask(None, protocol, "127.0.0.1", 28080) == f"{protocol} 10.211.0.1"
        assert await lab.ask(peer, protocol, HOST4, 28080) == f"{protocol} 10.211.0.1"
        assert await lab.ask(web, protocol, HOST4, 28080) == f"{protocol} 10.211.0.1"
        assert await lab.ask(peer, protocol, ipv4(web), 81) == f"{protocol} {ipv4(peer)}"
        assert await lab.ask(None, protocol, ipv4(web), 81) == f"{protocol} 10.211.0.1"
    assert await lab.ask(None, "tcp", "127.0.0.1", 28081) == "tcp 10.211.0.1"
    assert await lab.blocked(None, "tcp", HOST4, 28081)
    assert await lab.blocked(peer, "tcp", "10.211.0.1", 28081)
    await lab.stop(web)
    assert await lab.blocked(None, "tcp", "127.0.0.1", 28080)


async def test_networks_are_apart_but_published_ports_are_not(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="one"))
    await lab.networks.create(NetworkSpec(name="two"))
    web = await lab.start("web", network_mode="one", port_bindings=published("28080:80/tcp"))
    other = await lab.start("other", network_mode="two")
    third = await lab.start("third")
    await lab.serve(web, 80)
    for asking in (other, third):
        assert await lab.blocked(asking, "tcp", ipv4(web, "one"), 80)
        assert (await lab.ask(asking, "tcp", HOST4, 28080)).startswith("tcp ")


async def test_internal_networks_are_closed(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="closed", internal=True))
    await lab.networks.create(NetworkSpec(name="open"))
    one = await lab.start("one", network_mode="closed", port_bindings=published("28080:80/tcp"))
    two = await lab.start("two", network_mode="closed")
    outside = await lab.start("outside", network_mode="open")
    await lab.serve(one, 80)
    assert one.status.ports == {}
    assert await lab.ask(two, "tcp", ipv4(one, "closed"), 80) == f"tcp {ipv4(two, 'closed')}"
    assert await lab.blocked(outside, "tcp", ipv4(one, "closed"), 80)
    assert "default" not in await lab.run(one, "ip", "route")


async def test_containers_may_be_kept_from_each_other(lab: Lab) -> None:
    options = {"com.docker.network.bridge.enable_icc": "false"}
    await lab.networks.create(NetworkSpec(name="apart", options=options))
    web = await lab.start("web", network_mode="apart", port_bindings=published("28080:80/tcp"))
    peer = await lab.start("peer", network_mode="apart")
    await lab.serve(web, 80)
    assert await lab.blocked(peer, "tcp", ipv4(web, "apart"), 80)
    assert (await lab.ask(None, "tcp", HOST4, 28080)).startswith("tcp ")
    assert (await lab.ask(peer, "tcp", HOST4, 28080)).startswith("tcp ")


async def test_ipv6(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="six", enable_ipv6=True))
    web = await lab.start("web", network_mode="six", port_bindings=published("28080:80/tcp"))
    peer = await lab.start("peer", network_mode="six")
    await lab.serve(web, 80, "6")
    place = web.status.networks["six"]
    host = HOST6 or place.ipv6_gateway  # where IPv6 leads nowhere, the host has that of the network's bridge
    assert web.status.ports["80/tcp"] == (("0.0.0.0", 28080), ("::", 28080))
    assert await lab.ask(None, "tcp", host, 28080) == f"tcp {host}"
    assert await lab.ask(None, "tcp", HOST4, 28080) == f"tcp {HOST4}"
    assert await lab.ask(None, "tcp", "::1", 28080) == f"tcp {place.ipv6_gateway}"
    assert await lab.ask(None, "tcp", "::1", 28081) == "no: Connection refused"
    assert await lab.ask(web, "tcp", host, 28080) == f"tcp {place.ipv6_gateway}"
    found = await lab.ask(peer, "udp", place.ipv6_address, 80)
    assert found == f"udp {peer.status.networks['six'].ipv6_address}"


async def test_ranges_are_one_element(lab: Lab) -> None:
    ports = published(*(f"{n}:{n}/udp" for n in range(28000, 28100)))
    web = await lab.start("web", port_bindings=ports)
    await lab.serve(web, 28077)
    assert await lab.ask(None, "udp", HOST4, 28077) == f"udp {HOST4}"
    listed = await lab.run(None, "nft", "list", "map", "inet", lab.settings.table, "any4_ranges")
    assert f"udp . 28000-28099 : {ipv4(web)}" in listed


async def test_routed_networks_are_reached_as_they_are(lab: Lab) -> None:
    options = {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}
    await lab.networks.create(NetworkSpec(name="routed", options=options))
    web = await lab.start("web", network_mode="routed", port_bindings=published("28080:80/tcp"))
    other = await lab.start("other")
    await lab.serve(web, 80)
    await lab.serve(web, 81)
    assert web.status.ports == {}
    assert (await lab.ask(other, "tcp", ipv4(web, "routed"), 80)).startswith("tcp ")
    assert await lab.blocked(other, "tcp", ipv4(web, "routed"), 81)


async def test_a_steady_udp_sender_follows_a_port_to_its_new_container(lab: Lab) -> None:
    old = await lab.start("old", port_bindings=published("28053:53/udp"))
    await lab.serve(old, 53)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(20)
        sender.connect((HOST4, 28053))
        sender.send(b"?")
        assert await asyncio.to_thread(sender.recv, 99)
        await lab.stop(old)
        await lab.start("squatter")  # takes the address of the old one
        new = await lab.start("new", port_bindings=published("28053:53/udp"))
        await lab.serve(new, 53)
        sender.send(b"?")
        assert await asyncio.to_thread(sender.recv, 99)


async def test_macvlan(lab: Lab) -> None:
    """Both containers sit on one link of the host; here the default bridge, which is a link like others."""
    spec = NetworkSpec(
        name="lan",
        driver="macvlan",
        options={"parent": lab.settings.bridge},
        ipam=(IpamPool(subnet="10.213.0.0/24", gateway="10.213.0.1"),),
    )
    await lab.networks.create(spec)
    await lab.start("carrier")  # a bridge without ports is as good as unplugged
    web = await lab.start("web", network_mode="lan")
    peer = await lab.start("peer", network_mode="lan")
    await lab.serve(web, 80)
    assert await lab.ask(peer, "tcp", ipv4(web, "lan"), 80) == f"tcp {ipv4(peer, 'lan')}"
    assert await lab.look_up(peer, "web") == [ipv4(web, "lan")]
    await lab.restart()
    assert await lab.look_up(peer, "web") == [ipv4(web, "lan")]
    with pytest.raises(Invalid, match="needs the option parent"):
        await lab.networks.create(NetworkSpec(name="x", driver="macvlan"))
    with pytest.raises(Invalid, match="parent interface btnosuch was not found"):
        await lab.networks.create(NetworkSpec(name="x", driver="macvlan", options={"parent": "btnosuch"}))


async def test_ipvlan_or_the_reason_why_not(lab: Lab) -> None:
    spec = NetworkSpec(
        name="lan",
        driver="ipvlan",
        options={"parent": lab.settings.bridge},
        ipam=(IpamPool(subnet="10.213.0.0/24", gateway="10.213.0.1"),),
    )
    if not await lab.networks._host.links.supports("ipvlan"):
        with pytest.raises(Unsupported, match="this kernel has no ipvlan links: it was built without CONFIG_IPVLAN"):
            await lab.networks.create(spec)
        assert [n.spec.name for n in lab.networks.all()] == ["host", "none", "bridge"]
        return
    await lab.networks.create(spec)
    web, peer = [await lab.start(name, network_mode="lan") for name in ("web", "peer")]
    await lab.serve(web, 80)
    assert await lab.ask(peer, "tcp", ipv4(web, "lan"), 80) == f"tcp {ipv4(peer, 'lan')}"


async def test_the_kernel_knows_macvlan_and_no_nonsense(lab: Lab) -> None:
    assert await lab.networks._host.links.supports("macvlan")
    assert not await lab.networks._host.links.supports("nosuch")


async def test_the_hosts_own_filter_is_respected(lab: Lab) -> None:
    """As ufw and others do it: what they drop on its way through the host stays dropped, published or not."""
    await lab.networks.create(NetworkSpec(name="net"))
    web = await lab.start("web", port_bindings=published("28080:80/tcp", "28081:81/tcp"))
    peer = await lab.start("peer", network_mode="net")
    for port in (80, 81):
        await lab.serve(web, port)
    table = f"bt{lab.tag}_host"
    hook = "{ type filter hook forward priority 0; policy accept; }"
    await lab.run(None, "nft", f"add table inet {table}; add chain inet {table} forward {hook}")
    try:
        await lab.run(None, "nft", f"add rule inet {table} forward ip daddr {ipv4(web)} tcp dport 80 drop")
        assert await lab.blocked(peer, "tcp", "10.211.0.1", 28080)
        assert (await lab.ask(peer, "tcp", "10.211.0.1", 28081)).startswith("tcp ")
    finally:
        await lab.run(None, "nft", "delete", "table", "inet", table)


async def test_sctp_ports_are_published(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/sctp", "28080:80/tcp"))
    assert web.status.ports == {"80/sctp": (("0.0.0.0", 28080),), "80/tcp": (("0.0.0.0", 28080),)}
    listed = await lab.run(None, "nft", "list", "map", "inet", lab.settings.table, "any4")
    assert f"sctp . 28080 : {ipv4(web)} . 80" in listed
    with pytest.raises(PortTaken, match="28080 failed: port is already allocated"):
        await lab.start("other", port_bindings=published("28080:80/sctp"))


async def test_networks_from_a_template(lab: Lab) -> None:
    template = NetworkSpec(name="base", config_only=True, ipam=(IpamPool(subnet="10.213.0.0/24"),), internal=True)
    await lab.networks.create(template)
    made, _ = await lab.networks.create(NetworkSpec(name="net", config_from="base"))
    assert (made.spec.internal, made.pools[0].subnet) == (True, "10.213.0.0/24")
    with pytest.raises(Forbidden, match="no container can be in it"):
        await lab.start("web", network_mode="base")
    with pytest.raises(Forbidden, match="is not a configuration-only network"):
        await lab.networks.create(NetworkSpec(name="x", config_from="net"))
    lab.records.by_id.clear()
