"""Images that stages begin with or take files of: those here, else pulled."""

import asyncio
from collections.abc import Callable
from typing import Any

from boxship.base.errors import NotFound
from boxship.engine.build.api import BuildSpec, Sources
from boxship.engine.build.progress import Reporter, Telling
from boxship.engine.build.seams import Parts
from boxship.engine.images.manifest import wanted_platform
from boxship.engine.images.reference import parse, parse_any
from boxship.model.image import Image


class Bases:
    """The images of one build; each is looked for once."""

    def __init__(self, parts: Parts, spec: BuildSpec, sources: Sources, reporter: Reporter) -> None:
        self._parts = parts
        self._spec = spec
        self._sources = sources
        self._reporter = reporter
        self._found: dict[tuple[str, str], asyncio.Task[Image]] = {}

    async def find(self, name: str, platform: str) -> Image:
        """Return an image by name; Raises NotFound, with the registry's reason when it had to be asked."""
        task = self._found.get((name, platform))
        if task is None:
            task = self._found[name, platform] = asyncio.create_task(self._find(name, platform))
        return await asyncio.shield(task)

    def found(self) -> dict[str, Image]:
        """Return the images that this build has taken, by the names it used, `name@tag`."""
        done = {name: task for (name, _), task in self._found.items() if task.done() and not task.cancelled()}
        told = {name: task.result() for name, task in done.items() if task.exception() is None}
        return {_named(name): image for name, image in told.items()}

    async def aclose(self) -> None:
        for task in self._found.values():
            task.cancel()
        await asyncio.gather(*self._found.values(), return_exceptions=True)

    async def _find(self, name: str, platform: str) -> Image:
        here = self._parts.images.find(name)
        if here is not None and _fits(here, platform) and not self._spec.pull:
            return here
        digits = parse_any(name).digits
        if digits and parse_any(name).reference is None:
            return self._parts.images.get(name)
        vertex = self._reporter.vertex(f"[internal] load metadata for {parse(name).with_default_tag().canonical}")
        async with self._reporter.under_way(vertex) as telling:
            try:
                return await self._pull(name, platform, telling)
            except NotFound:
                if here is None or not _fits(here, platform):
                    raise
                return here

    async def _pull(self, name: str, platform: str, telling: Telling) -> Image:
        reference = parse(name).with_default_tag()
        who = await self._sources.credentials(reference.domain)
        pull = await self._parts.registries.find(reference, wanted_platform(platform or self._spec.platform), who)
        try:
            await pull.run(_advancing(telling))
        finally:
            await pull.aclose()
        return self._parts.images.get(reference.familiar)


def _advancing(telling: Telling) -> Callable[[dict[str, Any]], None]:
    """Layers' progress; it may be told from other threads."""
    loop = asyncio.get_running_loop()

    def tell(line: dict[str, Any]) -> None:
        detail = line.get("progressDetail") or {}
        if line.get("id"):
            name = f"{line.get('status', '')} {line['id']}"
            current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
            loop.call_soon_threadsafe(telling.advanced, name, current, total)

    return tell


def _named(name: str) -> str:
    reference = parse_any(name).reference
    if reference is None:
        return name
    return f"{reference.familiar_name}@{reference.with_default_tag().tag or reference.digest}"


def _fits(image: Image, platform: str) -> bool:
    if not platform:
        return True
    wanted = wanted_platform(platform)
    same = image.os == wanted.os and (image.architecture or wanted.architecture) == wanted.architecture
    return same and (not wanted.variant or not image.variant or image.variant == wanted.variant)
