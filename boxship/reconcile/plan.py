"""Plans: actions with causes, ordered by what must come before what. Pure; knows nothing of what the actions do."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Step(Generic[A]):
    """One action. after: positions in the plan, all before this one, of the steps that must have succeeded."""

    action: A
    cause: str
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan(Generic[A]):
    """Steps in an order that could be carried out one by one.

    due: when to plan again even if nothing happens, nanoseconds since 1970; None is never.
    why: what `due` waits for.
    """

    steps: tuple[Step[A], ...] = ()
    due: int | None = None
    why: str = ""

    def __bool__(self) -> bool:
        """Whether there is anything to do now."""
        return bool(self.steps)

    def waves(self) -> Iterator[list[A]]:
        """Yield the actions in groups: all of a group may run at the same time, once those before have succeeded."""
        level: list[int] = []
        for step in self.steps:
            level.append(1 + max((level[i] for i in step.after), default=-1))
        for depth in range(max(level, default=-1) + 1):
            yield [step.action for step, at in zip(self.steps, level, strict=True) if at == depth]


@dataclass(slots=True)
class Draft(Generic[A]):
    """A plan being written."""

    steps: list[Step[A]] = field(default_factory=list)

    def add(self, action: A, cause: str, *after: int | None) -> int:
        """Append and return the position. None among `after` stands for a step that was not needed."""
        self.steps.append(Step(action, cause, tuple(i for i in after if i is not None)))
        return len(self.steps) - 1

    def then(self, action: A, cause: str) -> int:
        """Append, to come after everything so far that nothing else comes after."""
        followed = {i for step in self.steps for i in step.after}
        return self.add(action, cause, *(i for i in range(len(self.steps)) if i not in followed))

    def plan(self, due: int | None = None, why: str = "") -> Plan[A]:
        return Plan(tuple(self.steps), due, why)


def render(plan: Plan[A], now: int = 0) -> str:
    """One line per step, for logs, dry runs and tests: `2 create after 0 1: it is to run`. The time to plan
    again comes last, in milliseconds from `now`."""
    lines = []
    for number, step in enumerate(plan.steps):
        after = f" after {' '.join(map(str, step.after))}" if step.after else ""
        lines.append(f"{number} {step.action}{after}: {step.cause}")
    if plan.due is not None:
        lines.append(f"again in {(plan.due - now) // 1_000_000} ms: {plan.why}")
    return "\n".join(lines)
