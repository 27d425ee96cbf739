"""Results that clients hold before anything was built: what is to be built, and for whom."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from boxship.engine.build.workspace import Workspace
from boxship.front.docker.buildkit.wire.attrs import Asked


@dataclass(slots=True, eq=False)
class Result:
    """id: as the client knows it.  asked: a Dockerfile's build, None for what is fetched.
    inputs: other results that it builds on, by name.
    source: URL of what is fetched; file: its name, if it is to stay one; tree: the directory it is in, once it is.
    image: those made of it for other builds, by platform, and `ours` are the ids of those that were not here before.
    users: how many hold it."""

    id: str
    session: str
    asked: Asked | None = None
    inputs: "dict[str, Result]" = field(default_factory=dict)
    source: str = ""
    file: str = ""
    tree: Path | None = None
    space: Workspace | None = None
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    ours: list[str] = field(default_factory=list)
    image: "asyncio.Task[dict[str, str]] | None" = None

    async def evaluated(self, build: "Callable[[Result], Awaitable[dict[str, str]]]") -> dict[str, str]:
        """Return the ids of the images made of it, once for all who ask."""
        if self.image is None:
            self.image = asyncio.ensure_future(_as_coroutine(build(self)))
        return await asyncio.shield(self.image)


async def _as_coroutine(made: Awaitable[dict[str, str]]) -> dict[str, str]:
    return await made
