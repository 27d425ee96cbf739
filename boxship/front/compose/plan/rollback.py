"""Back to what ran before: after an update that failed, and for `rollback`. Pure."""

from collections.abc import Sequence

from boxship.base.errors import NotFound
from boxship.front.compose import labels
from boxship.front.compose.model import Project
from boxship.front.compose.plan.replace import HOLD
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import STEADY, Await, Drain, Plan, Remove, Rename, Revive, Start, Stop, TakePorts
from boxship.front.compose.state import Observed, Seen

UP = ("running", "restarting", "paused")


def undo(project: Project, service: str, seen: Observed, began: float) -> Plan:
    """Take back an update of a service that failed: what is unfinished goes, what was replaced since `began` (s since
    1970) is made again."""
    sketch = Sketch()
    present = seen.of(service)
    ids = {c.id for c in present}
    for c in present:
        cause = "its update failed"
        if c.replaces in ids and c.replaces:
            _away(sketch, c, cause, ())
        elif c.replaces and c.created >= int(began):
            _revive(sketch, project, c, cause)
    return sketch.plan()


def back(project: Project, services: Sequence[str], seen: Observed) -> Plan:
    """Return the plan of `rollback`: every container that has a predecessor gives way to one like it.

    Raises NotFound when none has."""
    sketch = Sketch()
    found = [c for name in services for c in seen.of(name) if labels.PREVIOUS in c.labels]
    if not found:
        raise NotFound("nothing to roll back: no container of the project has replaced another one")
    for c in found:
        _revive(sketch, project, c, "asked to roll back")
    return sketch.plan()


def _revive(sketch: Sketch, project: Project, c: Seen, cause: str) -> None:
    """The one of before comes without a gap, as updates do, if it can run beside the one of now."""
    service = project.services.get(c.service)
    name = labels.container_name(project, service, c.number) if service is not None else c.name
    new = f"{c.id[:12]}_{name}"
    update = service.deploy.update_config if service is not None and service.deploy is not None else None
    beside = c.state == "running" and update is not None and update.order == "start-first"
    moves = beside and service is not None and any(port.published for port in service.ports)
    action = Revive(new, like=c.id, service=c.service, number=c.number, published=not moves)
    last = sketch.add(f"revive the one before {c.name}", action, cause)
    start = _Start(sketch, new, c)
    if beside and update is not None:
        last = start.steady(start.begin((last,)), update.monitor)
        if moves:
            last = sketch.add(f"move ports of {c.name} to {new}", TakePorts(new, source=c.id), "without a gap", (last,))
        else:
            last = sketch.add(f"drain {c.name}", Drain(c.name, c.id), "the one before answers now", (last,))
    last = _away(sketch, c, cause, (last,))
    last = sketch.add(f"rename {new} to {name}", Rename(name, was=new), "the other has gone", (last,))
    if c.state in UP and not beside:
        _Start(sketch, name, c).begin((last,))


class _Start:
    def __init__(self, sketch: Sketch, name: str, c: Seen) -> None:
        self._sketch, self._name, self._c = sketch, name, c

    def begin(self, after: tuple[str, ...]) -> str:
        action = Start(self._name, service=self._c.service)
        return self._sketch.add(f"start {self._name}", action, "it ran before", after)

    def steady(self, after: str, monitor: int) -> str:
        action = Await(
            service=self._c.service, names=(self._name,), condition=STEADY, hold=monitor or HOLD, always=bool(monitor)
        )
        return self._sketch.add(f"wait for {self._name} steady", action, "before the other goes", (after,))


def _away(sketch: Sketch, c: Seen, cause: str, after: tuple[str, ...]) -> str:
    if c.state in UP:
        after = (sketch.add(f"stop {c.name}", Stop(c.name, c.id, service=c.service), cause, after),)
    return sketch.add(f"remove {c.name}", Remove(c.name, c.id), cause, after)
