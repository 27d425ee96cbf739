"""Attachments over time on the real kernel: hot-plug, crashes, injuries, failures; nothing is left behind."""

import asyncio
import os
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from boxship.base.errors import Conflict, Forbidden, Invalid, PlatformError
from boxship.engine.networks.ports import PortTaken
from boxship.model.network import EndpointSpec, EndpointStatus, IpamPool, NetworkSpec
from boxship.model.status import Container

from .conftest import Lab, gone, published

pytestmark = pytest.mark.root


async def links_inside(lab: Lab, container: Container) -> list[str]:
    output = await lab.run(container, "ip", "-o", "link")
    return [line.split(": ")[1].split("@")[0] for line in output.splitlines()]


async def host_links(lab: Lab, container: Container) -> list[str]:
    """The host's ends of the container's links; the links of others come and go meanwhile."""
    inside = await lab.run(container, "ip", "-o", "link")
    peers = re.findall(r"@if(\d+):", inside)
    return [
        name
        for name in os.listdir("/sys/class/net")
        if name.startswith(lab.settings.link_prefix)
        and Path(f"/sys/class/net/{name}/ifindex").read_text().strip() in peers
    ]


async def routes(lab: Lab, container: Container) -> str:
    return await lab.run(container, "ip", "route", "show", "default")


async def test_a_namespace_per_container(lab: Lab) -> None:
    web = await lab.start("web")
    none = await lab.start("none", network_mode="none")
    host = await lab.start("host", network_mode="host")
    assert await links_inside(lab, web) == ["lo", "eth0"]
    assert await links_inside(lab, none) == ["lo"]
    assert "UP" in await lab.run(none, "ip", "link", "show", "lo")
    assert list(none.status.networks) == ["none"]
    assert list(host.status.networks) == ["host"]
    assert (await lab.networks.attach(host)).netns_path == ""
    assert lab.networks.join(host, web).netns_path == str(lab.root / "netns" / web.id)
    assert web.status.networks["bridge"].mac_address == "02:42:0a:d3:00:02"


async def test_attaching_and_detaching_twice_is_doing_it_once(lab: Lab) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    again = await lab.networks.attach(web)
    assert again.networks == web.status.networks
    await lab.networks.detach(web)
    await lab.networks.detach(web)
    assert not (lab.root / "netns" / web.id).exists()


async def test_links_end_before_the_namespace_does(lab: Lab) -> None:
    """Something may hold a namespace for minutes, as half-closed connections do; here it is a server."""
    web = await lab.start("web")
    await lab.serve(web, 80)
    (link,) = await host_links(lab, web)
    await lab.stop(web)
    assert await gone(link)
    assert lab.servers[0].poll() is None


async def test_several_networks_in_one_start(lab: Lab) -> None:
    for name in ("one", "two"):
        await lab.networks.create(NetworkSpec(name=name))
    asked = {"two": EndpointSpec(gw_priority=1), "one": EndpointSpec()}
    web = await lab.start("web", network_mode="one", networks=asked)
    assert {n: s.interface for n, s in web.status.networks.items()} == {"one": "eth0", "two": "eth1"}
    assert web.status.networks["two"].gateway in await routes(lab, web)


async def test_hot_plug(lab: Lab) -> None:
    told: list[str] = []
    lab.networks.on_files = told.append
    for name in ("one", "a-first"):
        await lab.networks.create(NetworkSpec(name=name))
    web = await lab.start("web", network_mode="one", port_bindings=published("28080:80/tcp"))
    await lab.serve(web, 80)
    before = await routes(lab, web)
    await lab.networks.connect("a-first", "web", EndpointSpec(aliases=("x",)))
    assert await links_inside(lab, web) == ["lo", "eth0", "eth1"]
    place = lab.now(web).status.networks["a-first"]
    assert place.gateway in await routes(lab, web)
    assert f"{place.ipv4_address}\t{web.id[:12]}\n" in lab.networks.files(web).hosts
    assert (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp ")
    with pytest.raises(Forbidden, match="endpoint with name web already exists in network a-first"):
        await lab.networks.connect("a-first", "web", EndpointSpec())
    await lab.networks.disconnect("a-first", web.id)
    assert await links_inside(lab, web) == ["lo", "eth0"]
    assert await routes(lab, web) == before
    assert (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp ")
    with pytest.raises(Forbidden, match="is not connected to network a-first"):
        await lab.networks.disconnect("a-first", web.id)
    assert told == [web.id, web.id]


async def test_leaving_the_only_network_and_coming_back(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="net"))
    web = await lab.start("web")
    await lab.networks.disconnect("bridge", "web")
    assert await links_inside(lab, web) == ["lo"]
    assert lab.now(web).status.networks == {}
    await lab.networks.connect("net", "web", EndpointSpec())
    assert list(lab.now(web).status.networks) == ["net"]
    assert await links_inside(lab, web) == ["lo", "eth0"]


async def test_fixed_addresses(lab: Lab) -> None:
    spec = NetworkSpec(name="net", ipam=(IpamPool(subnet="10.213.0.0/24"),))
    await lab.networks.create(spec)
    asked = {"net": EndpointSpec(ipv4_address="10.213.0.99", mac_address="02:00:00:00:00:99")}
    web = await lab.start("web", network_mode="net", networks=asked)
    assert "10.213.0.99/24" in await lab.run(web, "ip", "addr")
    assert "02:00:00:00:00:99" in await lab.run(web, "ip", "link")
    with pytest.raises(Forbidden, match="Address already in use"):
        await lab.start("twin", network_mode="net", networks=asked)
    await lab.networks.create(NetworkSpec(name="ours"))
    with pytest.raises(Invalid, match="user configured subnets"):
        await lab.start("third", network_mode="ours", networks={"ours": EndpointSpec(ipv4_address="10.212.0.9")})


async def test_a_failed_start_leaves_nothing(lab: Lab) -> None:
    await lab.start("web", port_bindings=published("28080:80/tcp"))
    with pytest.raises(PortTaken, match=r"endpoint late \([0-9a-f]{64}\): Bind for 0.0.0.0:28080 failed"):
        await lab.start("late", port_bindings=published("28081:80/tcp", "28080:80/tcp"))
    assert len(os.listdir(lab.root / "netns")) == 1
    assert await lab.networks.faults() == []
    lab.records.by_id = {i: c for i, c in lab.records.by_id.items() if c.name != "late"}
    assert (await lab.start("next", port_bindings=published("28081:80/tcp"))).status.ports


async def test_a_port_of_the_host_is_left_alone(lab: Lab) -> None:
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 28090)
    with pytest.raises(PortTaken, match=r"failed to bind host port 0\.0\.0\.0:28090/tcp: address already in use"):
        await lab.start("web", port_bindings=published("28090:80/tcp"))
    server.close()


async def test_networks_in_use_stay(lab: Lab) -> None:
    network, _ = await lab.networks.create(NetworkSpec(name="net"))
    web = await lab.start("web", network_mode="net")
    with pytest.raises(Forbidden, match="network net has active endpoints"):
        await lab.networks.remove("net")
    assert await lab.networks.prune(lambda n: True) == []
    await lab.stop(web)
    assert await lab.networks.prune(lambda n: True) == ["net"]
    assert network.link not in os.listdir("/sys/class/net")


async def test_networks_refused(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="net", ipam=(IpamPool(subnet="10.213.0.0/24"),)))
    cases = {
        "net": (Conflict, "network with name net already exists"),
        "host": (Forbidden, "operation is not permitted on predefined host network"),
    }
    for name, (kind, text) in cases.items():
        with pytest.raises(kind, match=text):
            await lab.networks.create(NetworkSpec(name=name))
    with pytest.raises(Forbidden, match="Pool overlaps with other one"):
        await lab.networks.create(NetworkSpec(name="x", ipam=(IpamPool(subnet="10.213.0.0/16"),)))
    for options in ({"com.docker.network.bridge.nosuch": "1"}, {"com.docker.network.driver.mtu": "a"}):
        with pytest.raises(Invalid, match=r"com\.docker\.network"):
            await lab.networks.create(NetworkSpec(name="x", options=options))
    with pytest.raises(PlatformError, match="could not find plugin nosuch"):
        await lab.networks.create(NetworkSpec(name="x", driver="nosuch"))
    with pytest.raises(Forbidden, match="is a pre-defined network and cannot be removed"):
        await lab.networks.remove("bridge")
    assert [n.spec.name for n in lab.networks.all()] == ["host", "none", "bridge", "net"]


async def test_subnets_that_hide_routes_of_the_host_are_told_of(lab: Lab) -> None:
    await lab.run(None, "ip", "route", "add", "10.249.7.0/24", "via", "10.211.0.9", "dev", lab.settings.bridge)
    _, warning = await lab.networks.create(NetworkSpec(name="over", ipam=(IpamPool(subnet="10.249.0.0/16"),)))
    assert warning == "network over hides what the host has a route to: 10.249.7.0/24"
    _, warning = await lab.networks.create(NetworkSpec(name="beside", ipam=(IpamPool(subnet="10.248.0.0/16"),)))
    assert warning == ""


async def test_mtu_and_names_of_links(lab: Lab) -> None:
    link = f"bt{lab.tag}x"
    options = {"com.docker.network.driver.mtu": "1300", "com.docker.network.bridge.name": link}
    await lab.networks.create(NetworkSpec(name="net", options=options))
    asked = {"net": EndpointSpec(driver_opts={"com.docker.network.endpoint.ifname": "wire"})}
    web = await lab.start("web", network_mode="net", networks=asked)
    assert "mtu 1300" in await lab.run(web, "ip", "link", "show", "wire")
    assert "mtu 1300" in await lab.run(None, "ip", "link", "show", link)
    with pytest.raises(Forbidden, match="networks have same bridge name"):
        await lab.networks.create(NetworkSpec(name="twin", options=options))


async def test_a_new_daemon_takes_over(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="net"))
    web = await lab.start("web", network_mode="net", port_bindings=published("28080:80/tcp"))
    peer = await lab.start("peer", network_mode="net")
    await lab.serve(web, 80)
    gone = await lab.start("gone")
    lab.end(gone)
    del lab.records.by_id[gone.id]
    await lab.restart()
    assert (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp ")
    assert await lab.look_up(peer, "web") == [web.status.networks["net"].ipv4_address]
    assert not (lab.root / "netns" / gone.id).exists()
    assert await lab.networks.faults() == []
    third = await lab.start("third", network_mode="net")
    assert third.status.networks["net"].ipv4_address not in {c.status.networks["net"].ipv4_address for c in (web, peer)}
    with pytest.raises(PortTaken):
        await lab.start("clash", port_bindings=published("28080:80/tcp"))
    lab.records.by_id = {i: c for i, c in lab.records.by_id.items() if c.name != "clash"}


@pytest.mark.parametrize("mode", ["net", "bridge", "none", "host"])
async def test_places_that_no_record_tells_are_read_from_the_kernel(lab: Lab, mode: str) -> None:
    """A daemon killed in the middle of a start has wired the container, and not yet written that down."""
    await lab.networks.create(NetworkSpec(name="net", enable_ipv6=True))
    web = await lab.start("web", network_mode=mode, port_bindings=published("28080:80/tcp"))
    bare = {name: EndpointStatus(network_id=s.network_id, network=name) for name, s in web.status.networks.items()}
    status = msgspec.structs.replace(web.status, networks=bare, ports={})
    await lab.records.save(msgspec.structs.replace(web, status=status))
    await lab.restart()
    found = lab.now(web).status
    for name, place in web.status.networks.items():
        assert msgspec.structs.replace(found.networks[name], endpoint_id=place.endpoint_id) == place
    assert found.ports == web.status.ports
    assert await lab.networks.faults() == []
    if found.ports:
        await lab.serve(web, 80)
        assert (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp ")


async def test_a_place_that_was_never_wired_is_made(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="net"))
    web = await lab.start("web")
    networks = {"net": EndpointSpec()}
    await lab.records.save(msgspec.structs.replace(web, spec=msgspec.structs.replace(web.spec, networks=networks)))
    await lab.restart()
    assert await links_inside(lab, web) == ["lo", "eth0", "eth1"]
    assert lab.now(web).status.networks["net"].ipv4_address


INJURIES = {
    "the table is deleted": "nft delete table inet {table}",
    "the table is emptied": "nft flush table inet {table}",
    "an element is taken": "nft flush map inet {table} any4",
    "a chain's rules are gone": "nft flush chain inet {table} prerouting",
}


@pytest.mark.parametrize("command", INJURIES.values(), ids=INJURIES)
async def test_the_firewall_heals_by_itself(lab: Lab, command: str) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.serve(web, 80)
    await lab.run(None, *command.format(table=lab.settings.table).split())
    for _ in range(40):
        await asyncio.sleep(0.05)
        if (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp "):
            return
    pytest.fail("the published port did not come back within 2 s")


async def test_the_users_chain_is_left_alone(lab: Lab) -> None:
    table = lab.settings.table
    await lab.run(None, "nft", "add", "rule", "inet", table, "user", "tcp", "dport", "80", "drop")
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.serve(web, 80)
    await lab.restart()
    assert "tcp dport 80 drop" in await lab.run(None, "nft", "list", "chain", "inet", table, "user")
    assert (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp ")  # the host's own is not forwarded


DAMAGE = {
    "the host's end is deleted": ("host", "ip link delete {link}"),
    "the host's end left its bridge": ("host", "ip link set {link} nomaster"),
    "the address is gone": ("inside", "ip addr flush dev eth0"),
    "the bridge is deleted": ("host", "ip link delete {bridge}"),
    "the pin is gone": ("host", "umount -l {pin}"),
}


@pytest.mark.parametrize(("where", "command"), DAMAGE.values(), ids=DAMAGE)
async def test_damage_is_mended_at_the_start_of_a_daemon(lab: Lab, where: str, command: str) -> None:
    web = await lab.start("web", port_bindings=published("28080:80/tcp"))
    await lab.serve(web, 80)
    link = web.status.networks["bridge"].host_link
    pin = lab.root / "netns" / web.id
    argv = command.format(link=link, bridge=lab.settings.bridge, pin=pin).split()
    await lab.run(web if where == "inside" else None, *argv)
    await lab.restart()
    assert (await lab.ask(None, "tcp", "127.0.0.1", 28080)).startswith("tcp ")
    assert await lab.networks.faults() == []


async def test_the_auditor_sees_and_repairs(lab: Lab) -> None:
    await lab.start("web")
    stray, theirs = f"{lab.settings.link_prefix}00", f"bt{lab.tag}t"
    for name in (stray, theirs):
        await lab.run(None, "ip", "link", "add", name, "type", "veth", "peer", f"{name}2")
        await lab.run(None, "ip", "link", "set", name, "master", lab.settings.bridge)
    assert await lab.networks.faults() == [f"link {stray} is in a bridge of ours but belongs to no container"]
    await lab.networks.faults(repair=True)
    assert await lab.networks.faults() == []
    assert "master" in await lab.run(None, "ip", "link", "show", theirs)
    await lab.run(None, "ip", "link", "del", theirs)


async def test_many_at_once(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="net"))
    started = await asyncio.gather(*(lab.start(f"c{n}", network_mode="net") for n in range(20)))
    addresses = {c.status.networks["net"].ipv4_address for c in started}
    assert len(addresses) == 20
    assert await lab.networks.faults() == []


async def test_a_killed_daemon_leaves_no_spare_namespaces(lab: Lab) -> None:
    """Members of the pool hang on descriptors alone: closing these, as the kernel does at death, ends them."""
    prefix = lab.settings.link_prefix
    for _ in range(100):
        if any(name.startswith(prefix) for name in os.listdir("/sys/class/net")):
            break
        await asyncio.sleep(0.02)
    assert subprocess.run(["ls", lab.root / "netns"], capture_output=True, check=True).stdout == b""
