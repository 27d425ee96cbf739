"""Directories over a session, both ways: contexts from the client, results to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from urllib.parse import quote_plus

from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error
from multidict import MultiDict

from boxship.base.errors import PlatformError
from boxship.engine.build.synced import Synced
from boxship.front.docker.buildkit import packets
from boxship.front.docker.buildkit.bulk import Bulk
from boxship.front.docker.buildkit.incoming import Incoming
from boxship.front.docker.buildkit.offers import told
from boxship.front.docker.buildkit.outgoing import Outgoing
from boxship.front.docker.buildkit.pb import filesync_grpc
from boxship.front.docker.buildkit.pb.filesync_pb2 import BytesMessage
from boxship.front.docker.buildkit.pb.fsutil_pb2 import Packet
from boxship.front.docker.buildkit.session import Session

SYNC, SEND = "/moby.filesync.v1.FileSync/DiffCopy", "/moby.filesync.v1.FileSend/DiffCopy"
EXPORTER = "buildkit-attachable-exporter-id"
FEW = 8  # reads after which a transfer is a long one
GATHERING = 0.004  # seconds between two reads of a long one
BIGGEST = 1 << 20  # bytes in one message; clients refuse more than 4 MiB
FAILURES = (GRPCError, StreamTerminatedError, H2Error, OSError)


def _wish(name: str, ignore: Sequence[str], only: Sequence[str]) -> "MultiDict[str]":
    wish: MultiDict[str] = MultiDict([("dir-name", name)])
    for key, values in (("exclude-patterns", ignore), ("followpaths", only)):
        encode = not all(value.isascii() for value in values)
        for value in values:
            wish.add(key, quote_plus(value) if encode else value)
        if encode:
            wish.add(f"{key}-encoded", "1")
    return wish


async def receive(
    session: Session,
    name: str,
    kept: Synced,
    *,
    ignore: Sequence[str] = (),
    only: Sequence[str] = (),
    tell: Callable[[int, bool], None] = lambda size, done: None,
) -> None:
    """Bring a directory up to what the client has under `name`. tell: bytes that came in so far, and whether all did.

    Raises NotFound for a name that the client does not give, Unsupported when it gives no files."""
    session.need(SYNC, "files")
    incoming, size, ended, reads = Incoming(kept), 0, False, 0
    try:
        async with Bulk(session.channel, SYNC, _wish(name, ignore, only)) as call:
            while data := await call.read():
                size += len(data)
                await call.send(await asyncio.to_thread(incoming.take, data))
                if incoming.done and not ended:
                    ended = True
                    await call.end()
                tell(size, False)
                reads += 1
                if reads > FEW and not ended:
                    await call.gather(GATHERING)
    except FAILURES as e:
        raise told(e, f"files of {name}") from e
    finally:
        incoming.close()
    if not incoming.done:
        raise PlatformError(f"files of {name}: the client ended before all were there")
    tell(size, True)


async def send_archive(session: Session, exporter: str, pieces: AsyncIterator[bytes]) -> None:
    """Give the client an archive."""
    session.need(SEND, "to take files")
    try:
        stub = filesync_grpc.FileSendStub(session.channel)
        async with stub.DiffCopy.open(metadata={EXPORTER: exporter or "0"}) as call:
            await call.send_request()
            async for piece in pieces:
                for at in range(0, len(piece), BIGGEST):
                    await call.send_message(BytesMessage(data=piece[at : at + BIGGEST]))
            await call.end()
            await call.recv_message()
    except FAILURES as e:
        raise told(e, "sending the archive") from e


async def send_tree(session: Session, exporter: str, root: Path) -> None:
    """Give the client a copy of a directory."""
    session.need(SEND, "to take files")
    outgoing = Outgoing(root)
    wish: MultiDict[str] = MultiDict({EXPORTER: exporter or "0"})
    try:
        async with Bulk(session.channel, SEND, wish) as call:
            asked = asyncio.create_task(_asked(call, outgoing))
            try:
                while batch := await asyncio.to_thread(outgoing.told):
                    await call.send(batch)
                while not outgoing.finished:
                    if batch := await asyncio.to_thread(outgoing.contents):
                        await call.send(batch)
                    else:
                        await outgoing.wait()
                await call.send(packets.FIN)
                await call.end()
                await asked
            finally:
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
    except FAILURES as e:
        raise told(e, "sending files") from e
    finally:
        outgoing.close()


async def _asked(call: Bulk, outgoing: Outgoing) -> None:
    """Note what the client asks for, until it has ended."""
    cutter = packets.Cutter()
    try:
        while data := await call.read():
            for message in cutter.cut(data):
                outgoing.note(Packet.FromString(message))
    finally:
        outgoing.over()
