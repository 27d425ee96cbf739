"""Lines to a syslog server: by datagrams, over a stream, or over TLS."""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence

from boxship.base import trust
from boxship.engine.logs import syslog_format
from boxship.engine.logs.cri import Line
from boxship.engine.logs.syslog_format import Address, Sender

LOCAL = ("/dev/log", "/var/run/syslog", "/var/run/log")
CONNECT = 10.0  # seconds


class Syslog:
    """Connects when there is something to send, and again after a failure."""

    def __init__(self, sender: Sender, config: Mapping[str, str]) -> None:
        self._sender = sender
        self._config = config
        self._address = syslog_format.address(config.get("syslog-address", ""))
        self._datagrams: socket.socket | None = None
        self._stream: asyncio.StreamWriter | None = None

    async def send(self, lines: Sequence[Line]) -> None:
        try:
            if self._datagrams is None and self._stream is None:
                await self._connect()
            messages = [syslog_format.message(line, self._sender) for line in lines]
            if self._datagrams is not None:
                for message in messages:
                    await asyncio.get_running_loop().sock_sendall(self._datagrams, message)
            elif self._stream is not None:
                await self._send_stream(self._stream, messages)
        except OSError:
            self.close()
            raise

    async def _send_stream(self, stream: asyncio.StreamWriter, messages: list[bytes]) -> None:
        if stream.is_closing():
            raise ConnectionResetError(f"{self._address.place}: the server has closed the connection")
        stream.write(syslog_format.framed(messages, self._address, self._sender.format))
        await stream.drain()

    async def _connect(self) -> None:
        where = self._address
        async with asyncio.timeout(CONNECT):
            if where.scheme == "":
                await self._connect_local()
            elif where.scheme == "udp":
                self._datagrams = await _udp(where)
            elif where.scheme == "unixgram":
                self._datagrams = _unix_datagrams(where.place)
            elif where.scheme == "unix":
                await self._connect_unix(where.place)
            else:
                _, self._stream = await asyncio.open_connection(where.place, where.port, ssl=self._tls())

    async def _connect_local(self) -> None:
        """Find this machine's own syslog, whatever kind of socket it listens on."""
        for path in LOCAL:
            try:
                self._datagrams = _unix_datagrams(path)
                return
            except OSError:
                pass
            try:
                _, self._stream = await asyncio.open_unix_connection(path)
                return
            except OSError:
                pass
        raise ConnectionRefusedError("Unix syslog delivery error")

    async def _connect_unix(self, path: str) -> None:
        """A path may name either kind of socket, as with dockerd."""
        try:
            _, self._stream = await asyncio.open_unix_connection(path)
        except OSError:
            self._datagrams = _unix_datagrams(path)

    def _tls(self) -> ssl.SSLContext | None:
        if self._address.scheme != "tcp+tls":
            return None
        context = trust.context(self._config.get("syslog-tls-ca-cert"))
        if "syslog-tls-skip-verify" in self._config:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "syslog-tls-cert" in self._config:
            context.load_cert_chain(self._config["syslog-tls-cert"], self._config.get("syslog-tls-key"))
        return context

    def close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._stream is not None:
            self._stream.close()
        self._datagrams = self._stream = None


def _unix_datagrams(path: str) -> socket.socket:
    return _connected(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), path)


async def _udp(where: Address) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(where.place, where.port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    return _connected(socket.socket(family, kind, protocol), address)


def _connected(made: socket.socket, address: object) -> socket.socket:
    try:
        made.setblocking(False)
        made.connect(address)  # type: ignore[arg-type]
    except OSError:
        made.close()
        raise
    return made
