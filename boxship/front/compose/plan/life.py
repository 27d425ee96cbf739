"""Plans over containers that are there: down, stop, start, restart, kill, rm, pause, unpause. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from boxship.base.errors import Invalid
from boxship.front.compose import labels
from boxship.front.compose.model import Project
from boxship.front.compose.plan import graph, provide
from boxship.front.compose.plan.prestart import PreStarts, is_due
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import (
    COMPLETED,
    HEALTHY,
    SETTLED,
    Action,
    Await,
    Hooks,
    Kill,
    OnContainer,
    Pause,
    Plan,
    Remove,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    Restart,
    Start,
    Stop,
    Unpause,
)
from boxship.front.compose.state import Observed, Seen

UP = ("running", "restarting", "paused")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A project as files or, without them, the labels of its containers describe it. project: None without files."""

    name: str
    seen: Observed
    project: Project | None = None

    def needs(self) -> dict[str, tuple[str, ...]]:
        """Return service -> services it needs."""
        found = {c.service: tuple(labels.dependencies(c.labels)) for c in self.seen.containers}
        if self.project is not None:
            found |= {name: graph.needs(service) for name, service in self.project.services.items()}
        return found

    def known(self) -> set[str]:
        """Return all services that are no orphans."""
        if self.project is None:
            return {c.service for c in self.seen.containers}
        return {*self.project.services, *self.project.disabled}

    def containers(self, services: Iterable[str], *, one_off: bool = False) -> tuple[Seen, ...]:
        """Return those of `services` (of all without any). Raises Invalid for a service that nothing knows."""
        wanted = set(services)
        unknown = wanted - self.known()
        if unknown:
            raise Invalid(f"no such service: {sorted(unknown)[0]}")
        return tuple(
            c for c in self.seen.containers if (one_off or not c.one_off) and (not wanted or c.service in wanted)
        )

    def hooks(self, c: Seen, when: str) -> bool:
        service = self.project.services.get(c.service) if self.project is not None else None
        return service is not None and not c.hook and bool(getattr(service, when))


class Down(msgspec.Struct, frozen=True, kw_only=True):
    """services: () takes the whole project away. images: "", local or all."""

    services: tuple[str, ...] = ()
    volumes: bool = False
    images: str = ""
    remove_orphans: bool = False
    grace: int | None = None


def down(view: View, wish: Down) -> Plan:
    sketch = Sketch()
    known = view.known()
    there = view.containers(wish.services, one_off=True)
    chosen = [c for c in there if wish.remove_orphans or (c.service in known and (c.hook or not c.one_off))]
    last = _backwards(view, sketch, chosen, lambda c, after: _take_away(view, sketch, c, wish, after))
    ends = tuple(key for keys in last.values() for key in keys)
    provide.add(sketch, _provided(view, wish.services), "down", "the project goes down", ends)
    if not wish.services:
        _ground(view, sketch, wish, ends)
    if not sketch.plan().steps:
        sketch.warn(f'Warning: No resource found to remove for project "{view.name}".')
    return sketch.plan()


def _provided(view: View, services: Sequence[str]) -> list[str]:
    """Return the provided services of `services` (of all without any), dependents first."""
    if view.project is None:
        return []
    return [name for name in reversed(provide.provided(view.project)) if not services or name in services]


def _take_away(view: View, sketch: Sketch, c: Seen, wish: Down, after: tuple[str, ...]) -> str:
    key = _stop(view, sketch, c, "the project goes down", wish.grace, after)
    remove = Remove(c.name, c.id, volumes=wish.volumes, force=True)
    return sketch.add(f"remove {c.name}", remove, "the project goes down", (key,) if key else after)


def _ground(view: View, sketch: Sketch, wish: Down, after: tuple[str, ...]) -> None:
    external = _external(view.project)
    for network in view.seen.networks.values():
        if network.labels.get(labels.PROJECT) == view.name and network.name not in external:
            action = RemoveNetwork(network.id, network.name)
            sketch.add(f"remove network {network.name}", action, "the project goes down", after)
    for name, own in view.seen.volumes.items() if wish.volumes else ():
        if own.get(labels.PROJECT) == view.name and labels.VOLUME in own and name not in external:
            sketch.add(f"remove volume {name}", RemoveVolume(name), "asked for", after)
    for image in _images(view, wish.images):
        sketch.add(f"remove image {image}", RemoveImage(image), f"asked for {wish.images}", after)


def _external(project: Project | None) -> set[str]:
    if project is None:
        return set()
    networks = {network.name for network in project.networks.values() if network.external}
    return networks | {volume.name for volume in project.volumes.values() if volume.external}


def _images(view: View, which: str) -> list[str]:
    """`local`: those without a name of the user's own; `all`: those of every service."""
    if not which or view.project is None:
        return []
    if which not in ("local", "all"):
        raise Invalid(f'invalid value for --rmi: "{which}"')
    services = view.project.services.values()
    return sorted({view.project.image_of(s) for s in services if which == "all" or (s.build and not s.image)})


def stop(view: View, services: Sequence[str], grace: int | None = None, cause: str = "asked to stop") -> Plan:
    sketch = Sketch()
    running = [c for c in view.containers(services) if c.state in UP]

    def one(c: Seen, after: tuple[str, ...]) -> str:
        return _stop(view, sketch, c, cause, grace, after)

    last = _backwards(view, sketch, running, one)
    ends = tuple(key for keys in last.values() for key in keys)
    provide.add(sketch, _provided(view, services), "stop", cause, ends)
    return sketch.plan()


def _stop(view: View, sketch: Sketch, c: Seen, cause: str, grace: int | None, after: tuple[str, ...]) -> str:
    """Return the key of the last step, "" when there is nothing to stop."""
    if c.state not in UP:
        return ""
    if view.hooks(c, "pre_stop"):
        hooks = Hooks(c.name, c.id, service=c.service, when="pre_stop")
        after = (sketch.add(f"run pre_stop in {c.name}", hooks, cause, after),)
    return sketch.add(f"stop {c.name}", Stop(c.name, c.id, service=c.service, grace=grace), cause, after)


def _backwards(
    view: View, sketch: Sketch, chosen: Sequence[Seen], one: Callable[[Seen, tuple[str, ...]], str]
) -> dict[str, list[str]]:
    """Do `one` to each container, those of dependents first; return service -> keys of the last steps."""
    needs = view.needs()
    done: dict[str, list[str]] = {}
    for name in reversed(graph.ordered(needs)):
        after = tuple(key for other, keys in done.items() if name in needs[other] for key in keys)
        after = after or tuple(key for key in _above(name, needs, done) if key)
        keys = [one(c, after) for c in chosen if c.service == name]
        done[name] = [key for key in keys if key]
    return done


def _above(name: str, needs: Mapping[str, Sequence[str]], done: Mapping[str, list[str]]) -> list[str]:
    """Return the keys of services that need this one through others that have no containers."""
    found: list[str] = []
    for other in done:
        if name in needs[other]:
            found += done[other] or _above(other, needs, done)
    return found


def start(view: View, services: Sequence[str], *, wait: bool = False) -> Plan:
    """Start what is there, in order, with the conditions that files or labels name."""
    sketch = Sketch()
    needs = view.needs()
    chosen = view.containers(services)
    pre_starts = PreStarts(sketch, view.seen)
    ready: dict[str, tuple[str, ...]] = {}
    for name in graph.ordered(needs):
        mine = [c for c in chosen if c.service == name]
        idle = [c for c in mine if c.state not in UP]
        after = tuple(key for other in needs[name] for key in _met(view, sketch, name, other, ready)) if idle else ()
        service = view.project.services.get(name) if view.project is not None else None
        ready[name] = ()
        pre_starts.due[name] = service is not None and is_due(service, view.seen.of(name))
        for c in idle:
            before = pre_starts.before(service, c.name, c.id, c.state, after) if service is not None else after
            ready[name] = (*ready[name], _start(view, sketch, c, before))
        sketch.right += [c.name for c in mine if c.state in UP]
        if wait and mine:
            action = Await(service=name, names=tuple(c.name for c in mine), condition=SETTLED)
            sketch.add(f"wait for {name} running or healthy", action, "asked to wait", ready[name])
    return sketch.plan()


def _start(view: View, sketch: Sketch, c: Seen, after: tuple[str, ...]) -> str:
    key = sketch.add(f"start {c.name}", Start(c.name, c.id, service=c.service), f"it is {c.state}", after)
    if view.hooks(c, "post_start"):
        hooks = Hooks(c.name, c.id, service=c.service, when="post_start")
        return sketch.add(f"run post_start in {c.name}", hooks, "the service says so", (key,))
    return key


def _met(view: View, sketch: Sketch, name: str, other: str, ready: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    condition, required = _condition(view, name, other)
    there = tuple(c.name for c in view.seen.of(other))
    if condition not in (HEALTHY, COMPLETED) or not there:
        return ready.get(other, ())
    key = f"wait for {other} {'healthy' if condition == HEALTHY else 'completed'}"
    if not sketch.has(key):
        action = Await(service=other, names=there, condition=condition, required=required)
        sketch.add(key, action, "somebody depends on it", ready.get(other, ()))
    return (key,)


def _condition(view: View, name: str, other: str) -> tuple[str, bool]:
    if view.project is not None and name in view.project.services:
        dependency = view.project.services[name].depends_on.get(other)
        return (dependency.condition, dependency.required) if dependency is not None else ("", True)
    told = [labels.dependencies(c.labels) for c in view.seen.of(name)]
    return (told[0].get(other, ""), True) if told else ("", True)


def restart(view: View, services: Sequence[str], grace: int | None = None, *, dependents: bool = True) -> Plan:
    """Restart in order of dependencies; with those that depend on one of them with `restart: true`."""
    sketch = Sketch()
    needs = view.needs()
    asked = set(services) or {c.service for c in view.containers(())}
    view.containers(services)
    if dependents and services and view.project is not None:
        asked |= _restarted_too(view.project, asked)
    done: dict[str, tuple[str, ...]] = {}
    for name in graph.ordered(needs):
        after = tuple(key for other in needs[name] for key in done.get(other, ()))
        cause = "asked to restart" if name in services or not services else "what it depends on restarts"
        mine = [c for c in view.containers(()) if c.service == name] if name in asked else []
        done[name] = tuple(_restart(view, sketch, c, cause, grace, after) for c in mine) or after
    return sketch.plan()


def _restart(view: View, sketch: Sketch, c: Seen, cause: str, grace: int | None, after: tuple[str, ...]) -> str:
    if c.state in UP and view.hooks(c, "pre_stop"):
        hooks = Hooks(c.name, c.id, service=c.service, when="pre_stop")
        after = (sketch.add(f"run pre_stop in {c.name}", hooks, cause, after),)
    key = sketch.add(f"restart {c.name}", Restart(c.name, c.id, service=c.service, grace=grace), cause, after)
    if view.hooks(c, "post_start"):
        hooks = Hooks(c.name, c.id, service=c.service, when="post_start")
        return sketch.add(f"run post_start in {c.name}", hooks, "the service says so", (key,))
    return key


def _restarted_too(project: Project, names: set[str]) -> set[str]:
    return {
        service.name
        for service in project.services.values()
        if any(dependency.restart and other in names for other, dependency in service.depends_on.items())
    }


def each(chosen: Iterable[Seen], verb: str, make: Callable[[Seen], Action]) -> Plan:
    """Do one thing to every container, all at once."""
    sketch = Sketch()
    for c in chosen:
        sketch.add(f"{verb} {c.name}", make(c), f"asked to {verb}")
    return sketch.plan()


def pause(view: View, services: Sequence[str]) -> Plan:
    chosen = [c for c in view.containers(services) if c.state == "running"]
    return each(chosen, "pause", lambda c: Pause(c.name, c.id))


def unpause(view: View, services: Sequence[str]) -> Plan:
    chosen = [c for c in view.containers(services) if c.state == "paused"]
    return each(chosen, "unpause", lambda c: Unpause(c.name, c.id))


def kill(view: View, services: Sequence[str], signal: str, *, remove_orphans: bool = False) -> Plan:
    chosen = [c for c in view.containers(services, one_off=remove_orphans) if c.state in UP]
    if not remove_orphans:
        chosen = [c for c in chosen if c.service in view.known()]
    return each(chosen, "kill", lambda c: Kill(c.name, c.id, signal=signal))


def remove(view: View, services: Sequence[str], *, stop_first: bool = False, volumes: bool = False) -> Plan:
    """Remove stopped containers (with stop_first all), one-off ones too."""
    sketch = Sketch()

    def one(c: Seen) -> OnContainer:
        return Remove(c.name, c.id, volumes=volumes, force=True)

    for c in view.containers(services, one_off=True):
        if c.state in UP and not stop_first:
            continue
        after = _stop(view, sketch, c, "asked to remove", None, ())
        sketch.add(f"remove {c.name}", one(c), "asked to remove", (after,) if after else ())
    return sketch.plan()
