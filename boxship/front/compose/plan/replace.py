"""Replacing containers: all at once as docker compose does, or batch by batch as deploy.update_config says. Pure.

start-first: the new one starts beside the old one and becomes healthy, takes over the published ports, and only then
the old one gets no more connections, and goes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from boxship.front.compose import labels
from boxship.front.compose.model import Project, Service, Update
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import STEADY, Await, Create, Delay, Drain, Rename, TakePorts
from boxship.front.compose.state import Seen

HOLD = 1_000_000_000  # ns; how long a container without a health check has to be up before the old one goes


class Replaced(NamedTuple):
    """made, ready: keys after which the new containers exist and have started. names: of them at the end."""

    made: list[str]
    ready: list[str]
    names: list[str]


class Ways(Protocol):
    """What the plan of which this is a part has to offer."""

    project: Project
    sketch: Sketch

    @property
    def inherits(self) -> bool: ...

    @property
    def starts(self) -> bool: ...

    def before_create(self, service: Service) -> tuple[str, ...]: ...

    def start(
        self, service: Service, name: str, id: str, state: str, after: Sequence[str], update: str = ""
    ) -> tuple[str, ...]: ...

    def take_away(self, c: Seen, cause: str, after: Sequence[str] = (), update: str = "") -> str: ...


def group(project: Project, service: Service) -> str:
    """Return the group whose containers share fixed host ports, "" where ports are nobody else's.

    Several replicas share, and so do an old and a new container while the new one takes over."""
    fixed = any(port.published and "-" not in port.published for port in service.ports)
    return f"{project.name}/{service.name}" if fixed and (service.replicas > 1 or _start_first(service)) else ""


def _start_first(service: Service) -> bool:
    return _update(service).order == "start-first"


def _update(service: Service) -> Update:
    found = service.deploy.update_config if service.deploy is not None else None
    return found or Update(parallelism=0)


def steps(ways: Ways, service: Service, old: Sequence[Seen], why: Mapping[str, str]) -> Replaced:
    """Plan the replacement of `old`; why: cause by container id."""
    update = _update(service)
    size = 1 if update.parallelism is None else update.parallelism or len(old) or 1
    done = Replaced([], [], [])
    before: tuple[str, ...] = ()
    for start in range(0, len(old), size):
        batch = [_one(ways, service, c, why[c.id], before, done) for c in old[start : start + size]]
        before = tuple(batch)
        if update.delay and start + size < len(old):
            key = f"pause update of {service.name} after {min(start + size, len(old))}"
            before = (ways.sketch.add(key, Delay(service.name, update.delay), "update_config.delay", before),)
    return done


def _one(ways: Ways, service: Service, c: Seen, cause: str, before: tuple[str, ...], done: Replaced) -> str:
    """Plan one replacement; return the key of its last step."""
    if ways.starts and c.state == "running" and _start_first(service) and not _fixed_address(service):
        return _beside(ways, service, c, cause, before, done)
    name = labels.container_name(ways.project, service, c.number)
    made = _create(ways, service, c, cause, before, published=True)
    gone = ways.take_away(c, cause, (made,), _tag(service))
    renamed = _rename(ways, service, c, (gone,))
    started = ways.start(service, name, "", "created", (renamed,), _tag(service))
    done.made.append(renamed)
    done.ready.extend(started)
    done.names.append(name)
    if started and service.deploy is not None and service.deploy.update_config is not None:
        return _steady(ways, service, name, started)
    return started[-1] if started else renamed


def _beside(ways: Ways, service: Service, c: Seen, cause: str, before: tuple[str, ...], done: Replaced) -> str:
    shares = bool(group(ways.project, service)) and c.labels.get(labels.SHARED) == group(ways.project, service)
    moves = not shares and any(port.published for port in service.ports)
    new = _temporary(ways, service, c)
    made = _create(ways, service, c, cause, before, published=not moves)
    started = ways.start(service, new, "", "created", (made,), _tag(service))
    last = _steady(ways, service, new, started)
    if moves:
        take = TakePorts(new, source=c.id)
        last = ways.sketch.add(f"move ports of {c.name} to {new}", take, "without a gap", (last,), _tag(service))
    else:
        last = ways.sketch.add(
            f"drain {c.name}", Drain(c.name, c.id), "the new one answers now", (last,), _tag(service)
        )
    gone = ways.take_away(c, cause, (last,), _tag(service))
    renamed = _rename(ways, service, c, (gone,))
    done.made.append(renamed)
    done.ready.append(renamed)
    done.names.append(labels.container_name(ways.project, service, c.number))
    return renamed


def _create(ways: Ways, service: Service, c: Seen, cause: str, before: tuple[str, ...], *, published: bool) -> str:
    new = _temporary(ways, service, c)
    action = Create(
        new,
        service=service.name,
        number=c.number,
        replaces=c.id,
        inherit=ways.inherits,
        shared=group(ways.project, service),
        published=published,
    )
    return ways.sketch.add(f"create {new}", action, cause, (*before, *ways.before_create(service)), _tag(service))


def _temporary(ways: Ways, service: Service, c: Seen) -> str:
    return f"{c.id[:12]}_{labels.container_name(ways.project, service, c.number)}"


def _rename(ways: Ways, service: Service, c: Seen, after: tuple[str, ...]) -> str:
    new, name = _temporary(ways, service, c), labels.container_name(ways.project, service, c.number)
    return ways.sketch.add(f"rename {new} to {name}", Rename(name, was=new), "the old one has gone", after)


def _steady(ways: Ways, service: Service, name: str, after: Sequence[str]) -> str:
    monitor = _update(service).monitor
    hold = monitor or HOLD
    action = Await(service=service.name, names=(name,), condition=STEADY, hold=hold, always=bool(monitor))
    return ways.sketch.add(f"wait for {name} steady", action, "before the old one goes", after, _tag(service))


def _tag(service: Service) -> str:
    """The update whose failure has consequences, "" without update_config."""
    return service.name if service.deploy is not None and service.deploy.update_config is not None else ""


def _fixed_address(service: Service) -> bool:
    """Two containers cannot have one address, so the old one has to go first."""
    return service.network_mode == "host" or any(
        endpoint is not None and (endpoint.ipv4_address or endpoint.ipv6_address or endpoint.mac_address)
        for endpoint in service.networks.values()
    )
