"""The name server of user networks: listens inside each container's namespace, answers from the daemon."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from time import perf_counter_ns

from boxship.base.tasks import Tasks
from boxship.engine.networks import dns
from boxship.engine.networks.dns import View
from boxship.engine.networks.meter import FORWARDED, LOCAL, Meter
from boxship.engine.networks.upstream import Servers, Upstream, read_message
from boxship.host.api.network import ResolverSockets

log = logging.getLogger(__name__)
AT_ONCE = 32  # questions answered before others get their turn
IDLE = 10.0  # seconds a silent TCP connection may stay open
LONGEST = 4096  # bytes of a question
ADDRESS, PORT = "127.0.0.11", 53  # where containers ask
PATIENCE = 0.5  # seconds for an answer when we try ourselves
NONSENSE = bytes(12)  # a query without a question
KNOWN = 512  # questions of one container whose answers are kept ready
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
        self.epoch = -1
        self.known: dict[bytes, tuple[bytes, ...]] = {}  # a question without its number -> answers that take turns

    def recall(self, packet: bytes, epoch: int) -> bytes | None:
        """Return the answer to a question that was asked before, if nothing has changed since."""
        if self.epoch != epoch:
            self.epoch = epoch
            self.known.clear()
        answers = self.known.get(packet[2:])
        if answers is None:
            return None
        self.turn += 1
        return packet[:2] + answers[self.turn % len(answers)][2:]

    def remember(self, packet: bytes, answers: tuple[bytes, ...]) -> None:
        if len(self.known) >= KNOWN:
            self.known.clear()
        self.known[packet[2:]] = answers


class NameServer:
    def __init__(self, sockets: ResolverSockets, upstream: Upstream) -> None:
        self._sockets = sockets
        self._upstream = upstream
        self._clients: dict[str, Client] = {}
        self._tasks = Tasks()
        self._epoch = 0
        self.meter = Meter()
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
            client.known.clear()

    def serving(self) -> frozenset[str]:
        return frozenset(self._clients)

    def renew(self) -> None:
        """What is answered from now on may differ from what was answered before."""
        self._epoch += 1

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
            began = perf_counter_ns()
            answer = client.recall(packet, self._epoch)
            if answer is None:
                answer = self._first_answer(client, packet, sender, began)
            if answer is not None:
                _send(client.datagrams, answer, sender)
                self.meter.answered(client.group, packet, LOCAL, began)

    def _first_answer(self, client: Client, packet: bytes, sender: tuple[str, int], began: int) -> bytes | None:
        """Answer what was not asked before; None when others are asked, who answer later, or nobody is."""
        answers, question = self._local_answers(client, packet, udp=True)
        if not answers:
            if question is not None and client.waiting < WAITING:
                self._tasks.spawn(self._forward(client, packet, question, sender, began), "forward a question")
            return None
        if question is not None:
            client.remember(packet, answers)
        return answers[0]

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

    def _local_answers(self, client: Client, packet: bytes, udp: bool) -> tuple[tuple[bytes, ...], dns.Question | None]:
        """Return answers that take turns, () if only others can answer; no question for what is not worth one."""
        try:
            question = dns.parse(packet)
        except dns.Malformed:
            refusal = dns.refuse(packet, dns.FORMAT_ERROR)
            return ((refusal,) if refusal else ()), None
        return dns.answers(client.view, question, udp), question

    async def _forward(
        self, client: Client, packet: bytes, question: dns.Question, sender: tuple[str, int], began: int
    ) -> None:
        _send(client.datagrams, await self._outside(client, packet, question), sender)
        self.meter.answered(client.group, packet, FORWARDED, began)

    async def _outside(self, client: Client, packet: bytes, question: dns.Question, tcp: bool = False) -> bytes:
        client.waiting += 1
        try:
            answer = await self._upstream.ask(packet, question, client.servers, tcp)
        finally:
            client.waiting -= 1
        self.meter.failed += dns.failed(answer)
        return answer

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
                        answer = await self._stream_answer(client, packet)
                        if answer is None:
                            return
                        await loop.sock_sendall(connection, struct.pack("!H", len(answer)) + answer)
                except (OSError, TimeoutError):
                    return

    async def _stream_answer(self, client: Client, packet: bytes) -> bytes | None:
        began = perf_counter_ns()
        answers, question = self._local_answers(client, packet, udp=False)
        if not answers and question is None:
            return None
        client.turn += 1
        kind = LOCAL if answers else FORWARDED
        answer = answers[client.turn % len(answers)] if answers else b""
        if not answer and question is not None:
            answer = await self._outside(client, packet, question, tcp=True)
        self.meter.answered(client.group, packet, kind, began)
        return answer


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
