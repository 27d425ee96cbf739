"""Docker Engine API, /build: the classic builder. Building is the engine's business, the words are wire/build's."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.engine.build.api import CONTEXT, Blobs, BuildResult, CacheRef, Output, Progress, Tree
from boxship.engine.build.prune import PruneWish
from boxship.engine.build.service import Builder
from boxship.engine.images.registry.auth import Credentials
from boxship.front.docker.keys import BUILDER
from boxship.front.docker.wire import build as wire
from boxship.front.rest import body, filters, jsonstream, query, versions
from boxship.front.rest.connection import cancel_when_gone

routes = web.RouteTableDef()
_running: dict[str, "asyncio.Task[BuildResult]"] = {}  # by the id that the client gave its build
PRUNE_KEYS = frozenset(("until", "id", "parent", "type", "description", "inuse", "shared", "private", "unused-for"))


class _Sent:
    """What the client of one request has sent: a context, and credentials."""

    def __init__(self, tree: Tree | None, known: Mapping[str, Credentials]) -> None:
        self._tree = tree
        self._known = known

    async def directory(self, name: str, ignore: Sequence[str], only: Sequence[str]) -> Tree:
        if name != CONTEXT or self._tree is None:
            raise NotFound(f"no build context named {name}")
        return self._tree

    async def secret(self, id: str) -> bytes | None:
        return None

    @asynccontextmanager
    async def agent(self, id: str) -> AsyncIterator[Path | None]:
        yield None

    async def credentials(self, domain: str) -> Credentials:
        return wire.credentials_for(self._known, domain)

    def blobs(self, cache: CacheRef) -> Blobs:
        raise Invalid("the classic builder has no caches at the client's")

    def layout(self, where: str) -> Blobs:
        raise Invalid("the classic builder has no layouts at the client's")

    async def receive(self, output: Output, pieces: AsyncIterator[bytes]) -> None:
        raise Invalid("the classic builder sends no archives")

    async def receive_tree(self, output: Output, root: Path) -> None:
        raise Invalid("the classic builder sends no files")


@routes.post("/build")
async def build(request: web.Request) -> web.StreamResponse:
    """A failure before the first step is answered with a status of its own, a later one in the stream."""
    if request.query.get("version") == "2":
        from boxship.front.docker.buildkit import version2  # and with it all of gRPC

        return await version2.build(request)
    many = {name: query.many(request, name) for name in ("t", "extrahosts")}
    asked = wire.parse_query(request.query, many, versions.of(request))
    builder = request.app[BUILDER]
    cancel_when_gone(request)
    space = builder.place()
    try:
        tree = None if asked.spec.context else await builder.receive(request.content.iter_any(), space)
        sent = _Sent(tree, wire.parse_registry_config(request.headers.get("X-Registry-Config", "")))
        return await _Answer(request, builder, asked, sent).run()
    finally:
        space.close()


class _Answer:
    """One build and the lines that tell of it."""

    def __init__(self, request: web.Request, builder: Builder, asked: wire.Asked, sent: _Sent) -> None:
        self._request = request
        self._asked = asked
        self._queue: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._task = asyncio.create_task(builder.build(asked.spec, sent, self._queue.put_nowait), name="build")
        self._task.add_done_callback(lambda _: self._queue.put_nowait(None))
        self._classic = wire.Classic(quiet=asked.quiet, remove=asked.remove)

    async def run(self) -> web.StreamResponse:
        build_id = self._asked.build_id
        if build_id:
            _running[build_id] = self._task
        try:
            early = await self._early()
            if self._task.done() and not early:
                self._task.result()
            async with jsonstream.open(self._request) as out:
                await self._lines(out, early)
            return out.response
        finally:
            _running.pop(build_id, None)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _early(self) -> list[wire.Line]:
        """Wait for the first line there is to show; [] when the build ended before."""
        while (progress := await self._queue.get()) is not None:
            if lines := self._classic.feed(progress):
                return lines
        return []

    async def _lines(self, out: jsonstream.JsonStream, early: Sequence[wire.Line]) -> None:
        for line in early:
            await out.send(line)
        while not (self._task.done() and self._queue.empty()):
            progress = await self._queue.get()
            for line in self._classic.feed(progress) if progress is not None else ():
                await out.send(line)
        for line in self._last():
            await out.send(line)

    def _last(self) -> list[wire.Line]:
        try:
            return self._classic.ended(self._task.result(), self._asked.spec.tags)
        except asyncio.CancelledError:
            return self._classic.failed(Invalid("the build was cancelled"))
        except PlatformError as e:
            return self._classic.failed(e)


@routes.post("/build/cancel")
async def cancel(request: web.Request) -> web.Response:
    """204 in any case once the id is given: a build that has ended is cancelled enough."""
    build_id = request.query.get("id", "")
    if not build_id:
        raise Invalid("build ID not provided")
    if "boxship.front.docker.buildkit.version2" in sys.modules:  # else nobody has built so
        sys.modules["boxship.front.docker.buildkit.version2"].cancel(build_id)
    task = _running.get(build_id)
    if task is not None:
        task.cancel()
    return web.Response(status=204)


@routes.post("/build/prune")
async def prune(request: web.Request) -> web.Response:
    """`all`, `filters`, and bytes to leave: `keep-storage`, since 1.48 `reserved-space`."""
    asked = filters.of(request, PRUNE_KEYS)
    keep = query.number(request, "keep-storage") or query.number(request, "reserved-space") or 0
    wish = PruneWish(
        all=query.boolean(request, "all"),
        keep=keep,
        filters={name: asked.get(name) for name in PRUNE_KEYS if name in asked},
    )
    done = await request.app[BUILDER].prune(wish)
    return body.reply({"CachesDeleted": list(done.ids) or None, "SpaceReclaimed": done.bytes})
