"""TLS that can be half closed.

On the peer's close_notify asyncio's TLS shuts down its own half and drops what is still to be written. The docker
client sends close_notify as soon as its standard input has ended, and then waits for the output. This protocol, placed
between a plain transport and an application protocol, keeps our half open when `eof_received` of the latter says so.
Leans on private names of `asyncio.sslproto`, the same from Python 3.11 to 3.13; works on uvloop's transports too.
"""

import asyncio
import ssl
from asyncio import sslproto
from typing import Any

from boxship.base import trust

_STATE: Any = vars(sslproto)["AppProtocolState"]


class HalfCloseTls(sslproto.SSLProtocol):
    """The server side of one TLS connection around `protocol`."""

    _app_state: Any
    _app_protocol: Any

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, context: ssl.SSLContext) -> None:
        super().__init__(loop, protocol, context, None, server_side=True)  # type: ignore[arg-type]
        self._half_closed = False

    def _call_eof_received(self) -> None:
        if self._app_state != _STATE.STATE_CON_MADE:
            return
        self._app_state = _STATE.STATE_EOF
        try:
            self._half_closed = bool(self._app_protocol.eof_received())
        except Exception as error:
            self._fatal_error(error, "eof_received failed")

    def _start_shutdown(self) -> None:
        if self._half_closed:  # called right behind the peer's close_notify: ignored once
            self._half_closed = False
            return
        super()._start_shutdown()

    def _do_read(self) -> None:
        if self._app_state != _STATE.STATE_EOF:
            super()._do_read()  # type: ignore[misc]


def server_context(certificate: str, key: str, authority: str | None = None) -> ssl.SSLContext:
    """Return a context for a listener; with `authority` only clients with a certificate of it are let in.

    Raises OSError or ssl.SSLError for files that do not serve.
    """
    context = trust.context(authority, ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
