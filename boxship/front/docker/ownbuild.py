"""`POST /boxship/build`: what our own command line builds with. See docs/build.md for the protocol.

The connection is taken over. We ask for files, secrets, ssh and credentials as the build needs them, send outputs, and
tell progress all along; the client ends the build by going.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from boxship.base.codec import convert
from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.engine.build import layouts
from boxship.engine.build.api import CONTEXT, IGNORE, Blobs, BuildSpec, CacheRef, Output, Progress, Tree
from boxship.engine.build.service import Builder
from boxship.engine.build.workspace import Workspace
from boxship.engine.images.registry.auth import NOBODY, Credentials, parse_credentials
from boxship.front.docker.keys import BUILDER
from boxship.front.docker.talk import Conversation, Talk
from boxship.front.docker.wire import ownbuild as wire
from boxship.front.rest import hijack
from boxship.front.rest.connection import cancel_when_gone

routes = web.RouteTableDef()
KIND = "application/vnd.boxship.build.v1"


@routes.post("/boxship/build")
async def build(request: web.Request) -> web.StreamResponse:
    """400 for a request that cannot be understood; everything later is told in the conversation."""
    spec, check = wire.parse_wish(await request.read())
    builder = request.app[BUILDER]
    stream = await hijack.take_over(request, KIND, upgrade="boxship-build")
    cancel_when_gone(request)
    talk = Talk(stream)
    listening = asyncio.create_task(talk.listen(), name="build client")
    try:
        work = asyncio.create_task(_build(builder, spec, talk, check=check), name="build")
        await asyncio.wait((work, listening), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():  # the client has gone
            work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await stream.close()
    return stream.response


async def _build(builder: Builder, spec: BuildSpec, talk: Talk, *, check: bool) -> None:
    space = builder.place()
    told: asyncio.Queue[Progress | None] = asyncio.Queue()
    telling = asyncio.create_task(_tell(talk, told), name="build progress")
    try:
        async with AsyncExitStack() as stack:
            sources = Asked(talk, builder, space, stack)
            last = await _last(builder, spec, sources, told, check=check)
        told.put_nowait(None)
        await telling
        await talk.tell(last)
    except ConnectionError:
        pass
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        space.close()


async def _last(
    builder: Builder, spec: BuildSpec, sources: "Asked", told: "asyncio.Queue[Progress | None]", *, check: bool
) -> wire.Told:
    try:
        if check:
            return wire.checked(await builder.check(spec, sources))
        return wire.ended(await builder.build(spec, sources, told.put_nowait))
    except PlatformError as e:
        return wire.failed(e)


async def _tell(talk: Talk, queue: "asyncio.Queue[Progress | None]") -> None:
    while (progress := await queue.get()) is not None:
        await talk.tell(wire.told(progress))


class Asked:
    """What the client still has to give; see engine.build.api.Sources."""

    def __init__(self, talk: Talk, builder: Builder, space: Workspace, stack: AsyncExitStack) -> None:
        self._talk = talk
        self._builder = builder
        self._space = space
        self._stack = stack

    async def directory(self, name: str, ignore: Sequence[str], only: Sequence[str]) -> Tree:
        question = {"Ask": "directory", "Name": CONTEXT if name == IGNORE else name, "Only": list(only)}
        async with self._talk.begin({**question, "Ignore": list(ignore)}) as asked:
            about = await asked.message()
            if about.get("None"):
                raise NotFound(f"no build context named {name}")
            if only or about.get("Archive"):
                return await self._builder.receive(asked.pieces(), self._space)
            return await self._kept(asked, str(about.get("Key") or ""), str(about.get("Name") or name))

    async def _kept(self, asked: Conversation, key: str, name: str) -> Tree:
        spare = self._space.directory("context")
        kept = await self._stack.enter_async_context(self._builder.contexts.claim(key, name, spare))
        opening = asyncio.create_task(kept.open())
        listing = b"".join([piece async for piece in asked.pieces()])
        await opening
        missing = await kept.compare(listing)
        await asked.say({"Send": missing})
        if missing:
            await kept.take(asked.pieces())
        return kept.tree()

    async def secret(self, id: str) -> bytes | None:
        async with self._talk.begin({"Ask": "secret", "Id": id}) as asked:
            return await asked.whole()

    @asynccontextmanager
    async def agent(self, id: str) -> AsyncIterator[Path | None]:
        async with self._talk.begin({"Ask": "agent", "Id": id}) as asked:
            there = bool((await asked.message()).get("There"))
        if not there:
            yield None
            return
        home = self._space.directory("agent", 0o700)
        server = await asyncio.start_unix_server(lambda r, w: self._dial(id, r, w), home / "socket")
        try:
            yield home / "socket"
        finally:
            server.close()

    async def _dial(self, id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bring one connection of a process to the client's agent."""
        try:
            async with self._talk.begin({"Ask": "dial", "Id": id}) as asked:
                there = asyncio.create_task(_forward(reader, asked))
                try:
                    async for piece in asked.pieces():
                        writer.write(piece)
                        await writer.drain()
                finally:
                    there.cancel()
                    await asyncio.gather(there, return_exceptions=True)
        except (PlatformError, ConnectionError):
            pass  # the process sees its connection end
        finally:
            writer.close()

    async def credentials(self, domain: str) -> Credentials:
        async with self._talk.begin({"Ask": "credentials", "Domain": domain}) as asked:
            found = convert(await asked.message(), dict[str, Any])
            return parse_credentials(found) if found else NOBODY

    def blobs(self, cache: CacheRef) -> Blobs:
        name = "dest" if "dest" in cache.attributes else "src"
        place = cache.attributes.get(name)
        if not place:
            raise Invalid("a cache of type local needs src (to take it) or dest (to put it)")
        return Remote(self._talk, place, cache.attributes.get("tag", ""), cache.attributes.get("digest", ""))

    def layout(self, where: str) -> Blobs:
        return Remote(self._talk, *layouts.split(where))

    async def receive(self, output: Output, pieces: AsyncIterator[bytes]) -> None:
        await self._give({"Give": "archive", "Output": output.id}, pieces)

    async def receive_tree(self, output: Output, root: Path) -> None:
        await self._give({"Give": "tree", "Output": output.id}, self._builder.packed(root))

    async def _give(self, message: dict[str, Any], pieces: AsyncIterator[bytes]) -> None:
        async with self._talk.begin(message) as given:
            async for piece in pieces:
                await given.send(piece)
            await given.end()
            await given.done()


async def _forward(reader: asyncio.StreamReader, asked: Conversation) -> None:
    while data := await reader.read(1 << 16):
        await asked.send(data)
    await asked.end()


class Remote:
    """An OCI layout in a directory of the client's; see engine.build.api.Blobs. tag, digest: of what is on top; without
    either it is `latest`, or the only one."""

    def __init__(self, talk: Talk, place: str, tag: str = "", digest: str = "") -> None:
        self._talk = talk
        self._place = place
        self._tag = tag
        self._digest = digest

    def _question(self, what: str, **more: Any) -> dict[str, Any]:
        return {"Blob": what, "Place": self._place, **more}

    async def manifest(self) -> bytes:
        async with self._talk.begin(self._question("manifest", Tag=self._tag, Digest=self._digest)) as asked:
            found = await asked.whole()
        if found is None:
            what = f"nothing called {self._tag}" if self._tag else "no OCI layout"
            raise NotFound(f"{what} in {self._place}")
        return found

    async def read(self, digest: str, size: int) -> AsyncIterator[bytes]:
        async with self._talk.begin(self._question("read", Digest=digest)) as asked:
            async for piece in asked.pieces():
                yield piece

    async def has(self, digest: str) -> bool:
        async with self._talk.begin(self._question("has", Digest=digest)) as asked:
            return bool((await asked.message()).get("There"))

    async def write(self, digest: str, size: int, pieces: AsyncIterator[bytes]) -> None:
        async with self._talk.begin(self._question("write", Digest=digest)) as asked:
            async for piece in pieces:
                await asked.send(piece)
            await asked.end()
            await asked.done()

    async def finish(self, manifest: bytes, media_type: str) -> None:
        async with self._talk.begin(self._question("finish", MediaType=media_type, Tag=self._tag)) as asked:
            await asked.send(manifest)
            await asked.end()
            await asked.done()
