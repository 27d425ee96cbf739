"""What becomes of a solved build: an image with names, an archive, a directory, a push."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from boxship.base.errors import Invalid
from boxship.engine.build.api import BuildResult, Output
from boxship.engine.build.attest.stating import Stating
from boxship.engine.build.attest.wish import carries, pushes
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
        self._stating: Stating | None = None

    async def run(self) -> BuildResult:
        """Make all outputs. Raises what the one that fails raises."""
        spec = self._work.spec
        metadata: dict[str, Any] = {}
        made = ""
        if spec.attests and any(carries(output) for output in spec.outputs):
            await self._state_all()
        vertex = self._work.reporter.vertex("exporting to image")
        async with self._work.reporter.under_way(vertex) as telling:
            for output in spec.outputs:
                if output.kind in ("image", "registry"):
                    made = await self._keep(output, telling)
                digest = await self._send(output, telling)
                if digest:
                    metadata["containerimage.digest"] = digest
            metadata["containerimage.config.digest"] = self.image_id
            tags = [name.canonical for output in spec.outputs for name in names(spec.tags, output)]
            if tags:
                metadata["image.name"] = ",".join(dict.fromkeys(tags))
        return BuildResult(
            image_id=made, digest=metadata.get("containerimage.digest", self.image_id), metadata=metadata
        )

    async def _state_all(self) -> None:
        spec = self._work.spec
        references = [name for output in spec.outputs for name in names(spec.tags, output)]
        self._stating = Stating(self._work, self._state, self.image_id, tuple(dict.fromkeys(references)))
        for kind in spec.attests:
            vertex = self._work.reporter.vertex(f"stating {kind}")
            async with self._work.reporter.under_way(vertex):
                await self._stating.prepare(kind)

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

    async def _send(self, output: Output, telling: Telling) -> str:
        """Return the digest of what went to a registry, "" otherwise."""
        work, stating = self._work, self._stating
        if output.kind in ("image", "registry") and pushes(output):
            return await self._push(output, telling)
        if output.kind in ("docker", "oci"):
            image = msgspec.structs.replace(image_config.parse(self.raw), id=self.image_id)
            attest = stating.with_image if stating is not None and output.kind == "oci" else None
            pieces = self._images.archive(image, self.raw, names(work.spec.tags, output), attest)
            await work.sources.receive(output, pieces)
        elif output.kind in ("tar", "local"):
            async with self._tree() as root:
                await self._send_tree(output, root)
        return ""

    async def _send_tree(self, output: Output, root: Path) -> None:
        if output.kind == "local":
            await self._work.sources.receive_tree(output, root)
            return
        how = Packing(name="", latest=self._state.created // 1_000_000_000)
        await self._work.sources.receive(output, self._work.parts.trees.packed(root, "/", how))

    @asynccontextmanager
    async def _tree(self) -> AsyncIterator[Path]:
        """Give the file system, with the statements about it at its top."""
        work = self._work
        stated = self._stating.about([("_", self.image_id)], directory=True) if self._stating is not None else ()
        if not stated:
            yield work.view(self._state.layers)
            return
        async with work.space.changing(work.lowers(self._state.layers)) as (root, _):
            for each in stated:
                (root / each.file).unlink(missing_ok=True)
                (root / each.file).write_bytes(each.raw)
            yield root

    async def _push(self, output: Output, telling: Telling) -> str:
        digest = ""
        attest = self._stating.with_image if self._stating is not None else None

        def tell(line: dict[str, Any]) -> None:
            nonlocal digest
            digest = (line.get("aux") or {}).get("Digest", digest)

        for name in names(self._work.spec.tags, output):
            who = await self._work.sources.credentials(name.domain)
            async with self._work.parts.registries.push(name, who, attest=attest) as run:
                await run(tell)
            telling.advanced(f"pushing {name.canonical}", 1, 1, done=True)
        return digest
