"""moby.buildkit.v1.frontend.LLBBridge: how a client leads its own build.

`Solve` gives it a result at once; what is wrong with a Dockerfile shows when it is built: when the client returns the
result, or needs it for another build.
"""

import asyncio
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from boxship.base.errors import Invalid, NotFound, PlatformError, Unsupported
from boxship.base.ids import new_id
from boxship.front.docker.buildkit import questions, trees
from boxship.front.docker.buildkit.builds import Build
from boxship.front.docker.buildkit.door import Door
from boxship.front.docker.buildkit.offers import UPLOADED
from boxship.front.docker.buildkit.pb import gateway_grpc
from boxship.front.docker.buildkit.pb import gateway_pb2 as pb
from boxship.front.docker.buildkit.pb.fsutil_pb2 import Stat
from boxship.front.docker.buildkit.pb.ops_pb2 import Definition
from boxship.front.docker.buildkit.results import Result
from boxship.front.docker.buildkit.rpc import answers, fault
from boxship.front.docker.buildkit.wire import attrs, graph
from boxship.front.docker.buildkit.wire.modes import to_go
from boxship.front.docker.buildkit.wire.workers import FRONTEND_CAPS, LLB_CAPS, Worker, worker

if TYPE_CHECKING:
    from grpclib.server import Stream

BUILD_ID = "buildkit-controlapi-buildid"


class Wish(msgspec.Struct, frozen=True):
    frontend: str
    options: Mapping[str, str]
    inputs: Mapping[str, Definition]
    session: str


def held_by(build: Build) -> list[Result]:
    """Return the results that a build's client holds."""
    found = list(build.results.values())
    build.results.clear()
    return found


def wished(door: Door, build: Build, wish: Wish) -> Result:
    """Return the result of a Dockerfile's build, which is still to be made. Raises Invalid, Unsupported."""
    options = attrs.without_frontend(wish.frontend, wish.options)
    named, inputs = {}, {}
    for name, definition in wish.inputs.items():
        source = graph.source_of(definition)
        if source.kind == "result":
            other = door.result(source.rest, wish.session)
            if other.asked is None:
                named[name] = other.source
            else:
                inputs[name] = other
                named[name] = f"ref:{other.id}"
        elif source.kind == "url":
            named[name] = source.rest
        else:
            raise Unsupported(f"input {name}: a {source.kind} source cannot be one")
    asked = attrs.parse(options, named, uploads=UPLOADED)
    if "context" in inputs:
        raise Unsupported("the result of another build cannot be the main context")
    return _held(door, build, door.wish(asked, wish.session, inputs))


async def fetched(door: Door, build: Build, definition: Definition) -> Result:
    """Return what a graph of a single source stands for, files that are fetched by the first who reads them."""
    source = graph.source_of(definition)
    if source.kind == "result":
        result = door.result(source.rest, build.session)
        return result if result.id in build.results else _held(door, build, result)
    if source.kind != "url":
        raise Unsupported(f"a {source.kind} source cannot be read")
    return _held(door, build, Result(new_id(), build.session, source=source.rest, file=source.file))


def _held(door: Door, build: Build, result: Result) -> Result:
    build.results[result.id] = door.hold(result)
    return result


class LLBBridge(gateway_grpc.LLBBridgeBase):
    """Calls name their build in a header."""

    def __init__(self, door: Door, about: Worker) -> None:
        self._door = door
        self._about = about

    async def _build(self, stream: "Stream[Any, Any]") -> Build:
        ref = str(stream.metadata.get(BUILD_ID, "")) if stream.metadata else ""
        if not ref:
            raise Invalid(f"the header {BUILD_ID} is missing")
        return await self._door.builds.get(ref)

    def _result(self, build: Build, id: str) -> Result:
        if id not in build.results:
            raise NotFound(f"no such ref: {id}")
        return build.results[id]

    # ---- building

    async def Ping(self, stream: "Stream[pb.PingRequest, pb.PongResponse]") -> None:
        await stream.recv_message()
        await stream.send_message(
            pb.PongResponse(
                frontend_api_caps=[pb.APICap(id=name, enabled=True) for name in FRONTEND_CAPS],
                llb_caps=[pb.APICap(id=name, enabled=True) for name in LLB_CAPS],
                workers=[worker(self._about)],
            )
        )

    async def Solve(self, stream: "Stream[pb.SolveRequest, pb.SolveResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        try:
            build = await self._build(stream)
            answer = await self._solved(build, request)
        except PlatformError as e:
            raise fault(e, bare=True) from e
        await stream.send_message(answer)

    async def _solved(self, build: Build, request: pb.SolveRequest) -> pb.SolveResponse:
        if not request.frontend:
            if not getattr(request.definition, "def"):
                return pb.SolveResponse(result=pb.Result(ref=pb.Ref()))
            result = await fetched(self._door, build, request.definition)
        else:
            wish = Wish(request.frontend, request.frontend_opt, request.frontend_inputs, build.session)
            result = wished(self._door, build, wish)
            if result.asked is not None and result.asked.request:
                metadata = await questions.answer(self._door, build, result)
                return pb.SolveResponse(result=pb.Result(metadata=metadata))
        if request.evaluate and result.asked is not None:
            await self._door.evaluate(build, result)
        ref = pb.Ref(id=result.id)
        getattr(ref, "def").CopyFrom(graph.definition_of(result.id))
        return pb.SolveResponse(ref=result.id, result=pb.Result(ref=ref))

    @answers
    async def Evaluate(self, stream: "Stream[pb.EvaluateRequest, pb.EvaluateResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        build = await self._build(stream)
        result = self._result(build, request.ref)
        try:
            if result.asked is not None:
                await self._door.evaluate(build, result)
        except PlatformError as e:
            raise fault(e, bare=True) from e
        await stream.send_message(pb.EvaluateResponse())

    @answers
    async def Return(self, stream: "Stream[pb.ReturnRequest, pb.ReturnResponse]") -> None:
        """The client's last word: which result the build has, or how it failed."""
        request = await stream.recv_message()
        assert request is not None
        build = await self._build(stream)
        if build.returned.done():
            raise Invalid("the build has returned already")
        if request.error.code:
            details = [(detail.type_url, detail.value) for detail in request.error.details]
            build.returned.set_exception(GRPCError(_status(request.error.code), request.error.message, details))
            build.returned.exception()  # somebody looks at it, or the build has gone
        else:
            build.returned.set_result(self._returned(build, request.result))
        await stream.send_message(pb.ReturnResponse())

    def _returned(self, build: Build, result: pb.Result) -> Result | None:
        kind = result.WhichOneof("result")
        if kind == "refs" and result.refs.refs:
            if len(result.refs.refs) > 1:
                raise Unsupported("an index of several results cannot be made")
            return self._result(build, next(iter(result.refs.refs.values())).id)
        id = result.ref.id if kind == "ref" else result.ref_id
        return self._result(build, id) if id else None

    @answers
    async def Inputs(self, stream: "Stream[pb.InputsRequest, pb.InputsResponse]") -> None:
        await stream.recv_message()
        build = await self._build(stream)
        request = await build.asked
        await stream.send_message(pb.InputsResponse(definitions=request.frontend_inputs))

    @answers
    async def Warn(self, stream: "Stream[pb.WarnRequest, pb.WarnResponse]") -> None:
        raise Unsupported("warnings of frontends outside the daemon are not shown")

    # ---- looking at results

    @answers
    async def ResolveImageConfig(
        self, stream: "Stream[pb.ResolveImageConfigRequest, pb.ResolveImageConfigResponse]"
    ) -> None:
        request = await stream.recv_message()
        assert request is not None
        digest, config, ref = self._door.config_of(request.ref)
        await stream.send_message(pb.ResolveImageConfigResponse(digest=digest, config=config, ref=ref))

    @answers
    async def ReadFile(self, stream: "Stream[pb.ReadFileRequest, pb.ReadFileResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        build = await self._build(stream)
        async with trees.opened(self._door, build, self._result(build, request.ref)) as tree:
            data = await asyncio.to_thread(
                tree.read, request.file_path, request.range.offset, request.range.length or trees.BIGGEST
            )
        await stream.send_message(pb.ReadFileResponse(data=data))

    @answers
    async def ReadDir(self, stream: "Stream[pb.ReadDirRequest, pb.ReadDirResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        build = await self._build(stream)
        async with trees.opened(self._door, build, self._result(build, request.ref)) as tree:
            found = await asyncio.to_thread(tree.list, request.dir_path, request.include_pattern)
        await stream.send_message(pb.ReadDirResponse(entries=[_stat(name, entry) for name, entry in found]))

    @answers
    async def StatFile(self, stream: "Stream[pb.StatFileRequest, pb.StatFileResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        build = await self._build(stream)
        async with trees.opened(self._door, build, self._result(build, request.ref)) as tree:
            name, entry = await asyncio.to_thread(tree.stat, request.path)
        await stream.send_message(pb.StatFileResponse(stat=_stat(name, entry)))


def _stat(name: str, entry: trees.Seen) -> Stat:
    told = Stat(path=name.encode(errors="surrogateescape"), mode=to_go(entry.mode), mod_time=entry.mtime)
    if stat.S_ISREG(entry.mode):
        told.size = entry.size
    if entry.link:
        told.linkname = entry.link.encode(errors="surrogateescape")
    return told


def _status(code: int) -> Status:
    try:
        return Status(code)
    except ValueError:
        return Status.UNKNOWN
