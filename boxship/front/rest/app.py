"""The HTTP server below the API front ends: version prefixes, headers, connections that can be taken over.

app = rest_app(routes, headers={"Api-Version": "1.51"})
server = await Server.start(app)
listening = await server.listen(sock)     # unix or TCP, with TLS if a context is given
...
await server.stop(grace=5)
"""

import asyncio
import functools
import socket
import ssl
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

from boxship.front.rest import versions
from boxship.front.rest.connection import Connection
from boxship.front.rest.errors import speak_docker
from boxship.front.rest.hijack import HEADERS, STARTED
from boxship.front.rest.tls import HalfCloseTls

KEEPALIVE = 3600.0  # seconds an idle connection stays open
HTTP2: web.AppKey[Callable[[], asyncio.Protocol]] = web.AppKey("http2")  # what speaks it, for clients that begin so
LINE_LIMIT = 1 << 17  # filters and registry credentials travel in lines


def rest_app(
    tables: Iterable[Iterable[web.AbstractRouteDef]],
    *,
    headers: Mapping[str, str],
    middlewares: Iterable[Middleware] = (speak_docker,),
) -> web.Application:
    """Return an application of all route tables; `headers` go out with every response."""
    app = web.Application(middlewares=tuple(middlewares), client_max_size=1 << 40)
    for table in tables:
        app.add_routes(table)
    app[HEADERS] = dict(headers)
    fixed = tuple(headers.items())

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        request[STARTED] = True
        for name, value in fixed:
            response.headers[name] = value

    app.on_response_prepare.append(add_headers)
    return app


@functools.lru_cache(maxsize=4096)
def _route(target: str) -> tuple[versions.Version, str, URL | None]:
    """Return the version asked for, the path and query without it, and their URL when they changed."""
    version, rest = versions.split(target)
    if version is None:
        return versions.NEWEST, target, None
    path, _, query = rest.partition("?")
    return version, rest, URL.build(path=path, query_string=query, encoded=True)


class Server:
    """All connections to one application. Made by `start`, ended by `stop`."""

    def __init__(self, runner: web.AppRunner, manager: web.Server) -> None:
        self._runner = runner
        self._http2 = runner.app.get(HTTP2)
        self._others: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()  # connections that speak HTTP/2
        self._manager = manager
        self._loop = asyncio.get_running_loop()
        self._listening: list[asyncio.AbstractServer] = []
        self._make = manager.request_factory
        manager.request_factory = self._request

    @classmethod
    async def start(cls, app: web.Application) -> "Server":
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0)
        await runner.setup()
        assert runner.server is not None
        return cls(runner, runner.server)

    def _request(self, message: Any, *parts: Any) -> web.BaseRequest:
        """Take the version out of the path before anybody routes by it."""
        version, path, url = _route(message.path)
        if url is not None:
            message = message._replace(path=path, url=url)
        request = self._make(message, *parts)
        request[versions.VERSION] = version
        return request

    def connection(self) -> Connection:
        """Protocol factory for a plain connection."""
        return Connection(
            self._manager,
            loop=self._loop,
            http2=self._speak_http2 if self._http2 else None,
            access_log=None,
            keepalive_timeout=KEEPALIVE,
            auto_decompress=False,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
        )

    def _speak_http2(self, transport: asyncio.Transport) -> asyncio.Protocol:
        assert self._http2 is not None
        self._others.add(transport)
        return self._http2()

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.AbstractServer:
        """Accept on a bound stream socket until `stop`. The socket is ours from now on."""

        def secure() -> asyncio.BaseProtocol:
            assert tls is not None
            return HalfCloseTls(self._loop, self.connection(), tls)

        factory: Callable[[], asyncio.BaseProtocol] = secure if tls else self.connection
        sock.setblocking(False)
        create = self._loop.create_unix_server if sock.family == socket.AF_UNIX else self._loop.create_server
        server: asyncio.AbstractServer = await create(factory, sock=sock, backlog=1024)
        self._listening.append(server)
        return server

    async def stop(self, grace: float = 5.0) -> None:
        """Accept no more, end streams at once, give other requests `grace` seconds, then close every connection."""
        for server in self._listening:
            server.close()
        for connection in self._manager.connections:
            if isinstance(connection, Connection):
                connection.end_streams()
        for transport in self._others:
            transport.close()
        self._manager.pre_shutdown()
        self._runner._shutdown_timeout = max(grace, 0.01)  # aiohttp takes 0 for no limit
        await self._runner.cleanup()
