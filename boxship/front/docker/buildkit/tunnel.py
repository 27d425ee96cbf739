"""A session whose bytes travel as messages of a call: for clients whose only way in is gRPC itself."""

import asyncio
from typing import TYPE_CHECKING, Any

from boxship.front.docker.buildkit.pb.control_pb2 import BytesMessage
from boxship.front.docker.buildkit.rpc import Held
from boxship.front.docker.buildkit.session import Session, Sessions, announced

if TYPE_CHECKING:
    from grpclib.server import Stream

PAUSE_AT, RESUME_AT = 4 << 20, 1 << 20  # bytes that wait to be sent


class _Tunnel(asyncio.Transport):
    """What a protocol takes for its connection. `pump` sends what it writes."""

    def __init__(self, stream: "Stream[BytesMessage, BytesMessage]") -> None:
        super().__init__()
        self._stream = stream
        self._out = bytearray()
        self._news = asyncio.Event()
        self._closing = False
        self._paused = False
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self._out += data
        if len(self._out) > PAUSE_AT and not self._paused:
            self._paused = True
            self.protocol.pause_writing()
        self._news.set()

    def close(self) -> None:
        self._closing = True
        self._news.set()

    def is_reading(self) -> bool:
        return False

    async def pump(self) -> None:
        while not self._closing or self._out:
            await self._news.wait()
            self._news.clear()
            while self._out:
                piece = bytes(self._out[: 1 << 20])
                del self._out[: 1 << 20]
                await self._stream.send_message(BytesMessage(data=piece))
                if self._paused and len(self._out) < RESUME_AT:
                    self._paused = False
                    self.protocol.resume_writing()


async def tunnelled(stream: "Stream[BytesMessage, BytesMessage]", sessions: Sessions) -> None:
    """Serve one session to its end."""
    told = stream.metadata
    headers = {name: [str(value) for value in told.getall(name)] for name in told} if told else {}
    id, name, key, methods = announced(headers)
    tunnel = _Tunnel(stream)

    def connect(protocol: asyncio.Protocol) -> None:
        tunnel.protocol = protocol
        protocol.connection_made(tunnel)

    channel = Held(connect)
    await stream.send_initial_metadata()
    await channel.start()
    session = Session(id, name, key, methods, channel)
    pumping = asyncio.create_task(tunnel.pump())
    await sessions.add(session)
    try:
        async for message in stream:
            tunnel.protocol.data_received(message.data)
    finally:
        sessions.remove(session)
        tunnel.protocol.connection_lost(None)
        channel.close()
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
