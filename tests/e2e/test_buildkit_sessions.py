"""BuildKit's API without buildx: sessions as older clients open them, and gRPC without an upgrade."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from grpclib.client import Channel
from grpclib.const import Cardinality, Handler
from grpclib.server import Server

from boxship.front.docker.buildkit import packets
from boxship.front.docker.buildkit.outgoing import Outgoing
from boxship.front.docker.buildkit.pb import control_pb2 as pb
from boxship.front.docker.buildkit.pb.control_grpc import ControlStub
from boxship.front.docker.buildkit.pb.fsutil_pb2 import Packet
from tests.e2e.conftest import Docker

pytestmark = pytest.mark.e2e
SYNC = "/moby.filesync.v1.FileSync/DiffCopy"


class Files:
    """Gives one directory under each name."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def give(self, stream: Any) -> None:
        outgoing = Outgoing(self._root)
        while batch := outgoing.told():
            for message in packets.Cutter().cut(batch):
                await stream.send_message(Packet.FromString(message))
        async for packet in stream:
            outgoing.note(packet)
            while batch := outgoing.contents():
                for message in packets.Cutter().cut(batch):
                    await stream.send_message(Packet.FromString(message))
            if outgoing.finished:
                await stream.send_message(Packet(type=Packet.PACKET_FIN))
                return

    def __mapping__(self) -> dict[str, Handler]:
        return {SYNC: Handler(self.give, Cardinality.STREAM_STREAM, Packet, Packet)}


@asynccontextmanager
async def session(path: str, id: str, root: Path) -> AsyncIterator[None]:
    """Offer a directory over a session, as a client does."""
    reader, writer = await asyncio.open_unix_connection(path)
    head = (
        "POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        f"X-Docker-Expose-Session-Uuid: {id}\r\nX-Docker-Expose-Session-Name: n\r\n"
        f"X-Docker-Expose-Session-Grpc-Method: {SYNC}\r\n\r\n"
    )
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    transport = writer.transport
    protocol = Server([Files(root)])._protocol_factory()
    behind = bytes(reader._buffer)  # type: ignore[attr-defined]
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if behind:
        protocol.data_received(behind)
    try:
        yield
    finally:
        protocol.processor.close()


async def build(docker: Docker, session: str, **more: str) -> list[dict[str, Any]]:
    path = docker.host.removeprefix("unix://")
    query = urlencode({"version": "2", "session": session, "remote": "client-session", "buildid": session, **more})
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as http:
        async with http.post(f"http://d/v1.41/build?{query}") as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return [json.loads(line) for line in text.splitlines()]


async def test_a_build_of_version_2(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY a /a\nRUN cat /a\n")
    (tmp_path / "a").write_text("over a session")
    async with session(docker.host.removeprefix("unix://"), "one", tmp_path):
        lines = await build(docker, "one", t="version2:test")
    traces = [base64.b64decode(line["aux"]) for line in lines if line.get("id") == "moby.buildkit.trace"]
    told = pb.StatusResponse()
    for trace in traces:
        told.MergeFromString(trace)
    assert "[3/3] RUN cat /a" in {vertex.name for vertex in told.vertexes}
    assert b"over a session" in b"".join(log.msg for log in told.logs)
    image = docker.out("image", "inspect", "-f", "{{.Id}}", "version2:test")
    assert lines[-1] == {"id": "moby.image.id", "aux": {"ID": image}}
    docker("rmi", "version2:test")


async def test_a_build_of_version_2_fails_in_words(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN exit 3\n")
    async with session(docker.host.removeprefix("unix://"), "two", tmp_path):
        lines = await build(docker, "two")
    assert lines[-1]["error"].endswith("did not complete successfully: exit code: 3")
    assert lines[-1]["errorDetail"]["message"] == lines[-1]["error"]


async def test_grpc_without_an_upgrade(docker: Docker) -> None:
    channel = Channel(path=docker.host.removeprefix("unix://"))
    try:
        stub = ControlStub(channel)
        workers = await stub.ListWorkers(pb.ListWorkersRequest())
        assert workers.record[0].platforms[0].os == "linux"
        assert (await stub.Info(pb.InfoRequest())).buildkit_version.package == "boxship"
    finally:
        channel.close()


def test_http_still_works_on_connections_that_begin_like_it(docker: Docker) -> None:
    """A request in pieces, whose first bytes are those of HTTP/2's preface, too."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(docker.host.removeprefix("unix://"))
        head = b"Host: d\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        for piece in (b"P", b"OST /build/cancel?id=none HTTP/1.1\r\n" + head):
            sock.sendall(piece)
        assert sock.recv(64).startswith(b"HTTP/1.1 204 ")
