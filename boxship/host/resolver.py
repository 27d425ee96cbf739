"""Sockets of the name server inside the network namespaces of containers. The Protocol `ResolverSockets`.

They are bound to a high port of 127.0.0.11, and what is sent to port 53 of that address is redirected inside the
namespace: port 53 itself stays free for a name server of the container's own, even one on the wildcard address.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from boxship.host.firewall import NETFILTER
from boxship.host.netlink.channel import Channel
from boxship.host.netlink.redirect import redirect
from boxship.host.netns import Home, enter

T = TypeVar("T")
ADDRESS = "127.0.0.11"
TABLE = "boxship_names"


class SpaceSockets:
    def __init__(self) -> None:
        self._home = Home()
        self._thread = ThreadPoolExecutor(1, "resolver")

    async def open(self, path: str) -> tuple[socket.socket, socket.socket]:
        return await self._inside(path, _listen)

    async def outgoing(self, path: str, server: str, kind: int) -> socket.socket:
        if not path:
            return _socket(server, kind)
        return await self._inside(path, lambda: _socket(server, kind))

    async def aclose(self) -> None:
        self._thread.shutdown()
        self._home.close()

    async def _inside(self, path: str, work: Callable[[], T]) -> T:
        def visit() -> T:
            space = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            with self._home:
                try:
                    enter(space)
                    return work()
                finally:
                    os.close(space)

        return await asyncio.get_running_loop().run_in_executor(self._thread, visit)


def _listen() -> tuple[socket.socket, socket.socket]:
    datagrams = _socket(ADDRESS, socket.SOCK_DGRAM)
    listener = _socket(ADDRESS, socket.SOCK_STREAM)
    try:
        datagrams.bind((ADDRESS, 0))
        listener.bind((ADDRESS, 0))
        listener.listen(16)
        _redirect(datagrams.getsockname()[1], listener.getsockname()[1])
    except BaseException:
        datagrams.close()
        listener.close()
        raise
    return datagrams, listener


def _redirect(udp: int, tcp: int) -> None:
    channel = Channel(NETFILTER)
    try:
        channel.call(redirect(TABLE, ADDRESS, {"udp": udp, "tcp": tcp}))
    finally:
        channel.close()


def _socket(address: str, kind: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    opened.setblocking(False)
    return opened
