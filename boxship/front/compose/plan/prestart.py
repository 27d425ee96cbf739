"""`pre_start`: what has to end well before a container starts for the first time. Pure.

A step runs once for a service, before any of its containers starts, or with `per_replica` once for each of them. It has
run well for a container that has started: its definition is part of what containers are compared by.
"""

from collections.abc import Iterable, Sequence

from boxship.front.compose.model import Service
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import PreStart, Remove
from boxship.front.compose.state import Observed, Seen

NEW = ("created", "")
CAUSE = "before the first start"


def is_due(service: Service, kept: Iterable[Seen]) -> bool:
    """Whether steps that run once have to run: none of the containers that stay has ever started."""
    return bool(service.pre_start) and all(c.state in NEW for c in kept)


class PreStarts:
    """Plans the steps before each start. due: by service, whether the steps that run once have still to run."""

    def __init__(self, sketch: Sketch, seen: Observed) -> None:
        self._sketch, self._seen = sketch, seen
        self._once: dict[str, dict[int, str]] = {}  # service -> index of a step -> its key
        self.due: dict[str, bool] = {}

    def before(
        self, service: Service, name: str, id: str, state: str, after: Sequence[str], update: str = ""
    ) -> tuple[str, ...]:
        """Return the keys after which the container may start."""
        if not service.pre_start or state not in NEW:
            return tuple(after)
        leftovers = [self._remove(service, c) for c in self._seen.hooks(service.name)]
        last = (*after, *leftovers)
        once = self._once.setdefault(service.name, {})
        for index, hook in enumerate(service.pre_start):
            if hook.per_replica:
                key = f"run pre_start {index + 1} for {name}"
            elif index in once:
                last = (*last, once[index])
                continue
            elif self.due.get(service.name):
                key = once[index] = f"run pre_start {index + 1} for {service.name}"
            else:
                continue
            action = PreStart(name, id, service=service.name, index=index)
            last = (self._sketch.add(key, action, CAUSE, last, update),)
        return tuple(dict.fromkeys(last))

    def _remove(self, service: Service, c: Seen) -> str:
        key = f"remove {c.name}"
        if not self._sketch.has(key):
            action = Remove(c.name, c.id, volumes=True, force=True)
            self._sketch.add(key, action, f"an earlier pre_start of {service.name} left it")
        return key
