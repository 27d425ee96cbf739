"""The files of a result, for as long as one call looks at them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.build.peek import Peeking
from boxship.front.docker.buildkit.builds import Build
from boxship.front.docker.buildkit.door import Door
from boxship.front.docker.buildkit.results import Result
from boxship.host.api.files import Entry

BIGGEST = 3 << 20  # bytes of one answer
Seen = Entry


@dataclass(frozen=True, slots=True)
class Files:
    """`read`, `list` and `stat` block, for a thread."""

    root: Path
    peeking: Peeking

    def read(self, path: str, offset: int, length: int) -> bytes:
        return self.peeking.read(self.root, path, offset, min(length, BIGGEST))

    def list(self, path: str, pattern: str) -> list[tuple[str, Entry]]:
        return self.peeking.list(self.root, path, pattern)

    def stat(self, path: str) -> tuple[str, Entry]:
        return path.rstrip("/").rpartition("/")[2], self.peeking.stat(self.root, path)


@asynccontextmanager
async def opened(door: Door, build: Build, result: Result) -> AsyncIterator[Files]:
    """Give a result's files; it is built or fetched by the first who asks."""
    peeking = door.builder.peeking
    if result.asked is None:
        yield Files(await door.fetched(result), peeking)
        return
    image_id = (await door.evaluate(build, result))[""]
    space = door.builder.place()
    try:
        yield Files(peeking.image(image_id, space), peeking)
    finally:
        space.close()
