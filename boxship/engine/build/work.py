"""What the steps of one build share: layers made and found again, views of file systems, the context."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from boxship.base.errors import Invalid, NotFound
from boxship.base.patterns import clean
from boxship.engine.build import remote
from boxship.engine.build.api import CONTEXT, BuildSpec, Sources, Tree
from boxship.engine.build.bases import Bases
from boxship.engine.build.dockerfile.values import Dockerfile
from boxship.engine.build.offers import Offers
from boxship.engine.build.progress import Reporter, Telling
from boxship.engine.build.seams import Parts
from boxship.engine.build.workspace import Workspace
from boxship.engine.images.making import EMPTY_TAR
from boxship.host.api.files import Packing

BIGGEST = 16 << 20  # bytes of a Dockerfile
_making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
"""One lock for each step that somebody makes now: who wants the same waits and takes the result."""


@asynccontextmanager
async def alone(key: str) -> AsyncIterator[None]:
    lock = _making[key]
    try:
        async with lock:
            yield
    finally:
        if not lock.locked() and key in _making:
            del _making[key]


@dataclass(slots=True)
class Work:
    """One build under way.

    held: layers that must not go.  running: ids of the containers that steps run in.
    offered: the only layers that may be found again; None is all.
    offers: what caches elsewhere have.  mounts: ids of the cache mounts that its steps name.
    text: of the Dockerfile.  started: nanoseconds since 1970.  declared: names of all ARG.
    fetched: digests of what came from URLs, "" where there is none.
    target: the platform, where a build is for several; "" else.
    """

    parts: Parts
    spec: BuildSpec
    sources: Sources
    reporter: Reporter
    space: Workspace
    bases: Bases
    dockerfile: Dockerfile
    held: set[str]
    running: set[str]
    offers: Offers
    ignore: tuple[str, ...] = ()
    mounts: set[str] = field(default_factory=set)
    text: str = ""
    started: int = 0
    declared: set[str] = field(default_factory=set)
    fetched: dict[str, str] = field(default_factory=dict)
    target: str = ""
    offered: frozenset[str] | None = None
    context: Tree | None = None
    trees: dict[str, "asyncio.Future[Tree]"] = field(default_factory=dict)

    def shown(self, name: str, platform: str = "") -> str:
        """Return how people know a stage: with its platform, where a build is for several.
        platform: of the stage itself, if it is another one."""
        if not self.target:
            return name
        own = f"{platform}->{self.target}" if platform and platform != self.target else self.target
        return f"{own} {name}"

    def builtin(self, name: str) -> str:
        """Return the value of a build argument that is for the builder itself, BUILDKIT_…, "" without one."""
        return self.spec.build_args.get(f"BUILDKIT_{name}") or ""

    def lowers(self, layers: Sequence[str]) -> list[str]:
        return [self.parts.images.layer_path(diff_id) for diff_id in layers]

    def view(self, layers: Sequence[str]) -> Path:
        return self.space.view(self.lowers(layers))

    async def tree(self, name: str) -> Tree:
        """Return the context, or a named one; each is asked for once."""
        found = self.trees.get(name)
        if found is None:
            found = self.trees[name] = asyncio.ensure_future(self._tree(name))
        return await asyncio.shield(found)

    async def files(self, name: str) -> Tree:
        """The same, with its files in place."""
        tree = await self.tree(name)
        if tree.contents is not None:
            await tree.contents.fill()
        return tree

    async def _tree(self, name: str) -> Tree:
        if name == CONTEXT:
            if self.context is not None:
                return self.context
            vertex = self.reporter.vertex("[internal] load build context")
            async with self.reporter.under_way(vertex):
                return await self.sources.directory(CONTEXT, self.ignore, ())
        where = self.spec.contexts[name]
        vertex = self.reporter.vertex(f"[context {name}] load from {where}")
        async with self.reporter.under_way(vertex) as telling:
            return await self._named(name, where, telling)

    async def _named(self, name: str, where: str, telling: Telling) -> Tree:
        kind, _, rest = where.partition(":")
        if kind == "local":
            return await self.sources.directory(rest, (), ())
        if kind in ("docker-image", "oci-layout"):
            base = where if kind == "oci-layout" else rest.removeprefix("//")
            image = await self.bases.find(base, self.spec.platform if self.target else "")
            return Tree(root=self.view(image.layers), owned=True)
        if kind == "input":
            image = self.parts.images.get(self.input(rest))
            return Tree(root=self.view(image.layers), owned=True)
        if remote.is_git(where) or remote.is_url(where):
            return Tree(root=await remote.directory(where, self.space, self.parts, telling, self.sources))
        raise Invalid(f"context {name}: unknown kind of source {where!r}")

    def input(self, name: str) -> str:
        """Return the image of another build's result."""
        return self.spec.inputs.get(f"{name}::{self.spec.platform}") or self.spec.inputs[name]

    async def ignored(self, name: str) -> tuple[str, ...]:
        """Return the patterns of what a context is taken not to hold."""
        if name == CONTEXT:
            return self.ignore
        where = self.spec.contexts[name]
        if not where.startswith("local:"):
            return ()
        return await self.read_ignore(await self.tree(name), ".dockerignore") or ()

    async def read_ignore(self, tree: Tree, path: str) -> tuple[str, ...] | None:
        try:
            return clean((await self.read(tree, path)).decode(errors="replace").splitlines())
        except (NotFound, Invalid):
            return None

    async def read(self, tree: Tree, path: str) -> bytes:
        """Return a file of a tree. Raises NotFound, Invalid."""
        if tree.contents is not None:
            found = tree.contents.read(path)
            if found is not None:
                return found
            await tree.contents.fill()
        with self.parts.trees.open_in(tree.root, path) as file:
            return file.read(BIGGEST)

    async def layer(
        self,
        key: str,
        text: str,
        telling: Telling,
        make: Callable[[], Awaitable[str]],
        *,
        fresh: bool = False,
    ) -> str:
        """Return the layer of a step: one that an earlier build made of the same inputs, or what `make` makes.
        fresh: make it in any case."""
        async with alone(key):
            found = None if fresh else self.parts.cache.find(key, self.parts.images.has_layer)
            if found is not None and self.may_reuse(found.diff_id):
                telling.cached = True
                self.held.add(found.diff_id)
                return found.diff_id
            diff_id = None if fresh else await self.offers.layer(key)
            telling.cached = diff_id is not None
            if diff_id is None:
                diff_id = await make()
            size = self.parts.images.layer_size(diff_id) if diff_id else 0
            await self.parts.cache.save(self.parts.cache.note(key, diff_id, size, text))
            return diff_id

    def may_reuse(self, diff_id: str = "") -> bool:
        """Tell whether a layer, or any, may come from an earlier build."""
        if self.offered is None:
            return True
        return diff_id in self.offered if diff_id else bool(self.offered)

    async def take(self, upper: Path, epoch: int, *, still: bool = False) -> str:
        """Make a layer of what was written. still: all its time stamps become the epoch's, or else only later ones.
        Returns "" when nothing was written."""
        how = Packing(name="", whiteouts=True, latest=epoch, time=epoch if still else None)
        staged = await self.parts.images.stage_tree(upper, how)
        if staged.facts.diff_id == EMPTY_TAR:
            self.parts.images.discard(staged)
            return ""
        self.held.add(staged.facts.diff_id)
        return self.parts.images.keep(staged).diff_id
