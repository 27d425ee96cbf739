"""nftables, one transaction per call. The Protocol `Firewall`.

Also notices what others do to the packet filter: the kernel multicasts each change with who made it.
"""

import asyncio
import os
import shutil
import socket
import struct
import threading
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import BinaryIO

from boxship.base.errors import KernelError, Unsupported
from boxship.host import conntrack
from boxship.host.api.network import ElementChange
from boxship.host.netlink import nft, wire
from boxship.host.netlink.channel import Channel
from boxship.host.process import spawn

NETFILTER = 12  # NETLINK_NETFILTER
GROUP_NFTABLES = 7  # NFNLGRP_NFTABLES
GENERATION = 10 << 8 | 15  # NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN: the end of a transaction
GENERATION_PROCESS = 2  # NFTA_GEN_PROC_PID
PROGRAM = "nft"
KILLED = 128  # above it, an exit code tells a signal
PLACES = "/usr/local/sbin:/usr/sbin:/sbin"


def find() -> str:
    """Return the program. Raises Unsupported where it is not installed."""
    found = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:{PLACES}")
    if found is None:
        raise Unsupported("nft is needed for container networks (Debian package nftables)")
    return found


class Nftables:
    """The host's packet filter. Listings are JSON, so that they can be compared.

    Whole tables are nft's business: rare, and its library dies of tables that others made and it cannot read, which
    must not be our end. Elements, for which containers wait, go to the kernel without it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "nft")
        self._elements: Channel | None = None
        self._worker: frozenset[int] = frozenset()  # our thread, and its socket
        self._own: deque[int] = deque(maxlen=64)  # the latest programs of ours

    async def run(self, script: str) -> str:
        """Tried again when nft itself dies: somebody's table may be gone a moment later."""
        for pause in (0.02, 0.1, 0.5, 0.0):
            code, output, error = await self._run(script)
            if code == 0:
                return output
            if code < KILLED:
                raise KernelError(f"nftables: {error.strip()}")
            await asyncio.sleep(pause)
        raise KernelError(
            f"nftables: nft died of signal {code - KILLED}; a table of this host may be one it cannot read"
        )

    async def _run(self, script: str) -> tuple[int, str, str]:
        with ExitStack() as files:
            given, output, error = (files.enter_context(_memory()) for _ in range(3))
            given.write(script.encode())
            given.seek(0)
            nft = spawn(
                [find(), "-j", "-f", "/proc/self/fd/0"],
                files={0: given.fileno(), 1: output.fileno(), 2: error.fileno()},
            )
            self._own.append(nft.pid)
            code = await nft.wait()
            return code, _text(output), _text(error)

    async def change(self, table: str, changes: Sequence[ElementChange]) -> None:
        requests = nft.batch(table, changes)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._change, requests)

    def _change(self, requests: Sequence[wire.Request]) -> None:
        if self._elements is None:
            self._elements = Channel(NETFILTER)
            self._worker = frozenset((threading.get_native_id(), self._elements.port))
        self._elements.call(requests)

    async def forget_udp(self, ports: Mapping[int, Collection[int]]) -> None:
        await asyncio.get_running_loop().run_in_executor(None, conntrack.forget_udp, ports)

    async def disturbed(self, table: str) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        touched = False
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER) as events:
            events.bind((0, 1 << (GROUP_NFTABLES - 1)))
            events.setblocking(False)
            while True:
                try:
                    data = await loop.sock_recv(events, 1 << 16)
                except OSError:  # ENOBUFS: so much happened that some of it is lost
                    yield
                    continue
                for message in wire.messages(data):
                    if message.kind != GENERATION:
                        touched = touched or not table or subject(message) == table
                    elif touched:
                        touched = False
                        if authors(message).isdisjoint((*self._worker, *self._own)):
                            yield

    async def aclose(self) -> None:
        if self._elements is not None:
            self._elements.close()
        self._thread.shutdown()


def _memory() -> BinaryIO:
    return open(os.memfd_create("nft"), "w+b", buffering=0)


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def authors(message: wire.Message) -> frozenset[int]:
    """Return the numbers of who made the transaction that the message announces as complete: the thread as the host
    knows it, and the socket. Within a process namespace the first is not what we know ourselves by; the kernel numbers
    a program's first socket by the program as its own namespace knows it. Source: netlink(7), nl_pid."""
    value = wire.attributes(message.body[4:]).get(GENERATION_PROCESS, bytes(4))
    return frozenset((int(struct.unpack(">I", value)[0]), message.port))


def subject(message: wire.Message) -> str:
    """Return the table a message is about: attribute 1 of tables, chains, rules, sets and elements alike."""
    return wire.string(wire.attributes(message.body[4:]).get(1, b""))
