"""Images that stages begin with or take files of: those here, else pulled."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from boxship.base.errors import NotFound, PlatformError
from boxship.engine.build import layouts
from boxship.engine.build.api import BuildSpec, Sources
from boxship.engine.build.progress import Reporter, Telling
from boxship.engine.build.seams import Parts
from boxship.engine.images.manifest import Platform, platform_of, shown, suits, wanted_platform
from boxship.engine.images.reference import parse, parse_any
from boxship.model.image import Image

log = logging.getLogger(__name__)


class Bases:
    """The images of one build; each is looked for once."""

    def __init__(self, parts: Parts, spec: BuildSpec, sources: Sources, reporter: Reporter) -> None:
        self._parts = parts
        self._spec = spec
        self._sources = sources
        self._reporter = reporter
        self._found: dict[tuple[str, str], asyncio.Task[Image]] = {}
        self._brought: list[str] = []  # images of the client's that were not here before

    async def find(self, name: str, platform: str) -> Image:
        """Return an image by name; Raises NotFound, with the registry's reason when it had to be asked."""
        task = self._found.get((name, platform))
        if task is None:
            task = self._found[name, platform] = asyncio.create_task(self._find(name, platform))
        return await asyncio.shield(task)

    def found(self) -> list[tuple[str, Image]]:
        """Return the images that this build has taken, each with the name it used, `name@tag`."""
        done = [(name, task) for (name, _), task in self._found.items() if task.done() and not task.cancelled()]
        told = {(_named(name), task.result().id): task.result() for name, task in done if task.exception() is None}
        return [(name, image) for (name, _), image in sorted(told.items(), key=lambda each: each[0])]

    async def aclose(self) -> None:
        for task in self._found.values():
            task.cancel()
        await asyncio.gather(*self._found.values(), return_exceptions=True)
        images = self._parts.images
        for image_id in self._brought:
            if images.find(image_id) is not None and not images.references(image_id):
                try:
                    await images.remove(image_id)
                except PlatformError as e:  # somebody builds on it by now
                    log.info("an image of a client's layout stays: %s", e)

    async def _layout(self, where: str, platform: str) -> Image:
        before = {image.id for image in self._parts.images.all()}
        vertex = self._reporter.vertex(f"[context] load from {where}")
        async with self._reporter.under_way(vertex):
            images = self._parts.images
            image_id = await layouts.brought(self._sources.layout(where), where, platform, images)
            if image_id not in before:
                self._brought.append(image_id)
            return images.get(image_id)

    async def _find(self, name: str, platform: str) -> Image:
        if name.startswith(layouts.PREFIX):
            return await self._layout(name, platform)
        here = self._here(name, platform)
        if here is not None and not self._spec.pull:
            return here
        digits = parse_any(name).digits
        if digits and parse_any(name).reference is None:
            return self._parts.images.get(name)
        vertex = self._reporter.vertex(f"[internal] load metadata for {parse(name).with_default_tag().canonical}")
        async with self._reporter.under_way(vertex) as telling:
            try:
                return await self._pull(name, platform, telling)
            except PlatformError as e:
                if here is not None and isinstance(e, NotFound):
                    return here
                other = self._parts.images.find(name)
                if here is not None or other is None:
                    raise
                said = shown(platform_of(other))
                raise NotFound(f"{name} is here for {said} only, not for {platform}, and elsewhere: {e}") from e

    def _here(self, name: str, platform: str) -> Image | None:
        """Return the image of that name which is here and for that platform."""
        found = self._parts.images.find(name)
        members = self._parts.images.members(name) if found is not None else []
        return next((each for each in (found, *members) if each is not None and _fits(each, platform)), None)

    async def _pull(self, name: str, platform: str, telling: Telling) -> Image:
        reference = parse(name).with_default_tag()
        who = await self._sources.credentials(reference.domain)
        pull = await self._parts.registries.find(reference, wanted_platform(platform or self._spec.platform), who)
        try:
            return await pull.run(_advancing(telling), tag=self._is_own(platform))
        finally:
            await pull.aclose()

    def _is_own(self, platform: str) -> bool:
        """Tell whether images for a platform run here. Those of others take no name from one that does."""
        os, architecture, variant = self._parts.platform
        return suits(Platform(architecture, os, variant), wanted_platform(platform or self._spec.platform))


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
    if name.startswith(layouts.PREFIX):
        return name
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
