"""What becomes of a solved build: an image with names, an archive, a directory, a push."""

from collections.abc import Sequence
from typing import Any

import msgspec

from boxship.base.errors import Invalid
from boxship.engine.build.api import BuildResult, Output
from boxship.engine.build.caches import inline
from boxship.engine.build.progress import Telling
from boxship.engine.build.state import State
from boxship.engine.build.work import Work
from boxship.engine.images import config as image_config
from boxship.engine.images.reference import Reference, parse
from boxship.host.api.files import Packing

KINDS = ("image", "docker", "oci", "tar", "local", "registry", "none")


def names(spec_tags: Sequence[str], output: Output) -> tuple[Reference, ...]:
    """Return the names of one output: its own, or the build's. Raises Invalid."""
    said = [name for name in output.attributes.get("name", "").split(",") if name]
    return tuple(parse(name).with_default_tag() for name in said or spec_tags)


def check(outputs: Sequence[Output], tags: Sequence[str]) -> None:
    """Raise Invalid for what cannot be made."""
    for output in outputs:
        if output.kind not in KINDS:
            raise Invalid(f"exporter {output.kind!r} could not be found".replace("'", '"'))
        for name in names(tags, output):
            if name.digest:
                raise Invalid("refusing to create a tag with a digest reference")


class Exporter:
    """raw: the result's configuration."""

    def __init__(self, work: Work, state: State) -> None:
        self._work = work
        self._state = state
        self._images = work.parts.images
        extra = inline.told(state) if inline.wanted(work) else None
        self.raw = image_config.render(state.image(), extra)
        self.image_id = image_config.digest_of(self.raw)

    async def run(self) -> BuildResult:
        """Make all outputs. Raises what the one that fails raises."""
        spec = self._work.spec
        metadata: dict[str, Any] = {}
        made = ""
        vertex = self._work.reporter.vertex("exporting to image")
        async with self._work.reporter.under_way(vertex) as telling:
            for output in spec.outputs:
                if output.kind in ("image", "registry"):
                    made = await self._keep(output, telling)
                await self._send(output, telling)
            metadata["containerimage.config.digest"] = self.image_id
            tags = [name.canonical for output in spec.outputs for name in names(spec.tags, output)]
            if tags:
                metadata["image.name"] = ",".join(dict.fromkeys(tags))
        return BuildResult(image_id=made, digest=self.image_id, metadata=metadata)

    async def _keep(self, output: Output, telling: Telling) -> str:
        parent = self._state.image_id if self._state.image_id != self.image_id else ""
        if self._images.find(self.image_id) is None:
            made = self._work.parts.clock.now()
            await self._images.adopt(self.raw, (), parent=parent if self._work.spec.keep_steps else "", made=made)
        telling.image = self.image_id
        telling.advanced(f"writing image {self.image_id}", 1, 1, done=True)
        for name in names(self._work.spec.tags, output):
            await self._images.tag(self.image_id, name.familiar)
            telling.advanced(f"naming to {name.canonical}", 1, 1, done=True)
        return self.image_id

    async def _send(self, output: Output, telling: Telling) -> None:
        work = self._work
        push = output.kind == "registry" or output.attributes.get("push", "") == "true"
        if push and output.kind in ("image", "registry"):
            await self._push(output, telling)
        elif output.kind in ("docker", "oci"):
            image = msgspec.structs.replace(image_config.parse(self.raw), id=self.image_id)
            pieces = self._images.archive(image, self.raw, names(work.spec.tags, output))
            await work.sources.receive(output, pieces)
        elif output.kind == "tar":
            how = Packing(name="", latest=self._state.created // 1_000_000_000)
            await work.sources.receive(output, work.parts.trees.packed(work.view(self._state.layers), "/", how))
        elif output.kind == "local":
            await work.sources.receive_tree(output, work.view(self._state.layers))

    async def _push(self, output: Output, telling: Telling) -> None:
        for name in names(self._work.spec.tags, output):
            who = await self._work.sources.credentials(name.domain)
            async with self._work.parts.registries.push(name, who) as run:
                await run(lambda line: None)
            telling.advanced(f"pushing {name.canonical}", 1, 1, done=True)
