"""Asking the name servers outside: time limits, TCP for long answers, the last known answer while nobody answers."""

import asyncio
import secrets
import socket
import struct
from collections import OrderedDict
from typing import NamedTuple

from boxship.engine.networks import dns
from boxship.host.api.network import ResolverSockets

PORT = 53
PATIENCE = 2.0  # seconds for one server
ROUNDS = 2
STALE_AFTER = 1.8  # seconds until the last known answer is good enough; RFC 8767: before askers give up
REMEMBERED = 2048  # answers kept for bad times
LONGEST = 65535


class Servers(NamedTuple):
    """Whom to ask for a container. inside: path of the namespace to ask from, "" for the host's own.
    addresses () means nobody: the container may not reach outside."""

    addresses: tuple[str, ...] = ()
    inside: str = ""


class Upstream:
    """One for all containers."""

    def __init__(
        self, sockets: ResolverSockets, port: int = PORT, patience: float = PATIENCE, stale_after: float = STALE_AFTER
    ) -> None:
        self._sockets = sockets
        self._port = port
        self._patience = patience
        self._stale_after = stale_after
        self._known: OrderedDict[tuple[Servers, bytes], bytes] = OrderedDict()

    async def ask(self, packet: bytes, question: dns.Question, servers: Servers, tcp: bool = False) -> bytes:
        """Return an answer to the query `packet`: a server's, else the last one known, else SERVFAIL."""
        key = (servers, question.wire)
        known = self._known.get(key)
        try:
            async with asyncio.timeout(self._stale_after if known else None):
                found = await self._ask_all(packet, question, servers, tcp)
        except TimeoutError:
            found = None
        if known and (found is None or dns.failed(found)):
            found = dns.aged(known)
        elif found is None:
            found = dns.respond(question, code=dns.SERVER_FAILURE)
        elif not dns.truncated(found) and not dns.failed(found):
            self._remember(key, found)
        return dns.with_id(found, question.id)

    def _remember(self, key: tuple[Servers, bytes], answer: bytes) -> None:
        self._known[key] = answer
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _ask_all(self, packet: bytes, question: dns.Question, servers: Servers, tcp: bool) -> bytes | None:
        refused: bytes | None = None
        for server in servers.addresses * ROUNDS:
            try:
                async with asyncio.timeout(self._patience):
                    found = await self._ask_one(packet, question, server, servers.inside, tcp)
            except (OSError, TimeoutError):
                continue
            if not dns.failed(found):
                return found
            refused = found
        return refused

    async def _ask_one(self, packet: bytes, question: dns.Question, server: str, inside: str, tcp: bool) -> bytes:
        number = secrets.randbelow(1 << 16)
        sent = dns.with_id(packet, number)
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        asking = await self._sockets.outgoing(inside, server, kind)
        with asking:
            await asyncio.get_running_loop().sock_connect(asking, (server, self._port))
            exchange = self._by_stream if tcp else self._by_datagram
            return await exchange(asking, sent, number, question)

    async def _by_datagram(self, asking: socket.socket, sent: bytes, number: int, question: dns.Question) -> bytes:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(asking, sent)
        while True:
            found = await loop.sock_recv(asking, LONGEST)
            if fits(found, number, question):
                return found

    async def _by_stream(self, asking: socket.socket, sent: bytes, number: int, question: dns.Question) -> bytes:
        await asyncio.get_running_loop().sock_sendall(asking, struct.pack("!H", len(sent)) + sent)
        found = await read_message(asking)
        if found is None or not fits(found, number, question):
            raise ConnectionError("the name server hung up")
        return found


def fits(answer: bytes, number: int, question: dns.Question) -> bool:
    """Whether an answer belongs to our question; the case of letters may differ."""
    if len(answer) < 12 or int.from_bytes(answer[:2], "big") != number or not answer[2] & 0x80:
        return False
    return answer[4:6] == b"\0\0" or answer[12 : 12 + len(question.wire)].lower() == question.wire.lower()


async def read_message(connection: socket.socket) -> bytes | None:
    """Return one message of a stream, None at its end. Source: RFC 1035, 4.2.2."""
    head = await _read(connection, 2)
    return await _read(connection, int.from_bytes(head, "big")) if head else None


async def _read(connection: socket.socket, count: int) -> bytes | None:
    loop, found = asyncio.get_running_loop(), b""
    while len(found) < count:
        part = await loop.sock_recv(connection, count - len(found))
        if not part:
            return None
        found += part
    return found
