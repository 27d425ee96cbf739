"""The name server of user networks: listens inside each container's namespace, answers from the daemon."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from boxship.base.tasks import Tasks
from boxship.engine.networks import dns
from boxship.engine.networks.dns import View
from boxship.engine.networks.upstream import Servers, Upstream, read_message
from boxship.host.api.network import ResolverSockets

log = logging.getLogger(__name__)
AT_ONCE = 32  # questions answered before others get their turn
IDLE = 10.0  # seconds a silent TCP connection may stay open
LONGEST = 4096  # bytes of a question
ADDRESS, PORT = "127.0.0.11", 53  # where containers ask
PATIENCE = 0.5  # seconds for an answer when we try ourselves
NONSENSE = bytes(12)  # a query without a question
WAITING = 256  # questions of one container that may wait for outside servers at the same time


class Client:
    """One container that asks."""

    def __init__(
        self, group: str, view: View, servers: Servers, datagrams: socket.socket, listener: socket.socket
    ) -> None:
        self.group = group
        self.view = view
        self.servers = servers
        self.datagrams = datagrams
        self.listener = listener
        self.waiting = 0
        self.turn = 0


class Counts(NamedTuple):
    local: int
    forwarded: int


class NameServer:
    def __init__(self, sockets: ResolverSockets, upstream: Upstream) -> None:
        self._sockets = sockets
        self._upstream = upstream
        self._clients: dict[str, Client] = {}
        self._tasks = Tasks()
        self._local = 0
        self._forwarded = 0
        self.on_broken: Callable[[str], None] = lambda group: None

    async def serve(self, group: str, path: str, view: View, servers: Servers) -> None:
        """Answer in the namespace pinned at `path` from now on, with `view` first and `servers` for the rest."""
        self.stop(group)
        datagrams, listener = await self._sockets.open(path)
        client = self._clients[group] = Client(group, view, servers, datagrams, listener)
        loop = asyncio.get_running_loop()
        loop.add_reader(datagrams.fileno(), self._datagrams, client)
        loop.add_reader(listener.fileno(), self._accept, client)

    def see(self, group: str, view: View, servers: Servers) -> None:
        """Change what a container may ask, or whom it asks for the rest."""
        client = self._clients.get(group)
        if client is not None:
            client.view, client.servers = view, servers

    def serving(self) -> frozenset[str]:
        return frozenset(self._clients)

    def counts(self) -> Counts:
        return Counts(self._local, self._forwarded)

    def stop(self, group: str) -> None:
        """Answer there no more; safe to repeat."""
        client = self._clients.pop(group, None)
        if client is not None:
            loop = asyncio.get_running_loop()
            for opened in (client.datagrams, client.listener):
                loop.remove_reader(opened.fileno())
                opened.close()

    async def aclose(self) -> None:
        for group in list(self._clients):
            self.stop(group)
        await self._tasks.aclose()

    def _datagrams(self, client: Client) -> None:
        for _ in range(AT_ONCE):
            try:
                packet, sender = client.datagrams.recvfrom(LONGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as e:
                self._broken(client, e)
                return
            answer, question = self._local_answer(client, packet, udp=True)
            if answer is not None:
                _send(client.datagrams, answer, sender)
            elif question is not None and client.waiting < WAITING:
                self._tasks.spawn(self._forward(client, packet, question, sender), "forward a question")

    def _broken(self, client: Client, error: OSError) -> None:
        """Somebody destroyed a socket of ours. It would be readable for ever; whoever hears of it opens another."""
        log.warning("name server of container %s: %s", client.group[:12], error)
        loop = asyncio.get_running_loop()
        for opened in (client.datagrams, client.listener):
            loop.remove_reader(opened.fileno())
        self.on_broken(client.group)

    async def try_out(self, path: str) -> bool:
        """Ask as the container at `path` would, over UDP and TCP; return whether both are answered in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    asking = await self._sockets.outgoing(path, ADDRESS, kind)
                    with asking:
                        await _exchange(asking, kind)
                return True
        except (OSError, TimeoutError):
            return False

    def _local_answer(self, client: Client, packet: bytes, udp: bool) -> tuple[bytes | None, dns.Question | None]:
        """Return an answer, or the question if only others can answer it; neither for what is not worth one."""
        try:
            question = dns.parse(packet)
        except dns.Malformed:
            return dns.refuse(packet, dns.FORMAT_ERROR), None
        client.turn += 1
        answer = dns.answer(client.view, question, client.turn, udp)
        if answer is None:
            return None, question
        self._local += 1
        return answer, question

    async def _forward(self, client: Client, packet: bytes, question: dns.Question, sender: tuple[str, int]) -> None:
        _send(client.datagrams, await self._outside(client, packet, question), sender)

    async def _outside(self, client: Client, packet: bytes, question: dns.Question, tcp: bool = False) -> bytes:
        self._forwarded += 1
        client.waiting += 1
        try:
            return await self._upstream.ask(packet, question, client.servers, tcp)
        finally:
            client.waiting -= 1

    def _accept(self, client: Client) -> None:
        try:
            connection, _ = client.listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as e:
            self._broken(client, e)
            return
        connection.setblocking(False)
        self._tasks.spawn(self._talk(client, connection), "answer over TCP")

    async def _talk(self, client: Client, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection:
            while True:
                try:
                    async with asyncio.timeout(IDLE):
                        packet = await read_message(connection)
                        if not packet:
                            return
                        answer, question = self._local_answer(client, packet, udp=False)
                        if answer is None and question is not None:
                            answer = await self._outside(client, packet, question, tcp=True)
                        if answer is None:
                            return
                        await loop.sock_sendall(connection, struct.pack("!H", len(answer)) + answer)
                except (OSError, TimeoutError):
                    return


async def _exchange(asking: socket.socket, kind: int) -> None:
    """Send something that is refused at once. Raises ConnectionError when no answer comes."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(asking, (ADDRESS, PORT))
    if kind == socket.SOCK_DGRAM:
        await loop.sock_sendall(asking, NONSENSE)
        await loop.sock_recv(asking, LONGEST)
    else:
        await loop.sock_sendall(asking, struct.pack("!H", len(NONSENSE)) + NONSENSE)
        if not await read_message(asking):
            raise ConnectionError("the name server hung up")


def _send(datagrams: socket.socket, answer: bytes, to: tuple[str, int]) -> None:
    """A full or closed socket loses the answer, as networks do; the asker asks again."""
    try:
        datagrams.sendto(answer, to)
    except OSError:
        pass
