"""`boxship.connect()`: one daemon, Boxship's or any that speaks the Docker Engine API."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from boxship.front.client.api import host_from, parse_host, tls_from
from boxship.front.client.asynchronous import AsyncClient, lines
from boxship.front.client.wire import Tls
from boxship.front.python.compose import Project
from boxship.front.python.containers import Containers
from boxship.front.python.ground import Networks, Volumes
from boxship.front.python.images import Images
from boxship.front.python.shapes import Event, decode


class Engine:
    """Made by `connect`; to be used with `async with`, by one event loop."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.containers = Containers(client)
        self.images = Images(client)
        self.networks = Networks(client)
        self.volumes = Volumes(client)

    @property
    def host(self) -> str:
        return self._client.address.shown

    async def ping(self) -> None:
        """Return if the daemon answers. Raises Unavailable."""
        await self._client.call("GET", "/_ping")

    async def version(self) -> dict[str, Any]:
        return decode(await self._client.call("GET", "/version"), dict[str, Any])

    async def info(self) -> dict[str, Any]:
        return decode(await self._client.call("GET", "/info"), dict[str, Any])

    def compose(
        self,
        *files: str | os.PathLike[str],
        name: str = "",
        environment: Mapping[str, str] | None = None,
        profiles: Sequence[str] = (),
    ) -> Project:
        """Return a project from compose files; environment: instead of this process's own."""
        return Project(self._client, files, name=name, environment=environment, profiles=profiles)

    async def events(
        self, *, filters: Mapping[str, Sequence[str]] | None = None, since: float = 0, until: float = 0
    ) -> AsyncIterator[Event]:
        """Yield events as they happen. since, until: seconds since 1970; without `until` it never ends."""
        query = {"filters": dict(filters) if filters else None, "since": since or None, "until": until or None}
        async with self._client.stream("GET", "/events", query) as answer:
            async for line in lines(answer):
                yield decode(line, Event)

    async def request(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> bytes:
        """Make any call of the API; return the body of its answer. Raises ApiError, Unavailable."""
        return await self._client.call(method, path, query, body)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *what: object) -> None:
        await self._client.__aexit__(*what)


def connect(host: str = "", *, tls: Tls | None = None) -> Engine:
    """Return an engine that is connected inside `async with`.

    host: `unix:///run/boxship.sock`, `tcp://host:2376`; "" asks BOXSHIP_HOST and DOCKER_HOST, as the command line does,
    and DOCKER_TLS_VERIFY with DOCKER_CERT_PATH. Raises Invalid for an address that is none.
    """
    return Engine(AsyncClient(parse_host(host or host_from(os.environ), tls or tls_from(os.environ, {}))))
