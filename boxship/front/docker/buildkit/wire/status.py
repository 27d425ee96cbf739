"""Progress of a build as BuildKit's clients are told of it. Pure."""

from google.protobuf.timestamp_pb2 import Timestamp

from boxship.engine.build.api import Advanced, Completed, Planned, Progress, Started, Vertex, Warned, Written
from boxship.front.docker.buildkit.pb import control_pb2 as pb
from boxship.front.docker.buildkit.pb.ops_pb2 import Position, Range, SourceInfo
from boxship.front.docker.buildkit.wire.faults import bare

SECOND = 1_000_000_000
LEVEL = 1
SINGLE = "stage-0"


def stamp(time: int) -> Timestamp:
    """time: nanoseconds since 1970."""
    return Timestamp(seconds=time // SECOND, nanos=time % SECOND)


def shown(vertex: Vertex) -> bool:
    """Tell whether a step is worth a line: instructions that only note a setting are not."""
    return bool(vertex.number) or not vertex.step


class Telling:
    """Turns progress into messages. text: of the Dockerfile once known, for warnings.

    only: names of the steps to tell of, None is all of them.  without: of those to keep quiet of."""

    def __init__(self, only: frozenset[str] | None = None, without: frozenset[str] = frozenset()) -> None:
        self.file = ""
        self.text = b""
        self.current: dict[str, Vertex] = {}  # steps under way, by name
        self.steps = self.completed = self.cached = 0
        self._only = only
        self._without = without
        self._first = ""
        self._single = False  # there is one stage, which has no name

    def feed(self, progress: Progress) -> pb.StatusResponse | None:
        """Return what clients are to be told, None for nothing."""
        if isinstance(progress, Planned):
            self._single = {vertex.stage for vertex in progress.vertexes if vertex.stage} == {SINGLE}
            told = [self._vertex(vertex) for vertex in progress.vertexes if self._shows(vertex)]
            return pb.StatusResponse(vertexes=told) if told else None
        if isinstance(progress, Warned):
            return pb.StatusResponse(warnings=[self._warning(progress)])
        vertex = progress.vertex
        if isinstance(progress, Completed):
            self.current.pop(vertex.name, None)
            return self._completed(progress)
        if not self._shows(vertex):
            return None
        if isinstance(progress, Started):
            if vertex.name in self.current:  # told of once more, with the container it runs in
                return None
            self.current[vertex.name] = vertex
            self._first = self._first or vertex.digest
            return pb.StatusResponse(vertexes=[self._vertex(vertex, progress.time)])
        if isinstance(progress, Written):
            log = pb.VertexLog(
                vertex=vertex.digest, timestamp=stamp(progress.time), stream=progress.stream, msg=progress.text
            )
            return pb.StatusResponse(logs=[log])
        return pb.StatusResponse(statuses=[_status(progress)])

    def _shows(self, vertex: Vertex) -> bool:
        chosen = vertex.name not in self._without and (self._only is None or vertex.name in self._only)
        return chosen and shown(vertex)

    def _completed(self, progress: Completed) -> pb.StatusResponse | None:
        self.steps += 1
        self.completed += not progress.error
        self.cached += progress.cached
        if not (self._shows(progress.vertex) or progress.error):
            return None
        vertex = self._vertex(progress.vertex, progress.started)
        vertex.completed.CopyFrom(stamp(progress.time))
        vertex.cached = progress.cached
        vertex.error = bare(progress.error)
        return pb.StatusResponse(vertexes=[vertex])

    def _vertex(self, vertex: Vertex, started: int = 0) -> pb.Vertex:
        name = vertex.name.replace(f"{SINGLE} ", "", 1) if self._single else vertex.name
        told = pb.Vertex(digest=vertex.digest, name=name, inputs=vertex.inputs)
        if started:
            told.started.CopyFrom(stamp(started))
        return told

    def _warning(self, warned: Warned) -> pb.VertexWarning:
        if warned.rule == "UnusedBuildArg":
            text = f"[Warning] One or more build-args [{warned.text}] were not consumed"
            return pb.VertexWarning(vertex=self._first, level=LEVEL, short=text.encode())
        vertex = warned.vertex.digest if warned.vertex else self._first
        told = pb.VertexWarning(vertex=vertex, level=LEVEL, url=warned.url)
        told.short = f"{warned.rule}: {warned.text} (line {warned.line})".encode(errors="replace")
        if warned.detail:
            told.detail.append(warned.detail.encode(errors="replace"))
        if self.text and warned.line:
            told.info.CopyFrom(SourceInfo(filename=self.file, data=self.text, language="Dockerfile"))
            at = Position(line=warned.line)
            told.ranges.append(Range(start=at, end=at))
        return told


def _status(progress: Advanced) -> pb.VertexStatus:
    counts = progress.total != 1  # else it is something done at once: a name given
    told = pb.VertexStatus(
        id=progress.id,
        vertex=progress.vertex.digest,
        current=progress.current if counts else 0,
        total=progress.total if counts else 0,
        timestamp=stamp(progress.time),
        started=stamp(progress.started),
    )
    if progress.completed:
        told.completed.CopyFrom(stamp(progress.completed))
    return told


def counted(vertex: Vertex, name: str, size: int, started: int, now: int, *, done: bool) -> pb.StatusResponse:
    """Return how much has come in within a step. size: bytes."""
    progress = Advanced(
        vertex=vertex, id=name, current=size, total=0, time=now, started=started, completed=now if done else 0
    )
    return pb.StatusResponse(statuses=[_status(progress)])
