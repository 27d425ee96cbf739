"""The name server and the servers behind it, over real sockets on loopback."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from boxship.engine.networks import dns
from boxship.engine.networks.dns import Record, View, Zone
from boxship.engine.networks.names import NameServer
from boxship.engine.networks.upstream import Servers, Upstream, fits, read_message

ADDRESS = socket.inet_aton("192.0.2.1")


def opened(kind: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


class Sockets:
    """Every namespace is this one; outgoing sockets are counted."""

    def __init__(self) -> None:
        self.ports: tuple[int, int] = (0, 0)
        self.inside: list[str] = []

    async def open(self, path: str) -> tuple[socket.socket, socket.socket]:
        pair = opened(socket.SOCK_DGRAM), opened(socket.SOCK_STREAM)
        self.ports = (pair[0].getsockname()[1], pair[1].getsockname()[1])
        return pair

    async def outgoing(self, path: str, server: str, kind: int) -> socket.socket:
        self.inside.append(path)
        made = socket.socket(socket.AF_INET, kind)
        made.setblocking(False)
        return made

    async def aclose(self) -> None: ...


class Remote(asyncio.DatagramProtocol):
    """Another name server. mode: answer, fail, silent, cut (truncated), other (an answer to something else)."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.asked = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        question = dns.parse(data)
        if self.mode == "other":
            self.transport.sendto(dns.respond(question._replace(id=question.id ^ 1), [ADDRESS]), addr)
        if self.mode == "fail":
            self.transport.sendto(dns.respond(question, code=dns.SERVER_FAILURE), addr)
        if self.mode == "cut":
            self.transport.sendto(dns.respond(question._replace(size=0), [ADDRESS]), addr)
        if self.mode in ("answer", "other"):
            self.transport.sendto(dns.respond(question, [ADDRESS]), addr)


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Remote, ("127.0.0.1", 0))
    yield protocol
    transport.close()


def upstream(remote: Remote, sockets: Sockets, patience: float = 0.1, stale_after: float = 9) -> Upstream:
    port = remote.transport.get_extra_info("sockname")[1]
    return Upstream(sockets, port=port, patience=patience, stale_after=stale_after)


HERE = Servers(("127.0.0.1",))


async def ask(asking: Upstream, servers: Servers = HERE, name: str = "x.example") -> bytes:
    packet = dns.query(name, dns.A, 4242)
    return await asking.ask(packet, dns.parse(packet), servers)


def code(answer: bytes) -> int:
    return answer[3] & 0x0F


async def test_a_remote_answer_comes_back_under_the_askers_number(remote: Remote) -> None:
    answer = await ask(upstream(remote, Sockets()))
    assert answer[:2] == struct.pack("!H", 4242)
    assert answer.endswith(ADDRESS)


async def test_the_last_known_answer_serves_while_nobody_answers(remote: Remote) -> None:
    asking = upstream(remote, Sockets())
    first = await ask(asking)
    remote.mode = "silent"
    assert await ask(asking) == first
    assert code(await ask(asking, name="new.example")) == dns.SERVER_FAILURE


async def test_the_last_known_answer_comes_before_the_asker_gives_up(remote: Remote) -> None:
    asking = upstream(remote, Sockets(), patience=3600, stale_after=0.05)
    first = await ask(asking)
    remote.mode = "silent"
    assert await ask(asking) == first


async def test_the_last_known_answer_serves_while_servers_fail(remote: Remote) -> None:
    asking = upstream(remote, Sockets())
    first = await ask(asking)
    remote.mode = "fail"
    assert [await ask(asking) for _ in range(2)] == [first, first]


async def test_a_failing_server_is_asked_again_and_believed_at_last(remote: Remote) -> None:
    remote.mode = "fail"
    assert code(await ask(upstream(remote, Sockets()))) == dns.SERVER_FAILURE
    assert remote.asked == 2


async def test_answers_to_other_questions_are_ignored(remote: Remote) -> None:
    remote.mode = "other"
    assert (await ask(upstream(remote, Sockets()))).endswith(ADDRESS)


async def test_a_truncated_answer_passes_but_is_not_remembered(remote: Remote) -> None:
    asking = upstream(remote, Sockets())
    remote.mode = "cut"
    assert dns.truncated(await ask(asking))
    remote.mode = "silent"
    assert code(await ask(asking)) == dns.SERVER_FAILURE


async def test_nobody_to_ask(remote: Remote) -> None:
    assert code(await ask(upstream(remote, Sockets()), Servers())) == dns.SERVER_FAILURE
    assert remote.asked == 0


async def test_servers_of_a_container_are_asked_from_inside(remote: Remote) -> None:
    sockets = Sockets()
    await ask(upstream(remote, sockets), Servers(("127.0.0.1",), "/run/ns"))
    assert sockets.inside == ["/run/ns"]


def test_fits() -> None:
    question = dns.parse(dns.query("X.example", dns.A, 7))
    answer = dns.respond(question, [ADDRESS])
    assert fits(answer, 7, question)
    assert not fits(answer, 8, question)
    assert not fits(answer[:8], 7, question)
    assert not fits(dns.query("x.example", dns.A, 7), 7, question)
    assert not fits(dns.respond(dns.parse(dns.query("y.example", dns.A, 7))), 7, question)


@pytest.fixture
async def served(remote: Remote) -> AsyncIterator[tuple[NameServer, Sockets]]:
    sockets = Sockets()
    server = NameServer(sockets, upstream(remote, sockets))
    zone = Zone("net")
    zone.add("c1", Record(("web",), "10.0.0.2"))
    await server.serve("c1", "/run/ns", View((zone,)), Servers(("127.0.0.1",)))
    yield server, sockets
    await server.aclose()


async def exchange(port: int, packet: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        await loop.sock_connect(asking, ("127.0.0.1", port))
        await loop.sock_sendall(asking, packet)
        async with asyncio.timeout(3):
            return await loop.sock_recv(asking, 600)


async def test_local_and_other_names(served: tuple[NameServer, Sockets], remote: Remote) -> None:
    server, sockets = served
    port = sockets.ports[0]
    assert (await exchange(port, dns.query("web", dns.A))).endswith(socket.inet_aton("10.0.0.2"))
    assert (await exchange(port, dns.query("far.example", dns.A))).endswith(ADDRESS)
    rings = server.meter.rings
    assert (remote.asked, rings["local"].count, rings["forwarded"].count) == (1, 1, 1)


async def test_nonsense_is_refused(served: tuple[NameServer, Sockets]) -> None:
    assert code(await exchange(served[1].ports[0], bytes(12))) == dns.FORMAT_ERROR


async def test_several_questions_over_one_tcp_connection(served: tuple[NameServer, Sockets]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as asking:
        asking.setblocking(False)
        await loop.sock_connect(asking, ("127.0.0.1", served[1].ports[1]))
        for _ in range(2):
            packet = dns.query("web", dns.A)
            await loop.sock_sendall(asking, struct.pack("!H", len(packet)) + packet)
            assert (await read_message(asking) or b"").endswith(socket.inet_aton("10.0.0.2"))


async def test_a_changed_view_counts_at_once(served: tuple[NameServer, Sockets], remote: Remote) -> None:
    server, sockets = served
    server.see("c1", View(), Servers())
    assert code(await exchange(sockets.ports[0], dns.query("web", dns.A))) == dns.SERVER_FAILURE
    server.stop("c1")
    server.stop("c1")
    assert server.serving() == frozenset()
