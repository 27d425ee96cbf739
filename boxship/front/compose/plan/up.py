"""`up` and `create`: from what is there to what the files say. Pure. Source: docker compose, convergence."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from boxship.base.errors import NotFound, PlatformError
from boxship.front.compose import labels
from boxship.front.compose.model import Project, Service
from boxship.front.compose.plan import graph, prestart, replace
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import (
    COMPLETED,
    HEALTHY,
    SETTLED,
    Await,
    Create,
    CreateNetwork,
    CreateVolume,
    Hooks,
    Plan,
    Remove,
    Rename,
    Restart,
    Start,
    Stop,
)
from boxship.front.compose.state import Observed, Seen

DIVERGED, FORCE, NEVER = "diverged", "force", "never"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line adds to the files.

    asked: services named by the user, to which `recreate` applies; `recreate_others` is for what they depend on.
    inherit: anonymous volumes go over. grace: seconds for stopping. wait: until all is running or healthy.
    """

    asked: frozenset[str]
    recreate: str = DIVERGED
    recreate_others: str = DIVERGED
    inherit: bool = True
    grace: int | None = None
    start: bool = True
    wait: bool = False
    remove_orphans: bool = False
    ignore_orphans: bool = False


def plan(
    project: Project,
    wish: Wish,
    seen: Observed,
    hash_of: Callable[[Service], str],
    meet: Mapping[str, str] | None = None,
) -> Plan:
    """Return the steps; () when all is well. meet: condition by service, to wait for at the end.

    Raises NotFound for what is external and missing."""
    return _Converge(project, wish, seen, hash_of).plan(meet or {})


class _Converge:
    def __init__(self, project: Project, wish: Wish, seen: Observed, hash_of: Callable[[Service], str]) -> None:
        self.project, self.wish, self.seen, self.hash_of = project, wish, seen, hash_of
        self.sketch = Sketch()
        self.made: dict[str, tuple[str, ...]] = {}  # service -> keys after which its containers exist
        self.ready: dict[str, tuple[str, ...]] = {}  # service -> keys after which it is started
        self.names: dict[str, tuple[str, ...]] = {}  # service -> its containers at the end
        self.changed: dict[str, str] = {}  # services whose containers are replaced -> why
        self.ground: dict[str, str] = {}  # network or volume -> key that makes it
        self.pre_starts = prestart.PreStarts(self.sketch, seen)

    def plan(self, meet: Mapping[str, str]) -> Plan:
        self._networks()
        self._volumes()
        self._orphans()
        for name in graph.order(self.project):
            self._service(self.project.services[name])
        if self.wish.wait and self.wish.start:
            self._wait_for_all()
        for name, condition in meet.items():
            self.meet(name, condition, True)
        return self.sketch.plan()

    def _networks(self) -> None:
        for key, network in sorted(self.project.networks.items()):
            known = self.seen.networks.get(network.name)
            if known is None and network.external:
                raise NotFound(f"network {network.name} declared as external, but could not be found")
            if known is None:
                step = f"create network {network.name}"
                self.sketch.add(step, CreateNetwork(key, network.name), "there is none")
                self.ground[f"network {key}"] = step
            elif not network.external:
                self._whose_network(network.name, key, known.labels)

    def _whose_network(self, name: str, key: str, found: Mapping[str, str]) -> None:
        hint = "Set `external: true` to use an existing network"
        if labels.PROJECT not in found:
            self.sketch.warn(f"a network with name {name} exists but was not created by compose.\n{hint}")
        elif found[labels.PROJECT] != self.project.name:
            shown = f'a network with name {name} exists but was not created for project "{self.project.name}"'
            self.sketch.warn(f"{shown}.\n{hint}")
        elif found.get(labels.NETWORK) != key:
            label = found.get(labels.NETWORK, "")
            raise PlatformError(f'network {name} was found but has incorrect label {labels.NETWORK} set to "{label}"')

    def _volumes(self) -> None:
        for key, volume in sorted(self.project.volumes.items()):
            known = self.seen.volumes.get(volume.name)
            if known is None and volume.external:
                raise NotFound(f'external volume "{volume.name}" not found')
            if known is None:
                step = f"create volume {volume.name}"
                self.sketch.add(step, CreateVolume(key, volume.name), "there is none")
                self.ground[f"volume {key}"] = step
            elif not volume.external and known.get(labels.PROJECT, self.project.name) != self.project.name:
                self.sketch.warn(
                    f'volume "{volume.name}" already exists but was created for project '
                    f'"{known[labels.PROJECT]}" (expected "{self.project.name}"). '
                    "Use `external: true` to use an existing volume"
                )
            elif not volume.external and labels.PROJECT not in known:
                self.sketch.warn(
                    f'volume "{volume.name}" already exists but was not created by Docker Compose. '
                    "Use `external: true` to use an existing volume"
                )

    def _orphans(self) -> None:
        known = {*self.project.services, *self.project.disabled}
        orphans = [c for c in self.seen.containers if c.service not in known]
        if self.wish.remove_orphans:
            for c in orphans:
                self.take_away(c, f"no service {c.service} in the files")
        elif orphans and not self.wish.ignore_orphans:
            self.sketch.warn(
                f"Found orphan containers ([{' '.join(c.name for c in orphans)}]) for this project. If you removed or "
                "renamed this service in your compose file, you can run this command with the --remove-orphans flag to "
                "clean it up."
            )

    def _service(self, service: Service) -> None:
        if service.provider is not None:  # it has been told before, as what it says is part of the others
            self.made[service.name] = self.ready[service.name] = self.names[service.name] = ()
            return
        if service.container_name and service.replicas > 1:
            raise PlatformError(
                f'WARNING: The "{service.name}" service is using the custom container name "{service.container_name}". '
                "Docker requires each container to have a unique name. Remove the custom name to scale the service.\n"
            )
        present, tidy = self._tidied(service)
        why = {c.id: self._why_replace(service, c) for c in present}
        best_first = sorted(present, key=lambda c: (bool(why[c.id]), c.number, c.created))
        keep = sorted(best_first[: service.replicas], key=lambda c: c.number)
        for c in best_first[service.replicas :]:
            self.take_away(c, f"scaled to {service.replicas}")
        changed = [c for c in keep if why[c.id]]
        self.pre_starts.due[service.name] = prestart.is_due(service, (c for c in keep if not why[c.id]))
        if changed:
            self.changed[service.name] = why[changed[0].id]
        self._build_up(service, keep, why, tidy)

    def _build_up(self, service: Service, keep: list[Seen], why: Mapping[str, str], tidy: Mapping[str, str]) -> None:
        made: list[str] = []
        ready: list[str] = []
        names: list[str] = []
        for c in keep:
            if not why[c.id]:
                name = labels.container_name(self.project, service, c.number)
                names.append(name if c.id in tidy else c.name)
                ready += self._keep(service, c, tidy.get(c.id, ""), names[-1])
        replaced = replace.steps(self, service, [c for c in keep if why[c.id]], why)
        made += replaced.made
        ready += replaced.ready
        names += replaced.names
        first = max([c.number for c in self.seen.of(service.name)], default=0) + 1
        for number in range(first, first + service.replicas - len(keep)):
            name = labels.container_name(self.project, service, number)
            cause = "there is none" if not keep else f"scaled to {service.replicas}"
            shared = replace.group(self.project, service)
            action = Create(name, service=service.name, number=number, shared=shared)
            made.append(self.sketch.add(f"create {name}", action, cause, self.before_create(service)))
            ready += self.start(service, name, "", "created", (made[-1],))
            names.append(name)
        self.made[service.name], self.ready[service.name] = tuple(made), tuple(ready)
        self.names[service.name] = tuple(names)

    def _tidied(self, service: Service) -> tuple[list[Seen], dict[str, str]]:
        """Return the containers to go on with, and id -> key of the step that gives one its proper name.

        An `up` that was interrupted may have left a container and the one that was to replace it: the new one stays
        if the old one has gone, else the old one."""
        present = list(self.seen.of(service.name))
        ids = {c.id for c in present}
        tidy: dict[str, str] = {}
        for c in [c for c in present if c.replaces]:
            if c.replaces in ids:
                self.take_away(c, "an interrupted replacement")
                present.remove(c)
            elif c.name == f"{c.replaces[:12]}_{labels.container_name(self.project, service, c.number)}":
                name = labels.container_name(self.project, service, c.number)
                action = Rename(name, c.id, was=c.name)
                tidy[c.id] = self.sketch.add(f"rename {c.name} to {name}", action, "its replacement was interrupted")
        return present, tidy

    def _why_replace(self, service: Service, c: Seen) -> str:
        """Return why the container is not what the files say; "" when it is."""
        policy = self.wish.recreate if service.name in self.wish.asked else self.wish.recreate_others
        if policy == NEVER:
            return ""
        if policy == FORCE:
            return "asked to recreate"
        for other in graph.references(service):
            if other in self.changed:
                return f"it shares with {other}, which is replaced"
        if c.config_hash != self._expected_hash(service):
            return "its configuration has changed"
        wanted = self.seen.images.get(self.project.image_of(service), "")
        if wanted and c.labels.get(labels.IMAGE, "") != wanted:
            return "its image has changed"
        return ""

    def _expected_hash(self, service: Service) -> str:
        def first(name: str) -> str:
            found = self.seen.of(name)
            return found[0].id if found else ""

        return self.hash_of(resolved(service, first))

    def _keep(self, service: Service, c: Seen, tidied: str, name: str) -> tuple[str, ...]:
        if c.state in ("running", "restarting", "paused"):
            restarts = [o for o, d in service.depends_on.items() if d.restart and o in self.changed]
            if restarts and self.wish.start:
                action = Restart(name, c.id, service=service.name, grace=self.wish.grace)
                after = self._after_dependencies(service)
                return (self.sketch.add(f"restart {name}", action, f"{restarts[0]} is replaced", after),)
            if not tidied:
                self.sketch.right.append(name)
            return ()
        return self.start(service, name, c.id, c.state, (tidied,) if tidied else ())

    @property
    def inherits(self) -> bool:
        return self.wish.inherit

    @property
    def starts(self) -> bool:
        return self.wish.start

    def before_create(self, service: Service) -> tuple[str, ...]:
        """Return the keys of what a container of the service is made with."""
        keys = [f"network {key}" for key in service.networks]
        keys += [f"volume {mount.source}" for mount in service.volumes if mount.type == "volume"]
        found = [self.ground[key] for key in keys if key in self.ground]
        for other in (*graph.references(service), *graph.linked(service)):
            found += self.made.get(other, ())
        return tuple(dict.fromkeys(found))

    def start(
        self, service: Service, name: str, id: str, state: str, after: Iterable[str], update: str = ""
    ) -> tuple[str, ...]:
        """Plan the start of a container; return the keys after which it has started."""
        if not self.wish.start:
            return ()
        cause = "to be started" if state in ("created", "") else f"it is {state}"
        waits = (*after, *self._after_dependencies(service))
        waits = self.pre_starts.before(service, name, id, state, waits, update)
        key = self.sketch.add(f"start {name}", Start(name, id, service=service.name), cause, waits, update)
        if not service.post_start:
            return (key,)
        action = Hooks(name, id, service=service.name, when="post_start")
        return (self.sketch.add(f"run post_start in {name}", action, "the service says so", (key,), update),)

    def _after_dependencies(self, service: Service) -> tuple[str, ...]:
        found: list[str] = []
        for other, dependency in sorted(service.depends_on.items()):
            if other not in self.project.services:
                if other not in self.project.disabled and dependency.required:
                    raise NotFound(f"service {service.name} depends on undefined service {other}")
                continue
            found += self.meet(other, dependency.condition, dependency.required)
        for other in graph.needs(service):
            if other not in service.depends_on:
                found += self.ready.get(other, ())
        return tuple(dict.fromkeys(found))

    def meet(self, service: str, condition: str, required: bool) -> tuple[str, ...]:
        """Return the keys after which a service meets a condition, with a step of waiting where it takes one."""
        ready, names = self.ready[service], self.names[service]
        if condition not in (HEALTHY, COMPLETED, SETTLED) or not names:
            return ready
        word = {HEALTHY: "healthy", COMPLETED: "completed", SETTLED: "running or healthy"}[condition]
        key = f"wait for {service} {word}"
        if not self.sketch.has(key):
            cause = "somebody depends on it" if condition != SETTLED else "asked to wait"
            action = Await(service=service, names=names, condition=condition, required=required)
            self.sketch.add(key, action, cause, ready)
        return (key,)

    def _wait_for_all(self) -> None:
        completed = {
            other
            for service in self.project.services.values()
            for other, dependency in service.depends_on.items()
            if dependency.condition == COMPLETED
        }
        for name in self.project.services:
            self.meet(name, COMPLETED if name in completed else SETTLED, True)

    def take_away(self, c: Seen, cause: str, after: Iterable[str] = (), update: str = "") -> str:
        """Plan stop and removal of a container; return the key of the last step."""
        keys = tuple(after)
        if c.state in ("running", "restarting", "paused"):
            service = self.project.services.get(c.service)
            if service is not None and service.pre_stop:
                hooks = Hooks(c.name, c.id, service=c.service, when="pre_stop")
                keys = (self.sketch.add(f"run pre_stop in {c.name}", hooks, cause, keys, update),)
            action = Stop(c.name, c.id, service=c.service, grace=self.wish.grace)
            keys = (self.sketch.add(f"stop {c.name}", action, cause, keys, update),)
        return self.sketch.add(f"remove {c.name}", Remove(c.name, c.id), cause, keys, update)


def resolved(service: Service, container_of: Callable[[str], str]) -> Service:
    """Return the service with containers in place of the services it shares namespaces and volumes with."""
    changes: dict[str, object] = {}
    for field in ("network_mode", "ipc", "pid"):
        mode = getattr(service, field)
        if mode.startswith(graph.SERVICE):
            changes[field] = f"container:{container_of(mode.removeprefix(graph.SERVICE))}"
    if service.volumes_from:
        changes["volumes_from"] = tuple(_volumes_from(entry, container_of) for entry in service.volumes_from)
    return msgspec.structs.replace(service, **changes) if changes else service


def _volumes_from(entry: str, container_of: Callable[[str], str]) -> str:
    """docker compose lets the mode (`:ro`) fall, and hashes it so."""
    name, _, rest = entry.partition(":")
    return rest.partition(":")[0] if name == "container" else container_of(name)
