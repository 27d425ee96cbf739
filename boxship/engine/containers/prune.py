"""Removing what has stopped, in one go."""

from collections.abc import Awaitable, Callable

from boxship.base.errors import Conflict, NotFound
from boxship.engine.seams import Layers
from boxship.engine.states import UP
from boxship.model.status import Container

Pruned = tuple[list[str], int]


async def prune(
    containers: list[Container],
    chosen: Callable[[Container], bool],
    layers: Layers,
    remove: Callable[[str], Awaitable[None]],
) -> Pruned:
    """Remove those of `containers` that do not run and are `chosen`; return their ids and the bytes freed."""
    gone: list[str] = []
    freed = 0
    for c in containers:
        if c.status.state in UP or not chosen(c):
            continue
        size = await layers.usage(c)
        try:
            await remove(c.id)
        except (Conflict, NotFound):  # started or removed meanwhile
            continue
        gone.append(c.id)
        freed += size
    return gone, freed
