"""Which stages of a Dockerfile are needed for what is wanted, and what each needs of others. Pure; no I/O."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from boxship.base.errors import Invalid
from boxship.engine.build.dockerfile.source import nearest, wrong
from boxship.engine.build.dockerfile.values import Copy, Dockerfile, Instruction, Run, Stage
from boxship.engine.build.scope import Scope

SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where files come from. kind: stage (name is its index), image, context (a named one), scratch, or main (the
    build's own context)."""

    kind: str
    name: str = ""

    @property
    def stage(self) -> int | None:
        return int(self.name) if self.kind == "stage" else None


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction to carry out. index: from 0 within its stage.  number: from 1 in the whole plan."""

    stage: int
    index: int
    number: int
    instruction: Instruction
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """One stage that is needed. number: of its FROM in the plan.  platform: as its FROM asks, "" for the build's."""

    stage: Stage
    base: Origin
    number: int
    platform: str
    steps: tuple[Step, ...]

    @property
    def needs(self) -> tuple[int, ...]:
        """Indexes of the stages that it takes files of, its base first."""
        found = [self.base.stage, *(o.stage for step in self.steps for o in step.origins)]
        return tuple(dict.fromkeys(index for index in found if index is not None))


@dataclass(frozen=True, slots=True)
class Plan:
    """stages: those needed, in the Dockerfile's order.  target: index of the wanted one.  skipped: names of those
    that are not needed.  total: how many instructions there are to carry out, FROM and global ARG included."""

    stages: tuple[Planned, ...]
    target: int
    skipped: tuple[str, ...]
    total: int
    globals: int

    def stage(self, index: int) -> Planned:
        return next(planned for planned in self.stages if planned.stage.index == index)


class Seen(NamedTuple):
    """A Dockerfile understood: what would be done, and with which global arguments."""

    dockerfile: Dockerfile
    plan: Plan
    scope: Scope


def plan(
    dockerfile: Dockerfile, scope: Scope, target: str = "", contexts: Collection[str] = (), after: int | None = None
) -> Plan:
    """Return what is to be done to make `target`. scope: holds the global arguments already.
    contexts: names of named contexts, which outweigh images.  after: the last number that is taken.
    Raises DockerfileError, Invalid for an unknown target."""
    wanted = _target(dockerfile, target)
    bases = [_base(stage, dockerfile, scope, contexts) for stage in dockerfile.stages]
    origins = [_origins(stage, dockerfile, contexts) for stage in dockerfile.stages]
    needed: set[int] = set()
    waiting = [wanted]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            found = [bases[index][0], *(o for each in origins[index] for o in each)]
            waiting += [o.stage for o in found if o.stage is not None]
    return _numbered(dockerfile, wanted, needed, bases, origins, len(dockerfile.args) if after is None else after)


def _numbered(
    dockerfile: Dockerfile,
    wanted: int,
    needed: Collection[int],
    bases: list[tuple[Origin, str]],
    origins: list[list[tuple[Origin, ...]]],
    number: int,
) -> Plan:
    stages = []
    for index in sorted(needed):
        stage = dockerfile.stages[index]
        number += 1
        own, steps = number, []
        for position, instruction in enumerate(stage.instructions):
            number += 1
            steps.append(Step(index, position, number, instruction, origins[index][position]))
        base, platform = bases[index]
        stages.append(Planned(stage, base, own, platform, tuple(steps)))
    skipped = tuple(stage.label for stage in dockerfile.stages if stage.index not in needed)
    return Plan(tuple(stages), wanted, skipped, number, len(dockerfile.args))


def _target(dockerfile: Dockerfile, target: str) -> int:
    if not target:
        return len(dockerfile.stages) - 1
    found = find_stage(dockerfile, target, len(dockerfile.stages))
    if found is None:
        names = [stage.name for stage in dockerfile.stages if stage.name]
        hint = nearest(target.lower(), names)
        said = f"target stage {target!r} could not be found".replace("'", '"')
        raise Invalid(f"{said} (did you mean {hint}?)" if hint else said)
    return found


def find_stage(dockerfile: Dockerfile, name: str, before: int) -> int | None:
    """Return the stage called `name`, or of that number, among the first `before` ones."""
    for stage in dockerfile.stages[:before]:
        if stage.name and stage.name == name.lower():
            return stage.index
    if re.fullmatch(r"\d+", name) and int(name) < before:
        return int(name)
    return None


def _base(stage: Stage, dockerfile: Dockerfile, scope: Scope, contexts: Collection[str]) -> tuple[Origin, str]:
    """Return where a stage begins, and the platform asked for."""
    base = stage.base
    name = scope.text(base.line, base.image, {})
    if not name:
        raise wrong(base.line, f"base name ({base.image}) should not be blank", part=base.image)
    platform = scope.text(base.line, base.platform, {}) if base.platform else ""
    for earlier in dockerfile.stages[: stage.index]:
        if earlier.name and earlier.name == name.lower():
            return Origin("stage", str(earlier.index)), platform
    if name in contexts:
        return Origin("context", name), platform
    return (Origin(SCRATCH) if name == SCRATCH else Origin("image", name)), platform


def _origins(stage: Stage, dockerfile: Dockerfile, contexts: Collection[str]) -> list[tuple[Origin, ...]]:
    return [origins_of(each, dockerfile, stage.index, contexts) for each in stage.instructions]


def origins_of(
    instruction: Instruction, dockerfile: Dockerfile, stage: int, contexts: Collection[str]
) -> tuple[Origin, ...]:
    """Return where an instruction takes files from: one for a COPY, one for each mount of a RUN."""
    if isinstance(instruction, Copy):
        return (_origin(instruction, instruction.origin, dockerfile, stage, contexts),)
    if isinstance(instruction, Run):
        found = (_mount_origin(text) for text in instruction.mounts)
        return tuple(_origin(instruction, name, dockerfile, stage, contexts) for name in found)
    return ()


def _origin(
    instruction: Instruction, name: str, dockerfile: Dockerfile, stage: int, contexts: Collection[str]
) -> Origin:
    if not name:
        return Origin("main")
    if "$" in name:
        message = (
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global "
            "scope as a workaround"
        )
        raise wrong(instruction.line, message, part=name)
    found = find_stage(dockerfile, name, stage)
    if found is not None:
        return Origin("stage", str(found))
    if stage < len(dockerfile.stages) and dockerfile.stages[stage].name == name.lower():
        raise wrong(instruction.line, f"a stage cannot take files of itself: {name}", part=name)
    if name in contexts:
        return Origin("context", name)
    if name.isdecimal():
        raise wrong(instruction.line, f"invalid from flag value {name}: there is no such stage before", part=name)
    return Origin(SCRATCH) if name == SCRATCH else Origin("image", name)


def _mount_origin(text: str) -> str:
    match = re.search(r"(?:^|,)from=([^,]*)", text)
    return match[1].strip("\"'") if match else ""


def render(made: Plan) -> str:
    """One line per stage and step, for tests and dry runs."""
    lines = []
    for planned in made.stages:
        lines.append(f"{planned.number} {planned.stage.label}: {planned.base.kind} {planned.base.name}".rstrip())
        for step in planned.steps:
            origins = " ".join(f"<{o.kind} {o.name}".rstrip() + ">" for o in step.origins)
            lines.append(f"  {step.number} {step.instruction.line.keyword} {origins}".rstrip())
    return "\n".join([*lines, *(f"skip {name}" for name in made.skipped)])


__all__ = ["Origin", "Plan", "Planned", "Step", "find_stage", "origins_of", "plan", "render"]
