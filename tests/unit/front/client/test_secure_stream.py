"""TLS over asyncio's streams, half closed while the other side sends: nothing may be lost, whenever it comes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from boxship.front.client.secure_stream import SecureStream
from tests.unit.front.rest import certificates

MUCH = b"x" * 300_000
Serve = Callable[[ssl.SSLSocket], None]
Dial = Callable[[Serve], Awaitable[SecureStream]]


@pytest.fixture
async def dial(tmp_path: Path) -> AsyncIterator[Dial]:
    """Connect with a server that does as told in a thread of its own; it must have ended when the test has."""
    certificates.write(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    asking = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    threads, made = [], []

    def run(theirs: socket.socket, serve: Serve) -> None:
        with serving.wrap_socket(theirs, server_side=True) as line:
            serve(line)

    async def connect(serve: Serve) -> SecureStream:
        ours, theirs = socket.socketpair()
        threads.append(threading.Thread(target=run, args=(theirs, serve)))
        threads[-1].start()
        made.append(await SecureStream.over(*await asyncio.open_connection(sock=ours), asking, "127.0.0.1"))
        return made[-1]

    yield connect
    for line in made:
        line.close()
    for thread in threads:
        await asyncio.to_thread(thread.join, 30)
        assert not thread.is_alive()


async def everything(line: SecureStream) -> bytes:
    found = b""
    while part := await line.read(1000):
        found += part
    return found


async def test_what_comes_before_and_after_our_farewell(dial: Dial) -> None:
    heard = []

    def serve(line: ssl.SSLSocket) -> None:
        line.sendall(b"before")
        heard.append(line.recv(99))
        heard.append(line.recv(99))
        line.sendall(b"after" + MUCH)

    line = await dial(serve)
    line.write(b"words")
    await line.drain()
    line.write_eof()
    assert await everything(line) == b"before" + b"after" + MUCH
    assert heard == [b"words", b""]


async def test_much_both_ways_at_once(dial: Dial) -> None:
    def echo(server: ssl.SSLSocket) -> None:
        while part := server.recv(4096):
            server.sendall(part)

    line = await dial(echo)

    async def speak() -> None:
        for start in range(0, len(MUCH), 10_000):
            line.write(MUCH[start : start + 10_000])
            await line.drain()
        line.write_eof()

    found, _ = await asyncio.gather(everything(line), speak())
    assert found == MUCH


async def test_a_head_is_parted_from_what_follows(dial: Dial) -> None:
    line = await dial(lambda server: server.sendall(b"head\r\n\r\nbody and rest"))
    assert await line.readuntil(b"\r\n\r\n") == b"head\r\n\r\n"
    assert await line.readexactly(4) == b"body"
    assert await everything(line) == b" and rest"
    with pytest.raises(asyncio.IncompleteReadError):
        await line.readexactly(1)


async def test_a_stranger_is_refused(tmp_path: Path, dial: Dial) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    with pytest.raises(OSError):
        await SecureStream.over(reader, writer, ssl.create_default_context(), "127.0.0.1")
    assert writer.is_closing()
