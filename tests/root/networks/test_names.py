"""Names on the real kernel: a resolver in each namespace, answered from outside it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from boxship.engine.networks import dns
from boxship.model.network import EndpointSpec, NetworkSpec
from boxship.model.status import Container

from .conftest import Lab

pytestmark = pytest.mark.root


@pytest.fixture
async def pair(lab: Lab) -> tuple[Container, Container]:
    await lab.networks.create(NetworkSpec(name="net", enable_ipv6=True))
    asked = {"net": EndpointSpec(aliases=("www",))}
    return await lab.start("web", network_mode="net", networks=asked), await lab.start("peer", network_mode="net")


async def test_names_of_a_user_network(lab: Lab, pair: tuple[Container, Container]) -> None:
    web, peer = pair
    place = web.status.networks["net"]
    for name in ("web", "WWW", web.id[:12], "web.net"):
        assert await lab.look_up(peer, name) == [place.ipv4_address, place.ipv6_address]
    assert await lab.look_up(web, "peer") == [
        peer.status.networks["net"].ipv4_address,
        peer.status.networks["net"].ipv6_address,
    ]
    assert await lab.look_up(peer, place.ipv4_address) == ["web.net"]
    assert await lab.look_up(peer, place.ipv6_address) == ["web.net"]
    assert lab.networks.files(peer).resolv_conf.startswith("nameserver 127.0.0.11\n")


async def test_names_end_with_their_network(lab: Lab, pair: tuple[Container, Container]) -> None:
    web, peer = pair
    await lab.networks.create(NetworkSpec(name="other"))
    stranger = await lab.start("stranger", network_mode="other")
    plain = await lab.start("plain")
    assert await lab.look_up(stranger, "web") == []
    assert await lab.look_up(plain, "web") == []
    await lab.networks.connect("net", "stranger", EndpointSpec(aliases=("guest",)))
    assert web.status.networks["net"].ipv4_address in await lab.look_up(stranger, "web")
    assert await lab.look_up(peer, "guest") != []
    await lab.networks.disconnect("net", "stranger")
    assert await lab.look_up(peer, "guest") == []
    await lab.stop(web)
    assert await lab.look_up(peer, "web") == []


async def test_a_renamed_container_answers_to_its_new_name(lab: Lab, pair: tuple[Container, Container]) -> None:
    web, peer = pair
    renamed = await lab.rename(web, "shop")
    assert await lab.look_up(peer, "web") == []
    assert renamed.status.networks["net"].ipv4_address in await lab.look_up(peer, "shop")
    assert lab.now(web).status.networks["net"].dns_names[0] == "shop"


async def test_port_53_is_the_containers_own(lab: Lab, pair: tuple[Container, Container]) -> None:
    web, peer = pair
    await lab.serve(web, 53)
    place = web.status.networks["net"]
    assert (await lab.ask(peer, "udp", place.ipv4_address, 53)).startswith("udp ")
    assert (await lab.ask(web, "tcp", "127.0.0.1", 53)).startswith("tcp ")
    assert await lab.look_up(web, "peer") != []


async def test_answers_over_tcp(lab: Lab, pair: tuple[Container, Container]) -> None:
    web, peer = pair
    query = dns.query("web", dns.A, 5)
    script = "import socket,sys;s=socket.create_connection(('127.0.0.11',53),60);"
    script += f"m=bytes.fromhex('{query.hex()}');s.sendall(len(m).to_bytes(2,'big')+m);print(s.recv(600)[2:].hex())"
    answer = bytes.fromhex(await lab.run(peer, "/usr/bin/python3", "-ISc", script))
    assert socket.inet_aton(web.status.networks["net"].ipv4_address) == answer[-4:]


class Outside(asyncio.DatagramProtocol):
    """A name server that knows one name: outside.example is 192.0.2.77."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, int]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.parse(data)
        self.asked.add((question.name, question.type))  # who waits long asks again
        values = [socket.inet_aton("192.0.2.77")] if question.type == dns.A else []
        self.transport.sendto(dns.respond(question, values), addr)


@pytest.fixture
async def outside(lab: Lab) -> AsyncIterator[Outside]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Outside, local_addr=("10.211.0.1", 53))
    yield server
    transport.close()


async def test_other_names_are_asked_outside(lab: Lab, outside: Outside, pair: tuple[Container, Container]) -> None:
    asking = await lab.start("asking", network_mode="net", dns=("10.211.0.1",))
    assert await lab.look_up(asking, "outside.example") == ["192.0.2.77"]
    assert outside.asked == {("outside.example", dns.A), ("outside.example", dns.AAAA)}
    assert await lab.look_up(asking, "web") != []
    assert {name for name, _ in outside.asked} == {"outside.example"}


async def test_a_closed_network_asks_nobody(lab: Lab) -> None:
    await lab.networks.create(NetworkSpec(name="closed", internal=True))
    inside = await lab.start("inside", network_mode="closed")
    assert await lab.look_up(inside, "outside.example") == []
    assert await lab.look_up(inside, "inside") != []
