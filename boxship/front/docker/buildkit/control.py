"""moby.buildkit.v1.Control: builds, their progress and their history, sessions, and the cache."""

import asyncio
from typing import TYPE_CHECKING

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from boxship.base.errors import PlatformError, Unsupported
from boxship.engine.build.api import CacheRef
from boxship.front.docker.buildkit import gateway, usage
from boxship.front.docker.buildkit.builds import Build
from boxship.front.docker.buildkit.door import Door, response_of
from boxship.front.docker.buildkit.pb import control_grpc
from boxship.front.docker.buildkit.pb import control_pb2 as pb
from boxship.front.docker.buildkit.pb.status_pb2 import Status as Failure
from boxship.front.docker.buildkit.results import Result
from boxship.front.docker.buildkit.rpc import answers, fault
from boxship.front.docker.buildkit.tunnel import tunnelled
from boxship.front.docker.buildkit.wire import attrs
from boxship.front.docker.buildkit.wire.workers import Worker, version, worker

if TYPE_CHECKING:
    from grpclib.server import Stream


class Control(control_grpc.ControlBase):
    def __init__(self, door: Door, about: Worker) -> None:
        self._door = door
        self._about = about

    # ---- building

    async def Solve(self, stream: "Stream[pb.SolveRequest, pb.SolveResponse]") -> None:
        """One build. With a frontend named all is said; without, its client leads it by LLBBridge and ends with
        Return. It is cancelled when the client goes."""
        request = await stream.recv_message()
        assert request is not None
        try:
            build = await self._door.builds.begin(request)
        except PlatformError as e:
            raise fault(e) from e
        try:
            try:
                response = await self._solved(build, request)
            finally:  # before the client knows that it is over
                await asyncio.shield(self._release(build))
            build.record.exporter_response.update(response)
            await stream.send_message(pb.SolveResponse(exporter_response=response))
        except PlatformError as e:
            self._note(build, str(e))
            raise fault(e, bare=True) from e
        except GRPCError as e:
            self._note(build, e.message or "")
            raise
        except asyncio.CancelledError:
            self._note(build, "context canceled")
            raise
        finally:
            self._door.builds.end(build)

    def _note(self, build: Build, error: str) -> None:
        build.record.error.CopyFrom(Failure(code=Status.UNKNOWN.value, message=error))

    async def _release(self, build: Build) -> None:
        for result in gateway.held_by(build):
            await self._door.release(result)

    async def _solved(self, build: Build, request: pb.SolveRequest) -> dict[str, str]:
        if request.frontend:
            wish = gateway.Wish(request.frontend, request.frontend_attrs, request.frontend_inputs, request.session)
            result = gateway.wished(self._door, build, wish)
            if result.asked is not None and result.asked.request:
                raise Unsupported("questions about a Dockerfile are answered by LLBBridge only")
        elif getattr(request.definition, "def"):
            result = await gateway.fetched(self._door, build, request.definition)
        else:
            returned = await build.returned
            if returned is None:
                return {}
            result = returned
        return await self._exported(build, request, result)

    async def _exported(self, build: Build, request: pb.SolveRequest, result: Result) -> dict[str, str]:
        outputs = attrs.outputs_of(_exporters(request))
        if result.asked is None:
            if any(output.kind != "none" for output in outputs):
                raise Unsupported("files that were fetched cannot be exported")
            return {}
        done = await self._door.run(
            build,
            result,
            outputs,
            cache_from=_imports(request),
            cache_to=_exports(request),
            entitlements=request.entitlements,
        )
        return response_of(done, kept=any(output.kind == "image" for output in outputs))

    @answers
    async def Status(self, stream: "Stream[pb.StatusRequest, pb.StatusResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        build = await self._door.builds.get(request.ref)
        async for told in build.log.read():
            await stream.send_message(told)

    @answers
    async def Session(self, stream: "Stream[pb.BytesMessage, pb.BytesMessage]") -> None:
        """A session inside this connection, for clients that reach no `/session`."""
        await tunnelled(stream, self._door.sessions)

    # ---- history

    @answers
    async def ListenBuildHistory(self, stream: "Stream[pb.BuildHistoryRequest, pb.BuildHistoryEvent]") -> None:
        request = await stream.recv_message()
        assert request is not None
        builds = self._door.builds
        await stream.send_initial_metadata()
        async for event in builds.listen(request.ref, active=request.active_only, once=request.early_exit):
            await stream.send_message(event)

    @answers
    async def UpdateBuildHistory(
        self, stream: "Stream[pb.UpdateBuildHistoryRequest, pb.UpdateBuildHistoryResponse]"
    ) -> None:
        request = await stream.recv_message()
        assert request is not None
        if request.delete:
            self._door.builds.forget(request.ref)
        else:
            self._door.builds.ended(request.ref).record.pinned = request.pinned
        await stream.send_message(pb.UpdateBuildHistoryResponse())

    # ---- what there is

    @answers
    async def Info(self, stream: "Stream[pb.InfoRequest, pb.InfoResponse]") -> None:
        await stream.recv_message()
        await stream.send_message(pb.InfoResponse(buildkit_version=version(self._about)))

    @answers
    async def ListWorkers(self, stream: "Stream[pb.ListWorkersRequest, pb.ListWorkersResponse]") -> None:
        await stream.recv_message()
        await stream.send_message(pb.ListWorkersResponse(record=[worker(self._about)]))

    @answers
    async def DiskUsage(self, stream: "Stream[pb.DiskUsageRequest, pb.DiskUsageResponse]") -> None:
        request = await stream.recv_message()
        assert request is not None
        chosen = usage.filters_of(request.filter)
        records = await self._door.builder.records(chosen)
        await stream.send_message(pb.DiskUsageResponse(record=[usage.record(each) for each in records]))

    @answers
    async def Prune(self, stream: "Stream[pb.PruneRequest, pb.UsageRecord]") -> None:
        request = await stream.recv_message()
        assert request is not None
        wish = usage.wish_of(request)
        records = {each.id: each for each in await self._door.builder.records({})}
        done = await self._door.builder.prune(wish)
        await stream.send_initial_metadata()
        for id in done.ids:
            if id in records:
                await stream.send_message(usage.record(records[id]))


def _exporters(request: pb.SolveRequest) -> list[tuple[str, dict[str, str]]]:
    found = [(each.type, dict(each.attrs)) for each in request.exporters]
    if not found and request.exporter:
        found = [(request.exporter, dict(request.exporter_attrs))]
    return found


def _imports(request: pb.SolveRequest) -> tuple[CacheRef, ...]:
    named = attrs.caches_of([(each.type, each.attrs) for each in request.cache.imports])
    return (*named, *attrs.caches_of([("registry", {"ref": ref}) for ref in request.cache.import_refs]))


def _exports(request: pb.SolveRequest) -> tuple[CacheRef, ...]:
    named = attrs.caches_of([(each.type, each.attrs) for each in request.cache.exports])
    if not request.cache.export_ref:
        return named
    old = {**request.cache.export_attrs, "ref": request.cache.export_ref}
    return (*named, *attrs.caches_of([("registry", old)]))
