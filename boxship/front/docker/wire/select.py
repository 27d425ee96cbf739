"""Which containers `docker ps` and `docker container prune` mean. Pure: images and time are arguments.

Source: Docker Engine API, ContainerList and ContainerPrune.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from boxship.base.errors import Invalid
from boxship.base.units import SECOND, parse_duration, parse_rfc3339
from boxship.front.docker.wire.inspect import RUNNING, network_names
from boxship.front.rest.filters import Filters
from boxship.model.ports import in_force, named, spread
from boxship.model.status import Container, State

LIST_KEYS = frozenset(
    (
        *("ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label"),
        *("name", "network", "publish", "since", "status", "volume"),
    )
)
PRUNE_KEYS = frozenset(("until", "label", "label!"))
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEALTH = ("none", "starting", "healthy", "unhealthy")

Test = Callable[[Container], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a list request asks for. limit: at most so many, the newest; 0 is no limit. before, since: containers.
    ancestors: image ids that `ancestor` filters stand for, children included."""

    filters: Filters = field(default_factory=Filters)
    all: bool = False
    limit: int = 0
    before: Container | None = None
    since: Container | None = None
    ancestors: frozenset[str] = frozenset()


def select(containers: Iterable[Container], query: Query) -> list[Container]:
    """Return what `query` asks for, newest first. Raises Invalid for values that cannot be meant."""
    tests = _tests(query)
    newest_first = sorted(containers, key=lambda c: c.created, reverse=True)
    found = []
    for container in _window(newest_first, query):
        if all(test(container) for test in tests):
            found.append(container)
            if len(found) == query.limit > 0:
                break
    return found


def _window(containers: list[Container], query: Query) -> list[Container]:
    """Cut to those created before and since the given ones."""
    if query.before is not None:
        at = [c.id for c in containers].index(query.before.id)
        containers = containers[at + 1 :]
    if query.since is not None and any(c.id == query.since.id for c in containers):
        containers = containers[: [c.id for c in containers].index(query.since.id)]
    return containers


def _tests(query: Query) -> list[Test]:
    filters = query.filters
    tests: list[Test] = []
    everything = query.all or query.limit > 0 or query.before or query.since or "status" in filters
    if not everything:
        tests.append(lambda c: c.status.state in RUNNING)
    for key in filters:
        make = _MAKERS.get(key)
        if make is not None:
            tests.append(make(filters))
    if "ancestor" in filters:
        tests.append(lambda c: c.image_id in query.ancestors)
    return tests


def _status(filters: Filters) -> Test:
    for value in filters.get("status"):
        if value not in STATES:
            names = ", ".join(f'"{state}"' for state in STATES[:-1])
            raise Invalid(
                f"invalid filter 'status={value}': invalid value for container state ({value}): "
                f'must be one of {names}, or "{STATES[-1]}"'
            )
    return lambda c: filters.exact("status", c.status.state.value)


def _health(filters: Filters) -> Test:
    for value in filters.get("health"):
        if value not in HEALTH:
            raise Invalid(f"unrecognized filter value for health: {value}")
    return lambda c: filters.exact("health", c.status.health.status if c.status.health else "none")


def _exited(filters: Filters) -> Test:
    try:
        codes = frozenset(int(value) for value in filters.get("exited"))
    except ValueError:
        value = next(v for v in filters.get("exited") if not v.lstrip("-").isdecimal())
        raise Invalid(f"invalid filter 'exited={value}': strconv.Atoi: parsing \"{value}\": invalid syntax") from None
    return lambda c: c.status.state not in RUNNING and bool(c.status.started_at) and c.status.exit_code in codes


def _is_task(filters: Filters) -> Test:
    wanted = filters.boolean("is-task")
    return lambda c: wanted == ("com.docker.swarm.task.id" in c.spec.labels)


def _name(filters: Filters) -> Test:
    return lambda c: filters.matches("name", c.name) or filters.matches("name", f"/{c.name}")


def _network(filters: Filters) -> Test:
    asked = filters.get("network")

    def test(container: Container) -> bool:
        if any(name in asked for name in network_names(container)):
            return True
        ids = [status.network_id for status in container.status.networks.values()]
        return any(value and i.startswith(value) for value in asked for i in ids)

    return test


def _volume(filters: Filters) -> Test:
    asked = frozenset(filters.get("volume"))
    return lambda c: any(not asked.isdisjoint((m.name or m.source, m.destination)) for m in c.mounts)


def ports(values: Iterable[str], key: str) -> frozenset[str]:
    """Return the ports that `80`, `80/udp` and `8000-8010/tcp` mean, as "80/tcp"."""
    found: set[str] = set()
    for value in values:
        numbers, _, protocol = value.partition("/")
        first, _, last = numbers.partition("-")
        last = last or first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= 65535):
            raise Invalid(f"invalid filter '{key}={value}': want a port or a range, as in 80, 80/udp or 8000-8010/tcp")
        found.update(f"{number}/{protocol or 'tcp'}" for number in range(int(first), int(last) + 1))
    return frozenset(found)


def _expose(filters: Filters) -> Test:
    wanted = ports(filters.get("expose"), "expose")
    return lambda c: not wanted.isdisjoint(named(c.spec.exposed_ports))


def _publish(filters: Filters) -> Test:
    wanted = ports(filters.get("publish"), "publish")
    return lambda c: not wanted.isdisjoint((*spread(c.spec.host.port_bindings or {}), *(p for p, b in _bound(c) if b)))


def _bound(container: Container) -> Iterable[tuple[str, object]]:
    return in_force(container.status.ports).items()


_MAKERS: dict[str, Callable[[Filters], Test]] = {
    "status": _status,
    "health": _health,
    "exited": _exited,
    "is-task": _is_task,
    "name": _name,
    "id": lambda filters: lambda c: filters.matches("id", c.id),
    "label": lambda filters: lambda c: filters.labels(c.spec.labels),
    "isolation": lambda filters: lambda c: filters.matches("isolation", "default"),
    "network": _network,
    "volume": _volume,
    "expose": _expose,
    "publish": _publish,
}


def prunable(filters: Filters, now: int) -> Test:
    """Return the test for what a prune with `filters` removes. `now`: nanoseconds since 1970."""
    moment = until(filters, now)

    def test(container: Container) -> bool:
        if container.status.state in RUNNING or container.status.state is State.REMOVING:
            return False
        if moment is not None and container.created > moment:
            return False
        return filters.labels(container.spec.labels) and filters.not_labels(container.spec.labels)

    return test


def until(filters: Filters, now: int) -> int | None:
    """Return the moment that the `until` filter of a prune names: seconds since 1970, RFC 3339, or an age as `10m`."""
    value = filters.one("until")
    if value is None:
        return None
    whole, _, fraction = value.partition(".")
    if whole.isdecimal() and (not fraction or fraction.isdecimal()):
        return int(whole) * SECOND + int(fraction[:9].ljust(9, "0") or "0")
    try:
        return now - parse_duration(value)
    except Invalid:
        return parse_rfc3339(value if "T" in value else f"{value}T00:00:00Z")
