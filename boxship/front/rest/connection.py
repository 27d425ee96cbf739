"""One client's connection: aiohttp's, and besides

- bytes behind a request that may take the connection over are kept from the HTTP parser (see framing),
- handlers that stream may ask to be cancelled as soon as the client has gone,
- who begins with HTTP/2's preface gets another protocol, where there is one.

Leans on names of aiohttp that are not promised (`_messages`, `_request_count`, `_keepalive_handle`):
the tests of hijack hold them in place.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.web_protocol import RequestHandler

from boxship.front.rest.framing import Boundary, may_take_over

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
BEHIND_LIMIT = 1 << 18  # bytes kept behind a request before the client has to wait


class Connection(RequestHandler):
    """http2: makes what speaks HTTP/2 on a connection, and is given the connection's transport."""

    def __init__(
        self,
        server: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        http2: Callable[[asyncio.Transport], asyncio.Protocol] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._http2 = http2
        self._begun = b""  # first bytes, as long as they may be HTTP/2's
        self._boundary: Boundary | None = None
        self._behind = bytearray()
        self._answered = False
        self._done = 0  # requests answered so far
        self._body: StreamReader | None = None  # of the request answered last
        self._ended = False
        self._watchers: set[asyncio.Task[Any]] = set()

    def data_received(self, data: bytes) -> None:
        if self._http2 is not None:
            self._begun += data
            if PREFACE.startswith(self._begun[: len(PREFACE)]):
                if len(self._begun) >= len(PREFACE):
                    self._speak(self._http2)
                return
            data, self._begun, self._http2 = self._begun, b"", None
        if self._boundary is not None:
            self._cut(self._boundary, data)
        elif data and self._idle() and may_take_over(data):
            self._begin(data)
        else:
            super().data_received(data)

    def _speak(self, http2: Callable[[asyncio.Transport], asyncio.Protocol]) -> None:
        """Let HTTP/2 be spoken here."""
        transport, _, _ = self.take_over()
        protocol = http2(transport)
        transport.set_protocol(protocol)
        self._loop.call_soon(self.leave)  # aiohttp's own task must have begun before it can end
        protocol.connection_made(transport)
        protocol.data_received(self._begun)

    def _idle(self) -> bool:
        """Tell whether the next byte is the first of a request: all before are answered and were read to their ends."""
        return self._done == self._request_count and (self._body is None or self._body.is_eof())

    def _begin(self, data: bytes) -> None:
        self._answered = False
        self._boundary = Boundary()
        self._cut(self._boundary, data)

    def _cut(self, boundary: Boundary, data: bytes) -> None:
        mine, behind = boundary.split(data)
        if mine:
            super().data_received(mine)
        if boundary.refused:
            self._boundary = None
            return
        self._behind += behind
        if self._answered:
            self._go_on(boundary)
        elif len(self._behind) > BEHIND_LIMIT and self.transport is not None:
            self.transport.pause_reading()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the connection open when the client has only ended its own half behind such a request."""
        self._ended = True
        return self._boundary is not None or None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        outcome = await super().finish_response(request, resp, start_time)
        self._done, self._body = self._request_count - len(self._messages), request.content
        if self._boundary is not None and self.transport is not None:
            self._answered = True
            self._go_on(self._boundary)
        if self._ended and not self._messages:
            self.close()
        return outcome

    def _go_on(self, boundary: Boundary) -> None:
        """The request was answered without a take-over: what is behind it are requests again."""
        if self.transport is None or not boundary.done:
            return
        self._boundary, behind = None, bytes(self._behind)
        self._behind.clear()
        if len(behind) > BEHIND_LIMIT:
            self.transport.resume_reading()
        if behind:
            self._begin(behind)

    def take_over(self) -> tuple[asyncio.Transport, bytes, bool]:
        """Give the transport away for good. Return it, the bytes behind the request, and whether the client has ended.

        Raises ConnectionResetError if the client has gone. Reading is paused when many bytes are behind.
        """
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
        behind, self._behind = bytes(self._behind), bytearray()
        return transport, behind, self._ended

    def leave(self) -> None:
        """Forget a connection that was taken over, without touching its transport."""
        self.transport = None
        self.connection_lost(None)

    def cancel_on_loss(self, task: "asyncio.Task[Any]") -> None:
        """Cancel `task`, unless done by then, when the client goes."""
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    def end_streams(self) -> None:
        """Cancel the answers that have no end of their own: the server stops."""
        for task in tuple(self._watchers):
            task.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.transport is not None:
            self.end_streams()
        super().connection_lost(exc)


def cancel_when_gone(request: web.Request) -> None:
    """Cancel the running handler as soon as its client has gone; for answers without end."""
    task, connection = asyncio.current_task(), request.protocol
    if task is not None and isinstance(connection, Connection):
        connection.cancel_on_loss(task)
