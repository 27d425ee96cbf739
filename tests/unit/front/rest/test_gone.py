"""Clients that end their half and then go without another word."""

import asyncio
import functools
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from boxship.front.rest import hijack
from boxship.front.rest.app import Server, rest_app
from boxship.front.rest.connection import cancel_when_gone

HEAD = b"POST /containers/x/attach HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Quiet:
    """A stream that has nothing to say. noticed: the server knows that its client has gone."""

    def __init__(self) -> None:
        self.noticed = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.routes = web.RouteTableDef()
        self.routes.post("/containers/x/attach")(self.attach)

    async def attach(self, request: web.Request) -> web.StreamResponse:
        stream = await hijack.take_over(request, hijack.RAW)
        cancel_when_gone(request)
        try:
            while await stream.read():
                pass
            await stream.closed.wait()
            self.noticed.set()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            await stream.close()
        return stream.response


async def half_closed(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(HEAD)
    await reader.readuntil(b"\r\n\r\n")
    writer.write_eof()
    return reader, writer


async def serve(quiet: Quiet, path: Path) -> Server:
    server = await Server.start(rest_app([quiet.routes], headers={}))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    await server.listen(listening)
    return server


def run(loop: str, scenario: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario())  # type: ignore[arg-type]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_only_ended_its_half_is_kept(loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hijack, "LOOK", 0.02)
    run(loop, functools.partial(_kept_then_gone, tmp_path / "s"))


async def _kept_then_gone(path: Path) -> None:
    quiet = Quiet()
    server = await serve(quiet, path)
    _, writer = await half_closed(path)
    await asyncio.sleep(0.15)
    assert not quiet.noticed.is_set()
    writer.transport.abort()
    await asyncio.wait_for(quiet.noticed.wait(), 5)
    await server.stop(grace=1)


@pytest.mark.parametrize("loop", LOOPS)
def test_streams_without_end_do_not_delay_the_servers_end(loop: str, tmp_path: Path) -> None:
    run(loop, functools.partial(_stopped, tmp_path / "s"))


async def _stopped(path: Path) -> None:
    quiet = Quiet()
    server = await serve(quiet, path)
    reader, writer = await half_closed(path)
    await asyncio.wait_for(server.stop(grace=30), 5)
    assert quiet.cancelled.is_set()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
