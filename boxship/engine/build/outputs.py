"""What becomes of a solved build: an image with names, an index, an archive, a directory, a push."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from boxship.base.errors import Invalid
from boxship.engine.build.api import BuildResult, BuildSpec, Output
from boxship.engine.build.attest import wish
from boxship.engine.build.attest.stating import Stating
from boxship.engine.build.attest.wish import pushes
from boxship.engine.build.caches import inline
from boxship.engine.build.progress import Telling
from boxship.engine.build.state import State
from boxship.engine.build.work import Work
from boxship.engine.images import config as image_config
from boxship.engine.images.attested import Member, Whole
from boxship.engine.images.manifest import Platform, suits
from boxship.engine.images.reference import Reference, parse
from boxship.host.api.files import Packing

KINDS = ("image", "docker", "oci", "tar", "local", "registry", "none")
SPLIT = "platform-split"
_TRUE, _FALSE = ("true", "1"), ("false", "0", "")
# Attributes that would make something else of a result than we make, with the values that mean what is done here.
# Clients send more, for themselves; those are not looked at.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "push": (*_TRUE, *_FALSE),
    **dict.fromkeys(("store", "rewrite-timestamp"), _TRUE),
    **dict.fromkeys(("force-compression", "name-canonical", "push-by-digest", "prefer-nondist-layers"), _FALSE),
    **dict.fromkeys(("buildinfo", "registry.insecure", "oci-artifact"), _FALSE),
    **dict.fromkeys(("compression-level", "dangling-name-prefix", "oci-mediatypes"), ()),
    "compression": ("gzip", ""),
}


def names(spec_tags: Sequence[str], output: Output) -> tuple[Reference, ...]:
    """Return the names of one output: its own, or the build's. Raises Invalid."""
    said = [name for name in output.attributes.get("name", "").split(",") if name]
    return tuple(parse(name).with_default_tag() for name in said or spec_tags)


def check(spec: BuildSpec) -> None:
    """Raise Invalid for what cannot be made."""
    for output in spec.outputs:
        if output.kind not in KINDS:
            raise Invalid(f"exporter {output.kind!r} could not be found".replace("'", '"'))
        _check_attributes(output)
        for name in names(spec.tags, output):
            if name.digest:
                raise Invalid("refusing to create a tag with a digest reference")
        if output.kind == "docker" and len(spec.platforms) > 1:
            raise Invalid("the docker exporter does not support several platforms: want type=oci or type=image")
        if len(spec.platforms) > 1 and not splits(spec, output):
            raise Invalid(f"{SPLIT}=false is not supported for several platforms: their files would hide each other")


def _check_attributes(output: Output) -> None:
    """What is named is done, or an error: others would make another image of it than was asked for."""
    for name, value in output.attributes.items():
        wanted = ATTRIBUTES.get(name)
        if name.startswith("annotation") or wanted == ():
            raise Invalid(f"the attribute {name} of the exporter {output.kind} is not supported")
        if wanted is not None and value.lower() not in wanted:
            known = " or ".join(word for word in wanted if word)
            raise Invalid(f"the exporter {output.kind} does not support {name}={value}: want {known}")


def splits(spec: BuildSpec, output: Output) -> bool:
    """Tell whether each platform gets a directory of its own. Raises Invalid."""
    said = output.attributes.get(SPLIT, "").lower()
    if said not in ("", "true", "1", "false", "0"):
        raise Invalid(f"{SPLIT}={said}: want true or false")
    return said in ("true", "1") if said else len(spec.platforms) > 1


class Made:
    """The result for one platform. raw: its configuration."""

    def __init__(self, work: Work, state: State) -> None:
        self.work = work
        self.state = state
        extra = inline.told(state) if inline.wanted(work) else None
        self.raw = image_config.render(state.image(), extra)
        self.image_id = image_config.digest_of(self.raw)
        self.stating: Stating | None = None

    async def prepare(self, references: Sequence[Reference]) -> None:
        """Make what is to be stated about it."""
        spec = self.work.spec
        kinds = [kind for kind, asked in spec.attests.items() if wish.wants(asked, spec.outputs)]
        if not kinds:
            return
        self.stating = Stating(self.work, self.state, self.image_id, tuple(dict.fromkeys(references)))
        for kind in kinds:
            vertex = self.work.reporter.vertex(f"{self.work.shown(kind)} stating {kind}".lstrip())
            async with self.work.reporter.under_way(vertex):
                await self.stating.prepare(kind)

    @property
    def platform(self) -> str:
        return "/".join(part for part in (self.state.os, self.state.architecture, self.state.variant) if part)

    def member(self, *, stated: bool = True) -> Member:
        image = msgspec.structs.replace(image_config.parse(self.raw), id=self.image_id)
        return Member(image, self.raw, self.stating.statements() if self.stating is not None and stated else ())


class Exporter:
    """made: results, one for each platform.  work: what they share."""

    def __init__(self, work: Work, made: Sequence[Made]) -> None:
        self._work = work
        self._made = made
        self._images = work.parts.images
        self._indexed = bool(work.spec.platforms)
        os, architecture, variant = work.parts.platform
        here = Platform(architecture, os, variant)
        fitting = [m for m in made if suits(Platform(m.state.architecture, m.state.os, m.state.variant), here)]
        self._main = fitting[0] if fitting else made[0]

    async def run(self) -> BuildResult:
        """Make all outputs. Raises what the one that fails raises."""
        spec = self._work.spec
        metadata: dict[str, Any] = {}
        kept = ""
        references = [name for output in spec.outputs for name in names(spec.tags, output)]
        for each in self._made:
            await each.prepare(references)
        vertex = self._work.reporter.vertex("exporting to image")
        async with self._work.reporter.under_way(vertex) as telling:
            for output in spec.outputs:
                if output.kind in ("image", "registry"):
                    kept = await self._keep(output, telling)
                digest = await self._send(output, telling)
                if digest:
                    metadata["containerimage.digest"] = digest
            metadata["containerimage.config.digest"] = self._main.image_id
            if references:
                metadata["image.name"] = ",".join(dict.fromkeys(name.canonical for name in references))
        digest = metadata.get("containerimage.digest", self._main.image_id)
        images = {each.work.target: each.image_id for each in self._made} if kept else {}
        return BuildResult(image_id=kept, images=images, digest=digest, metadata=metadata)

    async def _keep(self, output: Output, telling: Telling) -> str:
        for each in self._made:
            await self._adopt(each, telling)
        for name in names(self._work.spec.tags, output):
            if self._indexed:
                await self._images.tag_index([each.image_id for each in self._made], self._main.image_id, name)
            else:
                await self._images.tag(self._main.image_id, name.familiar)
            telling.advanced(f"naming to {name.canonical}", 1, 1, done=True)
        return self._main.image_id

    async def _adopt(self, made: Made, telling: Telling) -> None:
        parent = made.state.image_id if made.state.image_id != made.image_id else ""
        if self._images.find(made.image_id) is None:
            now = self._work.parts.clock.now()
            await self._images.adopt(made.raw, (), parent=parent if self._work.spec.keep_steps else "", made=now)
        await self._images.state(made.image_id, made.member().statements)
        telling.image = made.image_id
        telling.advanced(f"writing image {made.image_id}", 1, 1, done=True)

    async def _send(self, output: Output, telling: Telling) -> str:
        """Return the digest of what went to a registry, "" otherwise."""
        work = self._work
        if output.kind in ("image", "registry") and pushes(output):
            return await self._push(output, telling)
        if output.kind in ("docker", "oci"):
            members = tuple(each.member(stated=output.kind == "oci") for each in self._made)
            main = members[self._made.index(self._main)]
            whole = Whole(main, members if self._indexed and output.kind == "oci" else ())
            await work.sources.receive(output, self._images.archive(whole, names(work.spec.tags, output)))
        elif output.kind in ("tar", "local"):
            async with AsyncExitStack() as stack:
                await self._send_tree(output, await self._tree(output, stack))
        return ""

    async def _send_tree(self, output: Output, root: Path) -> None:
        if output.kind == "local":
            await self._work.sources.receive_tree(output, root)
            return
        how = Packing(name="", latest=self._main.state.created // 1_000_000_000)
        await self._work.sources.receive(output, self._work.parts.trees.packed(root, "/", how))

    async def _tree(self, output: Output, stack: AsyncExitStack) -> Path:
        """Give the file system, or a directory with one for each platform."""
        if not splits(self._work.spec, output):
            return await stack.enter_async_context(self._one(self._main))
        top = self._work.space.directory("platforms")
        for each in self._made:
            home = top / each.platform.replace("/", "_")
            home.mkdir()
            root = await stack.enter_async_context(self._one(each))
            self._work.space.show(root, home)
        return top

    @asynccontextmanager
    async def _one(self, made: Made) -> AsyncIterator[Path]:
        """Give the file system of a result, with the statements about it at its top."""
        work = self._work
        files = made.stating.files() if made.stating is not None else {}
        if not files:
            yield work.view(made.state.layers)
            return
        async with work.space.changing(work.lowers(made.state.layers)) as (root, _):
            for name, raw in files.items():
                (root / name).unlink(missing_ok=True)
                (root / name).write_bytes(raw)
            yield root

    async def _push(self, output: Output, telling: Telling) -> str:
        digest = ""

        def tell(line: dict[str, Any]) -> None:
            nonlocal digest
            digest = (line.get("aux") or {}).get("Digest", digest)

        for name in names(self._work.spec.tags, output):
            who = await self._work.sources.credentials(name.domain)
            async with self._work.parts.registries.push(name, who) as run:
                await run(tell)
            telling.advanced(f"pushing {name.canonical}", 1, 1, done=True)
        return digest
