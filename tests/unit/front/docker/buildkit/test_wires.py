"""gRPC over held connections: frames past the state machine, messages cut and sent, logs of builds."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from boxship.base.errors import Invalid
from boxship.front.docker.buildkit import packets
from boxship.front.docker.buildkit.builds import BACKLOG, Builds, Log
from boxship.front.docker.buildkit.bulk import Bulk, framed
from boxship.front.docker.buildkit.pb import control_pb2 as pb
from boxship.front.docker.buildkit.pb.filesync_pb2 import BytesMessage
from boxship.front.docker.buildkit.rpc import Held


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 30)))
def test_messages_are_found_however_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    whole, cutter, found = b"".join(framed(message) for message in messages), packets.Cutter(), []
    for size in cuts:
        found += cutter.cut(whole[:size])
        whole = whole[size:]
    found += cutter.cut(whole)
    assert found == messages


def test_compressed_and_giant_messages_are_refused() -> None:
    for head in (b"\1\0\0\0\1x", b"\0\xff\0\0\0"):
        with pytest.raises(Invalid):
            list(packets.Cutter().cut(head))


class Echo:
    """Says each message twice; fails when told to."""

    async def call(self, stream) -> None:  # type: ignore[no-untyped-def]
        async for message in stream:
            if message.data == b"fail":
                raise GRPCError(Status.NOT_FOUND, "as told")
            for _ in range(2):
                await stream.send_message(message)

    def __mapping__(self) -> dict[str, Handler]:
        return {"/t.T/Call": Handler(self.call, Cardinality.STREAM_STREAM, BytesMessage, BytesMessage)}


@pytest.fixture
async def channel() -> AsyncIterator[Held]:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    server = Server([Echo()])
    _, serving = await loop.create_connection(server._protocol_factory, sock=theirs)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)

    def connect(protocol: asyncio.Protocol) -> None:
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    held = Held(connect)
    await held.start()
    yield held
    held.close()
    serving.processor.close()
    transport.close()


async def test_bulk_calls_beside_plain_ones(channel: Held) -> None:
    """More than the window holds goes both ways."""
    data = BytesMessage(data=b"x" * 60_000)
    async with Bulk(channel, "/t.T/Call", MultiDict()) as call:

        async def send() -> None:
            for _ in range(200):
                await call.send(framed(data.SerializeToString()))
            await call.end()

        sending = asyncio.create_task(send())
        cutter, found = packets.Cutter(), 0
        while piece := await call.read():
            found += sum(BytesMessage.FromString(message) == data for message in cutter.cut(piece))
            await call.gather(0.001)
        await sending
        assert found == 400
    for _ in range(3):
        async with channel.request("/t.T/Call", Cardinality.STREAM_STREAM, BytesMessage, BytesMessage) as plain:
            await plain.send_message(data, end=True)
            assert [message async for message in plain] == [data, data]


async def test_a_failure_of_the_other_side_is_raised(channel: Held) -> None:
    async def called(path: str) -> None:
        async with Bulk(channel, path, MultiDict()) as call:
            await call.send(framed(BytesMessage(data=b"fail").SerializeToString()))
            assert await call.read() == b""

    with pytest.raises(GRPCError, match="as told"):
        await called("/t.T/Call")
    with pytest.raises(GRPCError):
        await called("/t.T/None")


async def test_what_a_build_tells_is_gathered_for_each_who_asks() -> None:
    log = Log()
    log.add(pb.StatusResponse(vertexes=[pb.Vertex(name="a")]))
    log.add(pb.StatusResponse(logs=[pb.VertexLog(msg=b"one")]))
    first = log.read()
    told = await anext(first)
    assert (len(told.vertexes), len(told.logs)) == (1, 1)
    log.add(pb.StatusResponse(vertexes=[pb.Vertex(name="b")]))
    log.end()
    assert [vertex.name for told in [told async for told in first] for vertex in told.vertexes] == ["b"]
    assert len([told async for told in log.read()]) == 1


async def test_old_output_is_dropped_and_steps_stay() -> None:
    log = Log()
    log.add(pb.StatusResponse(vertexes=[pb.Vertex(name="a")]))
    for _ in range(20):
        log.add(pb.StatusResponse(logs=[pb.VertexLog(msg=b"x" * (BACKLOG // 10))]))
    log.end()
    (told,) = [told async for told in log.read()]
    assert [vertex.name for vertex in told.vertexes] == ["a"]
    assert told.ByteSize() < BACKLOG


async def test_a_chatty_step_costs_few_messages() -> None:
    log = Log()
    for _ in range(20_000):
        log.add(pb.StatusResponse(logs=[pb.VertexLog(msg=b"x" * 50)]))
    assert len(log._told) < 10
    log.end()
    assert sum(len(told.logs) for told in [told async for told in log.read()]) > 0


async def test_history_tells_of_what_was_and_comes() -> None:
    builds = Builds()
    build = await builds.begin(pb.SolveRequest(ref="one"))
    listening = builds.listen("", active=False, once=False)
    assert (await anext(listening)).type == pb.STARTED
    builds.end(build)
    assert (await anext(listening)).type == pb.COMPLETE
    builds.ended("one").record.pinned = True
    for number in range(40):
        builds.end(await builds.begin(pb.SolveRequest(ref=str(number))))
    assert builds.ended("one").record.pinned
    assert len(builds.all()) < 30
    builds.forget("one")
    once = [event.record.ref async for event in builds.listen("one", active=False, once=True)]
    assert once == []
    await listening.aclose()
