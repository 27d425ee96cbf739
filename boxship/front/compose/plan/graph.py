"""Which service needs which. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from boxship.base.errors import Invalid
from boxship.front.compose.model import Project, Service

SERVICE = "service:"


def references(service: Service) -> Iterator[str]:
    """Yield the services whose containers this one's are made with: they must be there first."""
    for mode in (service.network_mode, service.ipc, service.pid):
        if mode.startswith(SERVICE):
            yield mode.removeprefix(SERVICE)
    yield from (entry.partition(":")[0] for entry in service.volumes_from if not entry.startswith("container:"))


def linked(service: Service) -> Iterator[str]:
    yield from (entry.partition(":")[0] for entry in service.links)


def needs(service: Service) -> tuple[str, ...]:
    """Return all services that must come before this one, each once."""
    return tuple(dict.fromkeys((*service.depends_on, *references(service), *linked(service))))


def ordered(services: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the names so that each comes after those it needs (those not in `services` left out); else by name.

    Raises Invalid for a circle."""
    done: dict[str, None] = {}
    for name in sorted(services):
        _visit(name, services, done, ())
    return tuple(done)


def _visit(name: str, services: Mapping[str, Sequence[str]], done: dict[str, None], path: tuple[str, ...]) -> None:
    if name in done or name not in services:
        return
    if name in path:
        raise Invalid(f"dependency cycle detected: {' -> '.join((*path[path.index(name) :], name))}")
    for other in sorted(services[name]):
        _visit(other, services, done, (*path, name))
    done[name] = None


def order(project: Project) -> tuple[str, ...]:
    return ordered({name: needs(service) for name, service in project.services.items()})


def with_needs(project: Project, names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` and everything they need, as far as the project has it enabled. Raises Invalid for a stranger."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in project.services:
            raise Invalid(f"no such service: {name}")
        if name not in found:
            found[name] = None
            waiting += [other for other in needs(project.services[name]) if other in project.services]
    return tuple(found)
