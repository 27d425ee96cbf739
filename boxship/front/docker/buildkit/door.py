"""One per application: what all connections of BuildKit's API share, and the carrying out of builds."""

import asyncio
import base64
import json
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.base.ids import new_id
from boxship.engine.build.api import BuildResult, BuildSpec, CacheRef, Checked, Output, Progress, Tree
from boxship.engine.build.graph import Seen
from boxship.engine.build.service import Builder
from boxship.engine.images import Images
from boxship.engine.images.reference import parse
from boxship.front.docker.buildkit import offers
from boxship.front.docker.buildkit.builds import Build, Builds
from boxship.front.docker.buildkit.results import Result
from boxship.front.docker.buildkit.session import Sessions
from boxship.front.docker.buildkit.sources import SessionSources
from boxship.front.docker.buildkit.wire import attrs
from boxship.front.docker.buildkit.wire.faults import located
from boxship.front.docker.buildkit.wire.status import Telling

log = logging.getLogger(__name__)
EXPORTING = frozenset(("exporting to image",))
DIGEST = "containerimage.digest"
REMEMBERED = 64  # results; a debugging client opens its build again once it is over
_LOST = "Cannot locate specified Dockerfile: "


class Door:
    def __init__(self, builder: Builder, images: Images) -> None:
        self.builder = builder
        self.sessions = Sessions()
        self.builds = Builds()
        self.results: dict[str, Result] = {}  # those that an input of another build may name
        self._ended: dict[str, Result] = {}  # the latest of those that nobody holds any more
        self._images = images

    # ---- results

    def hold(self, result: Result) -> Result:
        """Keep a result, and what it builds on, until `release`."""
        if not result.users:
            self.results[result.id] = result
            for other in result.inputs.values():
                self.hold(other)
        result.users += 1
        return result

    async def release(self, result: Result) -> None:
        result.users -= 1
        if result.users:
            return
        self.results.pop(result.id, None)
        self._ended[result.id] = result
        while len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        if result.space is not None:
            result.space.close()
        for other in result.inputs.values():
            await self.release(other)
        if result.image is not None:
            result.image.cancel()
            await asyncio.gather(result.image, return_exceptions=True)
            for image_id in result.ours:
                await self._drop(image_id)

    async def _drop(self, image_id: str) -> None:
        """Remove an image that only other builds have needed. Its layers stay in the cache."""
        try:
            if not self._images.references(image_id):
                await self._images.remove(image_id)
        except PlatformError as e:
            log.info("an image of a build stays: %s", e)

    def result(self, id: str, session: str) -> Result:
        """Return a result; one of a build that has ended is to be made once more, with what the session gives.
        Raises NotFound."""
        if id in self.results:
            return self.results[id]
        if id not in self._ended:
            raise NotFound(f"no such ref: {id}")
        old = self._ended[id]
        inputs = {name: self.result(other.id, session) for name, other in old.inputs.items()}
        return Result(old.id, session, old.asked, inputs, source=old.source, file=old.file)

    # ---- building

    async def run(
        self,
        build: Build,
        result: Result,
        outputs: Sequence[Output],
        *,
        cache_from: Sequence[CacheRef] = (),
        cache_to: Sequence[CacheRef] = (),
        entitlements: Sequence[str] = (),
        uploaded: Tree | None = None,
    ) -> BuildResult:
        """Build a result and put it where the outputs say. uploaded: its context, if that came otherwise."""
        assert result.asked is not None
        spec = msgspec.structs.replace(
            await self._spec(build, result),
            outputs=tuple(outputs),
            cache_from=tuple(cache_from) or result.asked.spec.cache_from,
            cache_to=tuple(cache_to),
            entitlements=frozenset(entitlements),
            session=result.session,
        )
        telling = Telling()
        if result.image is not None and result.image.done():  # everything was built and told of
            spec = msgspec.structs.replace(spec, no_cache=False, no_cache_stages=(), pull=False)
            telling = Telling(only=EXPORTING)
        return await self._build(build, result, spec, telling, uploaded)

    async def evaluate(self, build: Build, result: Result) -> dict[str, str]:
        """Return the images made of a result, by platform, "" for the main one. One that was fetched has none."""
        if result.asked is None:
            raise Invalid("files that were fetched are no image")

        async def made(result: Result) -> dict[str, str]:
            spec = msgspec.structs.replace(await self._spec(build, result), outputs=(Output(),), attests={})
            before = {image.id for image in self._images.all()}
            done = await self._build(build, result, spec, Telling(without=EXPORTING))
            result.ours = [image_id for image_id in done.images.values() if image_id not in before]
            return {**done.images, "": done.image_id}

        return await result.evaluated(made)

    async def _spec(self, build: Build, result: Result) -> BuildSpec:
        """Return what is to be built, with the images of results that it builds on."""
        assert result.asked is not None
        spec = result.asked.spec
        images: dict[str, str] = {}
        for name, other in result.inputs.items():
            for platform, image_id in (await self.evaluate(build, other)).items():
                images[f"{name}::{platform}" if platform else name] = image_id
        return msgspec.structs.replace(spec, inputs=images)

    async def _build(
        self, build: Build, result: Result, spec: BuildSpec, telling: Telling, uploaded: Tree | None = None
    ) -> BuildResult:
        telling.file = spec.dockerfile

        def tell(progress: Progress) -> None:
            message = telling.feed(progress)
            if message is not None:
                build.log.add(message)

        async with AsyncExitStack() as stack:
            sources = await self._sources(build, result, telling, stack, uploaded)
            try:
                done = await self.builder.build(spec, sources, tell)
            except PlatformError as e:
                raise _failure(e, spec, sources) from e
            finally:
                record = build.record
                record.num_total_steps, record.num_cached_steps = telling.steps, telling.cached
                record.num_completed_steps = telling.completed
            top = sources.manifests[-1] if sources.manifests else done.metadata.get("cache.manifest")
            if top:  # JSON that the client reads as it is
                cache = {"cache.manifest": json.dumps(top)}
                done = msgspec.structs.replace(done, metadata={**done.metadata, **cache})
            return done

    async def fetched(self, result: Result) -> Path:
        """Return the directory with what was fetched; it stays until nobody holds the result."""
        async with result.fetching:
            if result.tree is None:
                space = result.space = self.builder.place()
                result.tree = await self.builder.peeking.fetched(result.source, space, file=result.file)
        return result.tree

    def config_of(self, ref: str) -> tuple[str, bytes, str]:
        """Return digest, configuration and full name of an image here. Raises NotFound."""
        image = self._images.get(ref)
        return image.id, self._images.raw_config(image.id), parse(ref).with_default_tag().canonical

    async def read(self, build: Build, result: Result) -> Seen:
        """Return a Dockerfile as the builder understands it."""
        assert result.asked is not None
        async with AsyncExitStack() as stack:
            sources = await self._sources(build, result, Telling(), stack)
            try:
                return await self.builder.look(result.asked.spec, sources)
            except PlatformError as e:
                raise _failure(e, result.asked.spec, sources) from e

    async def check(self, build: Build, result: Result) -> tuple[Checked, bytes]:
        """Return what `--check` tells, and the Dockerfile's text."""
        assert result.asked is not None
        async with AsyncExitStack() as stack:
            sources = await self._sources(build, result, Telling(), stack)
            found = await self.builder.check(result.asked.spec, sources)
            return found, text_of(result.asked.spec, sources) or b""

    async def _sources(
        self,
        build: Build,
        result: Result,
        telling: Telling,
        stack: AsyncExitStack,
        uploaded: Tree | None = None,
    ) -> SessionSources:
        assert result.asked is not None
        session = await self.sessions.get(result.session)
        space = self.builder.place()
        stack.callback(space.close)
        if result.asked.upload:
            uploaded = await self.builder.receive(offers.upload(session, result.asked.upload), space)
        sources = SessionSources(session, result.asked, space, self.builder.synced, telling, build.log.add, uploaded)
        return await stack.enter_async_context(sources)

    def wish(self, asked: attrs.Asked, session: str, inputs: dict[str, Result]) -> Result:
        return Result(new_id(), session, asked, inputs)


def text_of(spec: BuildSpec, sources: SessionSources) -> bytes | None:
    """Return the Dockerfile's text, if it came over the session."""
    if sources.dockerfile is None:
        return None
    for name in (spec.dockerfile, "dockerfile"):
        path = sources.dockerfile / name
        if path.is_file() and not path.is_symlink():
            return path.read_bytes()
    return None


def _failure(error: PlatformError, spec: BuildSpec, sources: SessionSources) -> PlatformError:
    """Return an error as BuildKit words it, with its place."""
    if str(error).startswith(_LOST):
        name = str(error).removeprefix(_LOST)
        return NotFound(f"failed to read dockerfile: open {name}: no such file or directory")
    return located(error, spec.dockerfile, text_of(spec, sources))


def response_of(result: BuildResult, *, kept: bool) -> dict[str, str]:
    """Return what clients show as metadata: texts as they are, all else as base64 of JSON. kept: an image is here now;
    clients of ours know it by the digest that `docker image inspect` shows."""
    told = {name: _text(value) for name, value in result.metadata.items()}
    if kept:
        told[DIGEST] = result.image_id
    elif result.digest:
        told.setdefault(DIGEST, result.digest)
    return told


def _text(value: Any) -> str:
    return value if isinstance(value, str) else base64.b64encode(json.dumps(value).encode()).decode()
