"""The builder of one node: from a wish to a result."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from boxship.base.errors import Invalid, NotFound
from boxship.base.ids import new_id
from boxship.engine.build import lint, outputs, remote, workspace
from boxship.engine.build.api import (
    CONTEXT,
    DOCKERFILE,
    IGNORE,
    BuildResult,
    BuildSpec,
    Checked,
    Sources,
    Tell,
    Tree,
    Warned,
)
from boxship.engine.build.attest import wish as attestations
from boxship.engine.build.bases import Bases
from boxship.engine.build.cachemounts import CacheMounts
from boxship.engine.build.caches import exporting, importing
from boxship.engine.build.dockerfile import DockerfileError, parse, syntax
from boxship.engine.build.dockerfile.source import Line
from boxship.engine.build.dockerfile.values import Arg, Dockerfile, Label
from boxship.engine.build.graph import Plan, Seen, plan
from boxship.engine.build.kept import Contexts
from boxship.engine.build.offers import Offers
from boxship.engine.build.outputs import Exporter, Made
from boxship.engine.build.peek import Peeking
from boxship.engine.build.progress import Reporter
from boxship.engine.build.prune import Pruned, PruneWish, Pruning, Record
from boxship.engine.build.received import received
from boxship.engine.build.scope import Scope, platform_args, unused
from boxship.engine.build.seams import Parts
from boxship.engine.build.solve import Solver
from boxship.engine.build.state import State
from boxship.engine.build.synced import SyncedContexts
from boxship.engine.build.work import Work
from boxship.engine.images.manifest import wanted_platform
from boxship.host.api.files import Packing


class Builder:
    """One per daemon; `start` it before use."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tmp = parts.options.data_root / "tmp"
        self._caches = CacheMounts(parts.options.data_root / "build" / "mounts", parts.trees, parts.clock)
        self.contexts = Contexts(parts.options.data_root / "build" / "contexts", parts.trees, parts.clock)
        self.synced = SyncedContexts(parts.options.data_root / "build" / "synced", parts.trees, parts.clock)
        self.peeking = Peeking(parts)
        self._pruning = Pruning(parts, self._caches, self.contexts, self.synced)
        self.running: set[str] = set()  # ids of the containers that steps run in

    async def start(self) -> None:
        """Take away what builds of a killed daemon have left."""
        await self._parts.once.sweep()
        workspace.sweep(self._tmp, self._parts.mounts, self._parts.trees)
        self.synced.sweep()
        secrets = self._parts.options.exec_root / "secrets"
        for target in self._parts.mounts.mounted_under(str(secrets)):
            self._parts.mounts.unmount(target)
            Path(target).rmdir()

    @property
    def platform(self) -> tuple[str, str, str]:
        """(os, architecture, variant) of this machine."""
        return self._parts.platform

    def place(self) -> workspace.Workspace:
        """Return a place for a door to unpack contexts in; the caller closes it."""
        return workspace.Workspace(self._tmp, self._parts.mounts, self._parts.trees)

    async def receive(self, pieces: AsyncIterator[bytes], space: workspace.Workspace) -> Tree:
        """Take a context's archive, packed or not; it is unpacked once somebody needs its files. Raises Invalid."""
        return await received(pieces, space, self._parts.trees)

    def packed(self, root: Path) -> AsyncIterator[bytes]:
        """Return a tree as a tar archive, for outputs that travel."""
        return self._parts.trees.packed(root, "/", Packing(name=""))

    async def build(self, spec: BuildSpec, sources: Sources, tell: Tell) -> BuildResult:
        """Build, and put the result where `spec.outputs` say. Cancelling leaves nothing.

        Raises DockerfileError with file, line and caret for what is wrong in the Dockerfile, BuildFailed for a
        command that failed, NotFound for a base image that is nowhere."""
        spec = msgspec.structs.replace(spec, attests=attestations.wanted(spec.attests))
        if (spec.build_args.get("BUILDKIT_MULTI_PLATFORM") or "").lower() in ("1", "true") and not spec.platforms:
            spec = msgspec.structs.replace(spec, platforms=(spec.platform,))
        outputs.check(spec)
        attestations.check(spec.attests, spec.outputs)
        importing.check(spec.cache_from)
        exporting.check(spec.cache_to)
        space = self.place()
        reporter = Reporter(tell, self._parts.clock, new_id())
        bases = Bases(self._parts, spec, sources, reporter)
        try:
            with self._parts.cache.held() as held:
                work = await self._prepare(spec, sources, reporter, space, bases, held)
                async with AsyncExitStack() as stack:
                    return await self._solve(work, stack)
        finally:
            await asyncio.shield(bases.aclose())
            space.close()

    async def look(self, spec: BuildSpec, sources: Sources) -> Seen:
        """Return what a Dockerfile says; nothing is built. Raises what `build` raises before its first step."""
        space = self.place()
        reporter = Reporter(lambda _: None, self._parts.clock, new_id())
        try:
            bases = Bases(self._parts, spec, sources, reporter)
            work = self._parted(await self._prepare(spec, sources, reporter, space, bases, set()))[0]
            scope = self._scope(work)
            return Seen(work.dockerfile, self._plan(work, scope), scope)
        finally:
            space.close()

    async def check(self, spec: BuildSpec, sources: Sources) -> Checked:
        """Tell what `--check` tells; nothing is built."""
        space = self.place()
        reporter = Reporter(lambda _: None, self._parts.clock, new_id())
        bases = Bases(self._parts, spec, sources, reporter)
        try:
            with self._parts.cache.held() as held:
                work = self._parted(await self._prepare(spec, sources, reporter, space, bases, held))[0]
                scope = self._scope(work)
                self._plan(work, scope)
                return Checked(warnings=self._warnings(work, scope))
        except DockerfileError as e:
            return Checked(error=str(e))
        finally:
            space.close()

    async def prune(self, wish: PruneWish) -> Pruned:
        return await self._pruning.run(wish)

    async def records(self, filters: Mapping[str, Sequence[str]]) -> list[Record]:
        """Return what the cache holds and the filters let through. Raises Invalid."""
        return await self._pruning.chosen(filters)

    async def usage(self) -> list[dict[str, Any]]:
        """Return the records of the cache as `docker system df -v` shows them."""
        return await self._pruning.records()

    # ---- what is to be built

    async def _prepare(
        self,
        spec: BuildSpec,
        sources: Sources,
        reporter: Reporter,
        space: workspace.Workspace,
        bases: Bases,
        held: set[str],
    ) -> Work:
        empty = Dockerfile((), (), {})
        work = Work(
            self._parts, spec, sources, reporter, space, bases, empty, held, self.running, Offers(self._parts, held)
        )
        work.started = reporter.now()
        if spec.context:
            work.fetched[spec.context] = ""
            keep = work.builtin("CONTEXT_KEEP_GIT_DIR").lower() in ("1", "true")
            root = await remote.directory(spec.context, space, self._parts, None, sources, keep_git=keep)
            work.context = Tree(root=root)
        vertex = reporter.vertex(f"[internal] load build definition from {spec.dockerfile}")
        async with reporter.under_way(vertex):
            text, tree = await self._text(work)
            work.text = text
            work.dockerfile = await self._parsed(work, text, tree)
            if check := work.builtin("DOCKERFILE_CHECK"):
                work.dockerfile = replace(work.dockerfile, directives={**work.dockerfile.directives, "check": check})
            work.ignore = await self._ignore(work, tree)
        return work

    async def _text(self, work: Work) -> tuple[str, Tree | None]:
        """Return the Dockerfile's text, and the tree it is in. Raises Invalid as dockerd does."""
        spec = work.spec
        if spec.text is not None:
            return spec.text, None
        if spec.separate:
            tree = await work.sources.directory(DOCKERFILE, (), _around(spec.dockerfile))
        else:
            tree = await work.tree(CONTEXT)
        tried = [spec.dockerfile]
        if spec.dockerfile == "Dockerfile":
            tried.append("dockerfile")
        for path in tried:
            try:
                return (await work.read(tree, path)).decode(errors="surrogateescape"), tree
            except NotFound:
                continue
        raise Invalid(f"Cannot locate specified Dockerfile: {spec.dockerfile}")

    async def _parsed(self, work: Work, text: str, tree: Tree | None) -> Dockerfile:
        """Files to INCLUDE are fetched one after the other, as reading finds them."""
        syntax.check(text, work.spec.dockerfile, work.spec.build_args)
        known: dict[str, str | Invalid] = {}

        def load(path: str) -> str:
            found = known.get(path)
            if found is None:
                raise _Wanted(path)
            if isinstance(found, Invalid):
                raise found
            return found

        while True:
            try:
                return parse(text, work.spec.dockerfile, load if tree is not None else None)
            except _Wanted as wanted:
                known[wanted.path] = await self._included(work, tree, wanted.path)

    async def _included(self, work: Work, tree: Tree | None, path: str) -> str | Invalid:
        """Return a file's text, or why there is none: whoever reads the Dockerfile knows which line wants it."""
        if work.spec.separate:
            tree = await work.sources.directory(DOCKERFILE, (), (path,))
        assert tree is not None
        try:
            return (await work.read(tree, path)).decode(errors="surrogateescape")
        except (NotFound, Invalid) as e:
            return Invalid(f"INCLUDE {path}: {e}")

    async def _ignore(self, work: Work, tree: Tree | None) -> tuple[str, ...]:
        """`NAME.dockerignore` beside the Dockerfile outweighs the context's own."""
        spec = work.spec
        if tree is not None:
            own = await work.read_ignore(tree, f"{spec.dockerfile}.dockerignore")
            if own is not None:
                return own
        if spec.separate and not spec.context:
            beside = await work.sources.directory(IGNORE, (), (".dockerignore",))
            return await work.read_ignore(beside, ".dockerignore") or ()
        if spec.text is not None and not spec.context:
            try:
                beside = await work.sources.directory(IGNORE, (), (".dockerignore",))
            except NotFound:  # nothing but a Dockerfile is given
                return ()
            return await work.read_ignore(beside, ".dockerignore") or ()
        return await work.read_ignore(await work.tree(CONTEXT), ".dockerignore") or ()

    def _labelled(self, dockerfile: Dockerfile, spec: BuildSpec) -> Dockerfile:
        """Labels from outside are one more instruction of the wanted stage."""
        if not spec.labels:
            return dockerfile
        pairs = tuple((_quoted(name), _quoted(value)) for name, value in sorted(spec.labels.items()))
        text = " ".join(f"{name}={value}" for name, value in sorted(spec.labels.items()))
        label = Label(line=Line("LABEL", text, 0, 0), pairs=pairs)
        stages = list(dockerfile.stages)
        index = plan(dockerfile, self._bare_scope(dockerfile, spec), spec.target, spec.contexts).target
        stages[index] = replace(stages[index], instructions=(*stages[index].instructions, label))
        return replace(dockerfile, stages=tuple(stages))

    def _parted(self, work: Work) -> list[Work]:
        """Return the work for each platform. All of it has the same context, base images and layers."""
        spec, found = work.spec, []
        for platform in spec.platforms or (spec.platform,):
            own = msgspec.structs.replace(spec, platform=platform)
            several = len(spec.platforms) > 1
            reporter = work.reporter.within(platform) if several else work.reporter
            dockerfile = self._labelled(work.dockerfile, own)
            target = platform if several else ""
            found.append(replace(work, spec=own, reporter=reporter, dockerfile=dockerfile, target=target))
        return found

    # ---- planning

    def _bare_scope(self, dockerfile: Dockerfile, spec: BuildSpec) -> Scope:
        target = self._parts.platform
        if spec.platform:
            found = wanted_platform(spec.platform)
            target = (found.os, found.architecture, found.variant)
        known = platform_args(self._parts.platform, target, spec.target)
        scope = Scope(given=spec.build_args, predefined=known, args=dict(known), escape=dockerfile.escape)
        for arg in dockerfile.args:
            scope.declare(arg, {})
        return scope

    def _scope(self, work: Work) -> Scope:
        return self._bare_scope(work.dockerfile, work.spec)

    def _plan(self, work: Work, scope: Scope) -> Plan:
        return plan(work.dockerfile, scope, work.spec.target, work.spec.contexts)

    def _warnings(self, work: Work, scope: Scope) -> tuple[Warned, ...]:
        return lint.check(work.dockerfile, scope, work.spec.dockerfile, work.ignore, self._env_of)

    def _env_of(self, name: str) -> frozenset[str] | None:
        image = self._parts.images.find(name)
        return None if image is None else frozenset(entry.partition("=")[0] for entry in image.config.env)

    # ---- building

    async def _solve(self, work: Work, stack: AsyncExitStack) -> BuildResult:
        work.declared.update(self._declared(work.dockerfile))
        works = self._parted(work)
        plans = [(each, self._scope(each)) for each in works]
        solvers = [Solver(each, self._plan(each, scope), scope, self._caches) for each, scope in plans]
        for each in works:
            await importing.take_in(each, stack)
        for warning in self._warnings(*plans[0]):
            work.reporter.tell(warning)
            if lint.fails(work.dockerfile):
                raise DockerfileError(f"lint violation found: {warning.rule}: {warning.text} (line {warning.line})")
        states = await _together([solver.run() for solver in solvers])
        for name in unused(work.spec.build_args, work.declared):
            work.reporter.tell(Warned(rule="UnusedBuildArg", text=name))
        result = await Exporter(work, [Made(*pair) for pair in zip(works, states, strict=True)]).run()
        least = dict(pair for state in states for pair in state.results)
        most = {key: value for solver in solvers for key, value in solver.results.items()}
        told = await exporting.Exports(work, self._caches, least, most).run()
        return msgspec.structs.replace(result, metadata=result.metadata | told)

    def _declared(self, dockerfile: Dockerfile) -> Iterable[str]:
        everything = [*dockerfile.args, *(i for stage in dockerfile.stages for i in stage.instructions)]
        return {name for i in everything if isinstance(i, Arg) for name, _ in i.pairs}


async def _together(solving: Sequence[Coroutine[Any, Any, State]]) -> list[State]:
    """Return the results in their order. One that fails ends the others."""
    tasks = [asyncio.ensure_future(each) for each in solving]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Wanted(Exception):
    """A file to INCLUDE that has not been fetched yet."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def _around(path: str) -> tuple[str, ...]:
    return path, f"{path}.dockerignore", "dockerfile", ".dockerignore"


def _quoted(text: str) -> str:
    """Return what expands to exactly this text."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
