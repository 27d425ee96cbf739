"""Carry a plan out: stages side by side, each as far as it can go without the others."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from boxship.base.errors import PlatformError
from boxship.engine.build import graph, lint
from boxship.engine.build.api import CONTEXT, Vertex
from boxship.engine.build.api import Planned as PlannedSteps
from boxship.engine.build.cachemounts import CacheMounts
from boxship.engine.build.dockerfile.parse import trigger
from boxship.engine.build.dockerfile.source import DockerfileError, at
from boxship.engine.build.dockerfile.values import Copy, Instruction, Run, Workdir
from boxship.engine.build.files import Files, make_workdir
from boxship.engine.build.graph import Origin, Plan, Planned, Step, origins_of
from boxship.engine.build.progress import Telling
from boxship.engine.build.running import Running
from boxship.engine.build.scope import Scope
from boxship.engine.build.state import State, begun, settle
from boxship.engine.build.work import Work
from boxship.engine.images import config as image_config
from boxship.engine.images.manifest import Platform, platform_of, shown, suits, wanted_platform
from boxship.model.image import Image

WORKING = (Run, Copy, Workdir)


class Solver:
    def __init__(self, work: Work, plan: Plan, outer: Scope, caches: CacheMounts) -> None:
        self._work = work
        self._plan = plan
        self._outer = outer
        self._caches = caches
        self._stages: dict[int, asyncio.Task[State]] = {}
        self._vertexes: dict[int, Vertex] = {}
        self._scopes: dict[int, Scope] = {}  # of stages that are done
        self._total = plan.total
        self.used: set[str] = set(outer.used)
        self.results: dict[str, str] = {}  # of all steps, by their keys

    async def run(self) -> State:
        """Return the wanted stage's state. A failure anywhere ends everything."""
        self._announce()
        for number in range(1, len(self._work.dockerfile.args) + 1):
            async with self._work.reporter.under_way(self._vertexes[number]) as telling:
                telling.cached = True
        for planned in self._plan.stages:
            self._start(planned)
        try:
            done, _ = await asyncio.wait(list(self._stages.values()), return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            return self._stages[self._plan.target].result()
        finally:
            tasks = list(self._stages.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, planned: Planned) -> None:
        name = f"stage {planned.stage.label}"
        self._stages[planned.stage.index] = asyncio.create_task(self._stage(planned), name=name)

    def _need(self, index: int) -> None:
        """Begin a stage, and what it needs, that only a trigger of a base image asks for."""
        if index in self._stages:
            return
        made = graph.plan(self._work.dockerfile, self._outer, str(index), self._work.spec.contexts, self._total)
        self._total = made.total
        self._plan = replace(self._plan, stages=(*self._plan.stages, *(s for s in made.stages if self._is_new(s))))
        new = [planned for planned in made.stages if self._is_new(planned)]
        for planned in new:
            self._announce_stage(planned)
        vertexes = [self._vertexes[n] for planned in new for n in (planned.number, *(s.number for s in planned.steps))]
        self._work.reporter.tell(PlannedSteps(vertexes=tuple(vertexes)))
        for planned in new:
            self._start(planned)

    def _is_new(self, planned: Planned) -> bool:
        return planned.stage.index not in self._stages

    # ---- vertexes

    def _announce(self) -> None:
        for number, arg in enumerate(self._work.dockerfile.args, 1):
            text = arg.line.text
            digest = self._work.reporter.digest(f"{number} {text}")
            self._vertexes[number] = Vertex(
                digest=digest,
                name=f"[global] {text}",
                text=text,
                step=number,
                steps=self._plan.total,
                line=arg.line.first,
            )
        for planned in self._plan.stages:
            self._announce_stage(planned)
        self._work.reporter.tell(PlannedSteps(vertexes=tuple(self._vertexes[n] for n in sorted(self._vertexes))))

    def _announce_stage(self, planned: Planned) -> None:
        total = 1 + sum(isinstance(step.instruction, WORKING) for step in planned.steps)
        base = planned.stage.base
        self._vertexes[planned.number] = self._vertex(
            planned, base.line.text, base.line.first, planned.number, 1, total, ()
        )
        before, number = planned.number, 1
        for step in planned.steps:
            line = step.instruction.line
            works = isinstance(step.instruction, WORKING)
            number += works
            others = tuple(self._last(o.stage) for o in step.origins if o.stage is not None)
            inputs = (self._vertexes[before].digest, *others)
            shown = number if works else 0
            self._vertexes[step.number] = self._vertex(
                planned, line.text, line.first, step.number, shown, total, inputs
            )
            before = step.number

    def _last(self, stage: int) -> str:
        planned = self._plan.stage(stage)
        return self._vertexes[planned.steps[-1].number if planned.steps else planned.number].digest

    def _vertex(
        self, planned: Planned, text: str, line: int, step: int, number: int, total: int, inputs: tuple[str, ...]
    ) -> Vertex:
        label = self._work.shown(planned.stage.label, planned.platform)
        name = f"[{label} {number}/{total}] {text}" if number else f"[{label}] {text}"
        if not inputs and planned.base.stage is not None:
            inputs = (self._last(planned.base.stage),)
        return Vertex(
            digest=self._work.reporter.digest(f"{step} {text}"),
            name=name,
            text=text,
            stage=planned.stage.label,
            number=number,
            total=total,
            step=step,
            steps=self._plan.total,
            line=line,
            inputs=inputs,
        )

    # ---- stages

    async def _stage(self, planned: Planned) -> State:
        state, triggers = await self._begin(planned)
        scope = self._scope(planned)
        for instruction, origins in self._triggered(planned, triggers):
            label = self._work.shown(planned.stage.label)
            vertex = self._work.reporter.vertex(f"[{label}] ONBUILD {instruction.line.text}")
            async with self._work.reporter.under_way(vertex) as telling:
                state = await self._carry_out(state, scope, instruction, origins, telling, planned)
        for step in planned.steps:
            state = await self._step(state, scope, step, planned)
        self._scopes[planned.stage.index] = scope
        self.used |= scope.used
        self.results.update(state.results)
        return state

    def _scope(self, planned: Planned) -> Scope:
        """A stage on another one knows the arguments that were declared there."""
        parent = self._scopes.get(planned.base.stage) if planned.base.stage is not None else None
        return Scope(
            given=self._outer.given,
            args=dict(parent.args) if parent is not None else {},
            declared=set(parent.declared) if parent is not None else set(),
            predefined=self._outer.predefined,
            outer=self._outer.args,
            escape=self._outer.escape,
        )

    async def _begin(self, planned: Planned) -> tuple[State, tuple[str, ...]]:
        """Return the state after FROM, and the triggers of the base."""
        vertex = self._vertexes[planned.number]
        async with self._work.reporter.under_way(vertex) as telling:
            if planned.base.stage is not None:
                state = await self._of_stage(planned.base.stage)
                triggers = state.config.on_build or ()
                state = replace(state.configured(on_build=None), cmd_set=False)
            else:
                image = await self._image(planned.base, planned.platform)
                self._check_platform(planned, image)
                state = begun(image, self._epoch(image), self._platform(planned.platform))
                triggers = image.config.on_build or () if image else ()
            telling.cached = True
            telling.image = state.image_id
            return state, tuple(triggers)

    def _check_platform(self, planned: Planned, image: Image | None) -> None:
        """InvalidBaseImagePlatform: registries with one image under a name give it whatever is asked for."""
        if image is None or not image.architecture:
            return
        os, architecture, variant = self._platform(planned.platform)
        wanted, offered = Platform(architecture, os, variant), platform_of(image)
        if suits(offered, wanted):
            return
        text = (
            f'Base image {planned.base.name} was pulled with platform "{shown(offered)}", expected "{shown(wanted)}" '
            "for current build"
        )
        work = self._work
        found = ("InvalidBaseImagePlatform", text, planned.stage.base)
        for warned in lint.warned(work.dockerfile, [found], work.spec.dockerfile):
            work.reporter.tell(warned)

    def _epoch(self, image: Image | None) -> int:
        """As the user says, else as old as the base: the same input gives the same image everywhere."""
        if self._work.spec.epoch is not None:
            return self._work.spec.epoch * 1_000_000_000
        if image is None:
            return 0
        raw = image_config.parse(self._work.parts.images.raw_config(image.id))
        return raw.created // 1_000_000_000 * 1_000_000_000

    def _platform(self, asked: str) -> tuple[str, str, str]:
        wanted = asked or self._work.spec.platform
        if not wanted:
            return self._work.parts.platform
        found = wanted_platform(wanted)
        return found.os, found.architecture, found.variant

    async def _image(self, base: Origin, platform: str) -> Image | None:
        if base.kind == "scratch":
            return None
        name = base.name
        if base.kind == "context":
            where = self._work.spec.contexts[base.name]
            kind, _, rest = where.partition(":")
            if kind == "input":
                return self._work.parts.images.get(self._work.input(rest))
            name = where if kind == "oci-layout" else rest.removeprefix("//")
        return await self._work.bases.find(name, platform or self._work.spec.platform)

    async def _of_stage(self, index: int) -> State:
        return await asyncio.shield(self._stages[index])

    def _triggered(self, planned: Planned, triggers: Sequence[str]) -> list[tuple[Instruction, tuple[Origin, ...]]]:
        found = []
        for text in triggers:
            instruction = trigger(text, self._outer.escape)
            contexts = self._work.spec.contexts
            origins = origins_of(instruction, self._work.dockerfile, planned.stage.index, contexts)
            for origin in origins:
                if origin.stage is not None:
                    self._need(origin.stage)
            found.append((instruction, origins))
        return found

    # ---- steps

    async def _step(self, state: State, scope: Scope, step: Step, planned: Planned) -> State:
        await self._ready(step)
        async with self._work.reporter.under_way(self._vertexes[step.number]) as telling:
            return await self._carry_out(state, scope, step.instruction, step.origins, telling, planned)

    async def _ready(self, step: Step) -> None:
        """Wait for what a step takes files of, so that the time it is told to take is its own."""
        for origin in step.origins:
            if origin.stage is not None:
                await self._of_stage(origin.stage)
            elif origin.kind == "main" and type(step.instruction) is Copy and step.instruction.sources:
                await self._work.tree(CONTEXT)

    async def _carry_out(
        self,
        state: State,
        scope: Scope,
        instruction: Instruction,
        origins: tuple[Origin, ...],
        telling: Telling,
        planned: Planned,
    ) -> State:
        fresh = self._fresh(planned)
        try:
            match instruction:
                case Run():
                    stages = [await self._files_of(origin) for origin in origins]
                    running = Running(self._work, state, scope, instruction, self._caches, stages)
                    after = await running.run(origins, telling, fresh=fresh)
                case Copy():
                    stage = await self._files_of(origins[0])
                    files = Files(self._work, state, scope, instruction)
                    after = await files.run(origins[0], stage, telling, fresh=fresh)
                case Workdir(path=path):
                    path = scope.text(instruction.line, path, state.env)
                    after = await make_workdir(self._work, state, path, telling, fresh=fresh)
                case _:
                    after = settle(state, instruction, scope)
                    telling.cached = not fresh and self._work.may_reuse()
        except DockerfileError as e:
            raise e if e.line else _placed(e, instruction) from e
        if self._work.spec.keep_steps:
            after = await self._keep(after, telling, not isinstance(instruction, WORKING))
        return after

    def _fresh(self, planned: Planned) -> bool:
        spec = self._work.spec
        return (
            spec.no_cache or planned.stage.name in spec.no_cache_stages or planned.stage.label in spec.no_cache_stages
        )

    async def _files_of(self, origin: Origin) -> State | None:
        """Return the state of a stage or image that files are taken from; None for contexts and scratch."""
        if origin.stage is not None:
            return await self._of_stage(origin.stage)
        if origin.kind == "image":
            image = await self._work.bases.find(origin.name, self._work.spec.platform)
            return begun(image, 0, self._work.parts.platform)
        return None

    async def _keep(self, state: State, telling: Telling, settles: bool) -> State:
        """Make an image of a step, as the classic builder does. settles: the step only changes settings, so that the
        image alone tells whether it was made before."""
        raw = image_config.render(state.image())
        image_id = image_config.digest_of(raw)
        images = self._work.parts.images
        if images.find(image_id) is None:
            made = self._work.parts.clock.now()
            await images.adopt(raw, (), parent=state.image_id, made=made)
            telling.cached = telling.cached and not settles
        telling.image = image_id
        return replace(state, image_id=image_id)


def _placed(error: PlatformError, instruction: Instruction) -> DockerfileError:
    line = instruction.line
    return at(line.source, line.file, (line.first, line.last), str(error))
