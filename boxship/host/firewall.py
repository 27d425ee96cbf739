"""nftables through its own library: one transaction per call, no process. The Protocol `Firewall`.

Also notices what others do to the packet filter: the kernel multicasts each change with the thread that made it.
"""

import asyncio
import ctypes
import socket
import struct
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from boxship.base.errors import KernelError, Unsupported
from boxship.host import conntrack
from boxship.host.api.network import ElementChange
from boxship.host.netlink import nft, wire
from boxship.host.netlink.channel import Channel

NETFILTER = 12  # NETLINK_NETFILTER
GROUP_NFTABLES = 7  # NFNLGRP_NFTABLES
GENERATION = 10 << 8 | 15  # NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN: the end of a transaction
GENERATION_PROCESS = 2  # NFTA_GEN_PROC_PID
JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON
LIBRARY = "libnftables.so.1"


def load() -> ctypes.CDLL:
    """Return the library with the types of what we call. Raises Unsupported where it is not installed."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as e:
        raise Unsupported(f"{LIBRARY} is needed for container networks (Debian package libnftables1): {e}") from e
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    return library


class Nft:
    """A context of the library: bound to the network namespace of the thread that first uses it.
    Not for two threads at once."""

    def __init__(self, json: bool = False) -> None:
        self._library = load()
        self._context = self._library.nft_ctx_new(0)
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)
        if json:
            self._library.nft_ctx_output_set_flags(self._context, JSON)

    def run(self, script: str) -> str:
        """Carry out commands in one transaction. Raises KernelError with the library's own sentence."""
        failed = self._library.nft_run_cmd_from_buffer(self._context, script.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context)
        error: bytes = self._library.nft_ctx_get_error_buffer(self._context)
        if failed:
            raise KernelError(f"nftables: {error.decode().strip()}")
        return output.decode()

    def close(self) -> None:
        self._library.nft_ctx_free(self._context)


class Nftables:
    """The host's packet filter. `json` output, so that listings can be compared."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "nft")
        self._nft: Nft | None = None
        self._elements: Channel | None = None
        self._worker = 0

    async def run(self, script: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, script)

    def _run(self, script: str) -> str:
        if self._nft is None:
            self._nft, self._worker = Nft(json=True), threading.get_native_id()
        return self._nft.run(script)

    async def change(self, table: str, changes: Sequence[ElementChange]) -> None:
        requests = nft.batch(table, changes)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._change, requests)

    def _change(self, requests: Sequence[wire.Request]) -> None:
        if self._elements is None:
            self._elements, self._worker = Channel(NETFILTER), threading.get_native_id()
        self._elements.call(requests)

    async def forget_udp(self, ports: Collection[int]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, conntrack.forget_udp, ports)

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
                        touched = touched or subject(message) == table
                    elif touched:
                        touched = False
                        if author(message) != self._worker:
                            yield

    async def aclose(self) -> None:
        if self._elements is not None:
            self._elements.close()
        if self._nft is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._nft.close)
        self._thread.shutdown()


def author(message: wire.Message) -> int:
    """Return the thread whose transaction the message announces as complete."""
    value = wire.attributes(message.body[4:]).get(GENERATION_PROCESS, bytes(4))
    return int(struct.unpack(">I", value)[0])


def subject(message: wire.Message) -> str:
    """Return the table a message is about: attribute 1 of tables, chains, rules, sets and elements alike."""
    return wire.string(wire.attributes(message.body[4:]).get(1, b""))
