"""Sessions: connections on which clients, in the server's role, offer what a build still needs of them."""

import asyncio
from collections.abc import Collection, Mapping

from boxship.base.errors import NotFound, Unsupported
from boxship.front.docker.buildkit.rpc import Held

PATIENCE = 10.0  # seconds that a build waits for its session: both come at once, on connections of their own


class Session:
    """key: the same for the same directory of the same user, for what is kept between builds.
    methods: what the client offers, "/package.Service/Method" in lower case."""

    def __init__(self, id: str, name: str, key: str, methods: Collection[str], channel: Held) -> None:
        self.id = id
        self.name = name
        self.key = key
        self.channel = channel
        self._methods = frozenset(method.lower() for method in methods)

    def offers(self, method: str) -> bool:
        return method.lower() in self._methods

    def need(self, method: str, what: str) -> None:
        """Raise Unsupported for what the client does not offer."""
        if not self.offers(method):
            raise Unsupported(f"the client does not offer {what}")


def announced(headers: Mapping[str, Collection[str]]) -> tuple[str, str, str, frozenset[str]]:
    """Return id, name, key and methods from headers (in lower case) with all their values."""
    one = {name: next(iter(headers.get(f"x-docker-expose-session-{name}", ())), "") for name in _NAMES}
    methods = frozenset(headers.get("x-docker-expose-session-grpc-method", ()))
    return one["uuid"], one["name"], one["sharedkey"], methods


_NAMES = ("uuid", "name", "sharedkey")


class Sessions:
    """Those that are open, by id."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        self._news = asyncio.Condition()

    async def add(self, session: Session) -> None:
        async with self._news:
            self._open[session.id] = session
            self._news.notify_all()

    def remove(self, session: Session) -> None:
        if self._open.get(session.id) is session:
            del self._open[session.id]

    async def get(self, id: str) -> Session:
        """Return a session; it may be on its way. Raises NotFound."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(lambda: id in self._open)
                return self._open[id]
        except TimeoutError:
            raise NotFound(f"no active session for {id}") from None
