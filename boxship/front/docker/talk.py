"""Conversations over a connection that was taken over: who builds is asked for files, secrets and keys while it waits.

    async with talk.open(stream) as talk:
        with talk.begin({"Ask": "secret", "Id": id}) as asked:
            value = await asked.whole()

Frames are base.frames'. Numbers that we begin are even.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from boxship.base import frames
from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.base.frames import DATA, END, FAILED, MESSAGE, Frame, Frames
from boxship.front.rest.hijack import Stream

WAITING = 64  # frames of one conversation that may wait for their reader; then the client has to
CHUNK = 256 * 1024
CONTROL = 0  # the conversation that tells progress and the end


class Conversation:
    """One question and its answers. Leave it with `Talk.begin`'s context."""

    def __init__(self, stream: Stream, number: int) -> None:
        self.number = number
        self.came: asyncio.Queue[Frame | None] = asyncio.Queue(WAITING)
        self._stream = stream

    async def _next(self) -> Frame:
        """Raises PlatformError with the client's sentence, NotFound where it has nothing."""
        frame = await self.came.get()
        if frame is None:
            self.came.put_nowait(None)
            raise ConnectionResetError("the client has gone")
        if frame.kind == FAILED:
            raise PlatformError(frame.payload.decode(errors="replace"))
        return frame

    async def message(self) -> Any:
        """Return a message. Raises NotFound where the client ends instead."""
        frame = await self._next()
        if frame.kind != MESSAGE:
            raise NotFound("the client has no answer")
        return frame.told()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield bytes up to the end of the client's half."""
        while (frame := await self._next()).kind != END:
            if frame.kind != DATA:
                raise Invalid("the client sent a message in the middle of bytes")
            yield frame.payload

    async def whole(self) -> bytes | None:
        """Return all bytes, None when the client says that it has none."""
        frame = await self._next()
        if frame.kind == MESSAGE:
            return None
        found = b""
        while frame.kind != END:
            found += frame.payload
            frame = await self._next()
        return found

    async def done(self) -> None:
        """Wait for the end of the client's half. Raises PlatformError when it failed."""
        async for _ in self.pieces():
            pass

    async def say(self, value: Any) -> None:
        await self._stream.write(frames.message(self.number, value))

    async def send(self, data: bytes) -> None:
        for each in frames.pieces(self.number, data):
            await self._stream.write(each)

    async def end(self) -> None:
        await self._stream.write(frames.frame(END, self.number))


class Talk:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._open: dict[int, Conversation] = {}
        self._number = 0

    @asynccontextmanager
    async def begin(self, question: Any) -> AsyncIterator[Conversation]:
        """Ask; what the client still says after the context has closed goes nowhere."""
        self._number += 2
        with self._conversation(self._number) as conversation:
            await conversation.say(question)
            yield conversation

    @contextmanager
    def _conversation(self, number: int) -> Iterator[Conversation]:
        self._open[number] = conversation = Conversation(self._stream, number)
        try:
            yield conversation
        finally:
            del self._open[number]

    async def tell(self, value: Any) -> None:
        await self._stream.write(frames.message(CONTROL, value))

    async def listen(self) -> None:
        """Hand out what comes until the client goes or ends. Raises Invalid for what is no frame."""
        reader = Frames()
        try:
            while data := await self._stream.read(CHUNK):
                for frame in reader.feed(data):
                    conversation = self._open.get(frame.number)
                    if conversation is not None:
                        await conversation.came.put(frame)
        finally:
            for conversation in self._open.values():
                if conversation.came.full():
                    conversation.came.get_nowait()
                conversation.came.put_nowait(None)
