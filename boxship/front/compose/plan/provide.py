"""Services that a program provides: in which order it is told, and what has to run before. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from boxship.front.compose.model import Project, Service
from boxship.front.compose.plan import graph
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import Plan, Provide

PROVIDED = "a provider has it"


class Told(NamedTuple):
    """Variables for services that depend on the provided one. prefixed: behind its name."""

    prefixed: dict[str, str]
    raw: dict[str, str]


def provided(project: Project) -> tuple[str, ...]:
    """Return the provided services, each after those it needs."""
    return tuple(name for name in graph.order(project) if project.services[name].provider is not None)


def below(project: Project, name: str) -> tuple[str, ...]:
    """Return the services with containers that a provided one needs, others through them included."""
    needed = graph.with_needs(project, [name]) if name in project.services else ()
    return tuple(sorted(other for other in needed if project.services[other].provider is None))


def tell(names: Iterable[str], command: str, cause: str = PROVIDED) -> Plan:
    """Tell one after the other."""
    sketch = Sketch()
    add(sketch, names, command, cause)
    return sketch.plan()


def add(sketch: Sketch, names: Iterable[str], command: str, cause: str, after: tuple[str, ...] = ()) -> None:
    for name in names:
        key = f"tell the provider of {name}: {command}"
        after = (sketch.add(key, Provide(service=name, command=command), cause, after),)


def injected(project: Project, name: str, told: Told) -> tuple[Project, tuple[str, ...]]:
    """Return the project with the variables in services that depend on `name`, and what to warn of."""
    more = {**{f"{name.upper()}_{key}": value for key, value in told.prefixed.items()}, **told.raw}
    services, warnings = dict(project.services), list[str]()
    for other, service in project.services.items():
        if name in service.depends_on:
            services[other] = msgspec.structs.replace(
                service, environment=dict(sorted({**service.environment, **more}.items()))
            )
            warnings += _overridden(service, name, told.raw)
    return msgspec.structs.replace(project, services=services), tuple(warnings)


def _overridden(service: Service, name: str, raw: Mapping[str, str]) -> Iterable[str]:
    for key, value in raw.items():
        if key in service.environment and service.environment[key] != value:
            yield f"provider {name} overrides the variable {key} of service {service.name}"
