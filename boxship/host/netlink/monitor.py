"""What changes in the network of this host and of the namespaces that its links lead to. The Protocol `Stirs`.

The kernel multicasts each change. A socket that may listen to all namespaces hears those of every namespace that the
host has a number for, and it has one for each that the other end of a link of the host is in: one socket is enough
for any number of containers. Mounts are no netlink matter: their table becomes readable when it changes.
"""

import asyncio
import os
import select
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

from boxship.host.api.network import Stir
from boxship.host.netlink import route, wire

ROUTE, NETFILTER = 0, 12
SOL_NETLINK = 270
ADD_MEMBERSHIP, LISTEN_ALL_NSID = 1, 8
GROUPS = (1, 3, 5, 7, 9, 11, 24)  # RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE, IPV4_NETCONF
GROUP_NFTABLES = 7
NETCONF = 80
GENERATION = 10 << 8 | 15  # the end of a transaction of nftables
ROOM = 1 << 20
KINDS = {16: "link", 17: "link", 20: "address", 21: "address", 24: "route", 25: "route", 28: "neighbour"}


class KernelStirs:
    async def heard(self) -> AsyncIterator[Stir]:
        queue: asyncio.Queue[Stir] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        with ExitStack() as opened:
            for protocol, groups in ((ROUTE, GROUPS), (NETFILTER, (GROUP_NFTABLES,))):
                channel = opened.enter_context(_listening(protocol, groups))
                loop.add_reader(channel.fileno(), _drain, channel, protocol, queue)
                opened.callback(loop.remove_reader, channel.fileno())
            poll = opened.enter_context(_mounts(opened))
            loop.add_reader(poll.fileno(), _mounted, poll, queue)
            opened.callback(loop.remove_reader, poll.fileno())
            while True:
                yield await queue.get()


def _listening(protocol: int, groups: tuple[int, ...]) -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    channel.setblocking(False)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    channel.setsockopt(SOL_NETLINK, LISTEN_ALL_NSID, 1)
    channel.bind((0, 0))
    for group in groups:
        channel.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    return channel


def _mounts(opened: ExitStack) -> select.epoll:
    table = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    opened.callback(os.close, table)
    poll = select.epoll()
    poll.register(table, select.EPOLLERR | select.EPOLLPRI)
    return poll


def _mounted(poll: select.epoll, queue: asyncio.Queue[Stir]) -> None:
    poll.poll(0)  # it may say nothing: that we were called took the news already
    queue.put_nowait(Stir(kind="mounts"))


def _drain(channel: socket.socket, protocol: int, queue: asyncio.Queue[Stir]) -> None:
    while True:
        try:
            data, about, _, _ = channel.recvmsg(1 << 16, 64)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # ENOBUFS: so much happened that some of it is lost
            queue.put_nowait(Stir(kind="lost"))
            return
        space = next((struct.unpack("=i", value[:4])[0] for level, kind, value in about if _is_space(level, kind)), -1)
        for stir in rules(data, space) if protocol == NETFILTER else changes(data, space):
            queue.put_nowait(stir)


def _is_space(level: int, kind: int) -> bool:
    return level == SOL_NETLINK and kind == LISTEN_ALL_NSID


def changes(data: bytes, space: int) -> Iterator[Stir]:
    """Read what one receive gave of links, addresses, routes, neighbours and settings."""
    for message in wire.messages(data):
        if message.kind == NETCONF:
            yield Stir(kind="settings", space=space)
        elif message.kind in KINDS and not _is_learned(message):
            yield _stir(KINDS[message.kind], message, space)


def _is_learned(message: wire.Message) -> bool:
    """Whether it is about a neighbour that traffic made known, as happens all the time."""
    (state,) = struct.unpack_from("=H", message.body, 8)
    return KINDS[message.kind] == "neighbour" and not state & (route.NUD_PERMANENT | route.NUD_NOARP)


def _stir(kind: str, message: wire.Message, space: int) -> Stir:
    if kind == "route":
        values = wire.attributes(message.body[12:])
        return Stir(kind=kind, space=space, link=wire.integer(values.get(route.RTA_OIF, b"")))
    (index,) = struct.unpack_from("=i", message.body, 4)
    if kind != "link":
        return Stir(kind=kind, space=space, link=index)
    name = wire.string(wire.attributes(message.body[16:]).get(route.IFLA_IFNAME, b""))
    return Stir(kind=kind, space=space, link=index, name=name)


def rules(data: bytes, space: int) -> Iterator[Stir]:
    """The same for the packet filter: one for each transaction."""
    return (Stir(kind="rules", space=space) for message in wire.messages(data) if message.kind == GENERATION)
