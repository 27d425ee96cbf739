"""POST /build?version=2: how the docker CLI built over a session before it had buildx (20.10).

What is needed of the client comes over its session, progress goes out as BuildKit's messages within the JSON stream.
"""

import asyncio
import base64
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.base.ids import new_id
from boxship.engine.build.api import BuildResult, Tree
from boxship.engine.build.workspace import Workspace
from boxship.front.docker.buildkit.builds import Build
from boxship.front.docker.buildkit.door import Door
from boxship.front.docker.buildkit.pb.control_pb2 import SolveRequest
from boxship.front.docker.buildkit.results import Result
from boxship.front.docker.buildkit.routes import door_of
from boxship.front.docker.buildkit.wire import attrs
from boxship.front.docker.keys import BUILDER
from boxship.front.docker.wire import build as wire
from boxship.front.rest import jsonstream, query, versions
from boxship.front.rest.connection import cancel_when_gone

TRACE, IMAGE = "moby.buildkit.trace", "moby.image.id"
PATIENCE = 30.0  # seconds that a build waits for the archive that comes in a request of its own
_running: dict[str, "asyncio.Task[Any]"] = {}
_uploads: dict[str, "_Upload"] = {}


def cancel(build_id: str) -> None:
    """End a build; nothing happens when there is none of that name."""
    if build_id in _running:
        _running[build_id].cancel()


class _Upload:
    """The archive of one build. Whichever of its two requests comes first makes it."""

    def __init__(self) -> None:
        self.request: asyncio.Future[web.Request] = asyncio.get_running_loop().create_future()
        self.read = asyncio.Event()


def _upload(build_id: str) -> _Upload:
    return _uploads.setdefault(build_id, _Upload())


async def build(request: web.Request) -> web.StreamResponse:
    """A build, or the archive of one: then `buildid` is `upload-request:` and the build's own."""
    kind, _, build_id = request.query.get("buildid", "").rpartition(":")
    cancel_when_gone(request)
    if kind == wire.UPLOAD:
        return await _sent(request, build_id)
    many = {name: query.many(request, name) for name in ("t", "extrahosts")}
    asked = wire.over_session(wire.parse_query(request.query, many, versions.of(request)), request.query)
    session = request.query.get("session", "")
    if not session:
        raise Invalid("the builder of version 2 wants a session")
    door = door_of(request.app)
    begun = await door.builds.begin(SolveRequest(ref=asked.build_id or new_id(), session=session))
    try:
        async with AsyncExitStack() as stack:
            uploaded = None
            if request.query.get("remote") == wire.UPLOAD:
                space = request.app[BUILDER].place()
                stack.callback(space.close)
                uploaded = await _received(request, asked.build_id, space)
            result = Result(new_id(), session, attrs.Asked(spec=asked.spec))
            return await _Answer(request, door, begun, result, uploaded, asked.build_id).run()
    finally:
        door.builds.end(begun)


async def _sent(request: web.Request, build_id: str) -> web.Response:
    """Hold a request's body ready until the build has read it."""
    upload = _upload(build_id)
    if upload.request.done():
        raise Invalid(f"the build {build_id} has its context already")
    upload.request.set_result(request)
    try:
        await upload.read.wait()
    finally:
        _uploads.pop(build_id, None)
    return web.Response()


async def _received(request: web.Request, build_id: str, space: Workspace) -> Tree:
    upload = _upload(build_id)
    try:
        sent = await asyncio.wait_for(upload.request, PATIENCE)
        return await request.app[BUILDER].receive(sent.content.iter_any(), space)
    except TimeoutError:
        raise NotFound(f"the build {build_id} has no context") from None
    finally:
        upload.read.set()
        _uploads.pop(build_id, None)


class _Answer:
    """One build and the lines that tell of it."""

    def __init__(
        self, request: web.Request, door: Door, build: Build, result: Result, uploaded: Tree | None, build_id: str
    ) -> None:
        self._request = request
        self._build = build
        self._build_id = build_id
        assert result.asked is not None
        outputs = result.asked.spec.outputs
        caches = result.asked.spec.cache_from
        running = door.run(build, result, outputs, cache_from=caches, entitlements=("network.host",), uploaded=uploaded)
        self._task: asyncio.Task[BuildResult] = asyncio.create_task(running, name="build")
        self._task.add_done_callback(lambda _: build.log.end())

    async def run(self) -> web.StreamResponse:
        _running[self._build_id] = self._task
        try:
            async with jsonstream.open(self._request) as out:
                async for told in self._build.log.read():
                    await out.send({"id": TRACE, "aux": base64.b64encode(told.SerializeToString()).decode()})
                await out.send(await self._last())
            return out.response
        finally:
            _running.pop(self._build_id, None)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _last(self) -> dict[str, Any]:
        try:
            return {"id": IMAGE, "aux": {"ID": (await self._task).image_id}}
        except asyncio.CancelledError:
            return wire.failure(Invalid("context canceled"))
        except PlatformError as e:
            return {"errorDetail": {"message": str(e)}, "error": str(e)}
