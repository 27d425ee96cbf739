"""Builds that clients have asked for, by the names they gave them, and what is told of each."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from boxship.base.errors import Conflict, NotFound
from boxship.front.docker.buildkit.pb import control_pb2 as pb
from boxship.front.docker.buildkit.results import Result

BACKLOG = 16 << 20  # bytes told that nobody has read; older output is dropped then
KEPT = 16  # builds that have ended and can still be asked for
KEPT_LOG = 128 << 10  # bytes of what each told
PIECE = 256 << 10  # bytes that one message may grow to
PAUSE = 0.02  # seconds in which what is told is gathered into one message
PATIENCE = 30.0  # seconds that who asks for a build's progress waits for the build


class Log:
    """What a build tells, from its beginning, to as many as want to know."""

    def __init__(self) -> None:
        self._told: list[pb.StatusResponse] = []
        self._seen = 0  # messages that somebody has read
        self._bare = 0  # messages, from the first, whose output was dropped
        self._bytes = self._last = 0  # in all messages, and in the last one
        self._news = asyncio.Event()
        self.ended = False

    def add(self, message: pb.StatusResponse) -> None:
        """Unread messages grow into one: there are no more of them than somebody has read, and a few."""
        size = message.ByteSize()
        if len(self._told) > max(self._seen, self._bare) and self._last < PIECE:
            self._told[-1].MergeFrom(message)
            self._last += size
        else:
            self._told.append(message)
            self._last = size
        self._bytes += size
        self._shorten(BACKLOG)
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._shorten(KEPT_LOG)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _shorten(self, limit: int) -> None:
        """Drop output, oldest first; what says that a step began and ended stays."""
        while self._bytes > limit and self._bare < len(self._told):
            message = self._told[self._bare]
            self._bytes -= message.ByteSize()
            del message.logs[:]
            self._bytes += message.ByteSize()
            self._bare += 1

    async def read(self) -> AsyncIterator[pb.StatusResponse]:
        """Yield everything to the end, gathered."""
        at = 0
        while True:
            news = self._news
            if at < len(self._told):
                gathered = pb.StatusResponse()
                for message in self._told[at:]:
                    gathered.MergeFrom(message)
                at = len(self._told)
                self._seen = max(self._seen, at)
                yield gathered
            elif self.ended:
                return
            else:
                await news.wait()
                if not self.ended:
                    await asyncio.sleep(PAUSE)


@dataclass(slots=True)
class Build:
    """One build. results: what its client was given, by id.  returned: which of them is the build's; None is none.
    record: what history says of it."""

    ref: str
    session: str = ""
    log: Log = field(default_factory=Log)
    results: dict[str, Result] = field(default_factory=dict)
    asked: "asyncio.Future[pb.SolveRequest]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    returned: "asyncio.Future[Result | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    record: pb.BuildHistoryRecord = field(default_factory=pb.BuildHistoryRecord)
    internal: bool = False


class Builds:
    """All builds under way, and the latest of those that have ended."""

    def __init__(self) -> None:
        self._builds: dict[str, Build] = {}
        self._ended: list[str] = []
        self._news = asyncio.Condition()
        self._listeners: set[asyncio.Queue[pb.BuildHistoryEvent]] = set()

    async def begin(self, request: pb.SolveRequest) -> Build:
        """Raises Conflict for a name that is in use."""
        if request.ref in self._builds:
            raise Conflict(f"job ID {request.ref} exists")
        build = Build(request.ref, request.session, internal=request.internal)
        build.asked.set_result(request)
        exporters = [pb.Exporter(type=e.type, attrs=e.attrs) for e in request.exporters]
        build.record = pb.BuildHistoryRecord(
            ref=request.ref, frontend=request.frontend, frontend_attrs=request.frontend_attrs, exporters=exporters
        )
        build.record.created_at.FromNanoseconds(time.time_ns())
        async with self._news:
            self._builds[request.ref] = build
            self._news.notify_all()
        self._announce(build, pb.STARTED)
        return build

    def end(self, build: Build) -> None:
        build.log.end()
        build.results.clear()
        build.record.completed_at.FromNanoseconds(time.time_ns())
        self._announce(build, pb.COMPLETE)
        self._ended.append(build.ref)
        pinned = [ref for ref in self._ended if self._builds[ref].record.pinned]
        while len(self._ended) - len(pinned) > KEPT:
            oldest = next(ref for ref in self._ended if ref not in pinned)
            self.forget(oldest)

    async def get(self, ref: str) -> Build:
        """Return a build; it may be on its way. Raises NotFound."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(lambda: ref in self._builds)
                return self._builds[ref]
        except TimeoutError:
            raise NotFound(f"no such job {ref}") from None

    def forget(self, ref: str) -> None:
        """Raises NotFound for one that is not there or under way."""
        if ref not in self._ended:
            raise NotFound(f"no record of a build {ref}")
        self._ended.remove(ref)
        self._announce(self._builds.pop(ref), pb.DELETED)

    def ended(self, ref: str) -> Build:
        if ref not in self._ended:
            raise NotFound(f"no record of a build {ref}")
        return self._builds[ref]

    def all(self) -> list[Build]:
        return list(self._builds.values())

    # ---- history

    def _announce(self, build: Build, kind: Any) -> None:
        if not build.internal:
            for listener in self._listeners:
                listener.put_nowait(event_of(build, kind))

    async def listen(self, ref: str, *, active: bool, once: bool) -> AsyncIterator[pb.BuildHistoryEvent]:
        """Yield what there is, and then, unless `once`, what comes."""
        queue: asyncio.Queue[pb.BuildHistoryEvent] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            for build in self.all():
                if not build.internal and ref in ("", build.ref) and not (active and build.log.ended):
                    yield event_of(build, pb.COMPLETE if build.log.ended else pb.STARTED)
            while not once:
                event = await queue.get()
                if ref in ("", event.record.ref) and not (active and event.type != pb.STARTED):
                    yield event
        finally:
            self._listeners.discard(queue)


def event_of(build: Build, kind: Any) -> pb.BuildHistoryEvent:
    record = pb.BuildHistoryRecord()
    record.CopyFrom(build.record)
    return pb.BuildHistoryEvent(type=kind, record=record)
