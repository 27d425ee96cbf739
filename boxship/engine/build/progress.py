"""Vertexes of one build, and telling what becomes of them."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from boxship.base.clock import Clock
from boxship.engine.build.api import Advanced, Completed, Progress, Started, Tell, Vertex, Written


class Telling:
    """One vertex under way. The fields are what its end will tell."""

    def __init__(self, progress: "Reporter", vertex: Vertex) -> None:
        self._reporter = progress
        self.vertex = vertex
        self.started = progress.now()
        self.cached = False
        self.image = ""
        self.container = ""

    def runs(self, container: str) -> None:
        self.container = container
        self._reporter.tell(Started(vertex=self.vertex, time=self._reporter.now(), container=container))

    def wrote(self, stream: int, text: bytes) -> None:
        self._reporter.tell(Written(vertex=self.vertex, stream=stream, text=text, time=self._reporter.now()))

    def advanced(self, id: str, current: int, total: int, *, done: bool = False) -> None:
        now = self._reporter.now()
        self._reporter.tell(
            Advanced(
                vertex=self.vertex,
                id=id,
                current=current,
                total=total,
                time=now,
                started=self.started,
                completed=now if done else 0,
            )
        )


class Reporter:
    def __init__(self, tell: Tell, clock: Clock, seed: str) -> None:
        self._tell = tell
        self._clock = clock
        self._seed = seed

    def now(self) -> int:
        return self._clock.now()

    def tell(self, progress: Progress) -> None:
        self._tell(progress)

    def digest(self, name: str) -> str:
        return "sha256:" + hashlib.sha256(f"{self._seed}\0{name}".encode()).hexdigest()

    def within(self, part: str) -> "Reporter":
        """Return one for a part of the build: the same names are other vertexes there."""
        return Reporter(self._tell, self._clock, f"{self._seed}\0{part}")

    def vertex(self, name: str, inputs: tuple[str, ...] = ()) -> Vertex:
        """Return a vertex for what is no instruction."""
        return Vertex(digest=self.digest(name), name=name, inputs=inputs)

    @asynccontextmanager
    async def under_way(self, vertex: Vertex) -> AsyncIterator[Telling]:
        """Tell of the start, and however it ends, of the end."""
        telling = Telling(self, vertex)
        self.tell(Started(vertex=vertex, time=telling.started))
        error = "context canceled"
        try:
            yield telling
            error = ""
        except Exception as e:
            error = str(e) or type(e).__name__
            raise
        finally:
            self.tell(
                Completed(
                    vertex=vertex,
                    time=self.now(),
                    started=telling.started,
                    cached=telling.cached and not error,
                    image=telling.image,
                    container=telling.container,
                    error=error,
                )
            )
