"""Which services there are for a command: by active profiles, by the names given, with what they depend on. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from boxship.base.errors import Invalid
from boxship.front.compose.model import Project, Service


def is_active(service: Service, profiles: Sequence[str]) -> bool:
    """Whether a service is there: it has no profile, one of the active ones, or all (`*`) are active."""
    return not service.profiles or "*" in profiles or any(profile in profiles for profile in service.profiles)


def activate(project: Project, profiles: Sequence[str]) -> Project:
    """Return the project with the services of these profiles enabled and all others disabled."""
    everything = {**project.services, **project.disabled}
    enabled = {name: service for name, service in sorted(everything.items()) if is_active(service, profiles)}
    disabled = {name: service for name, service in sorted(everything.items()) if name not in enabled}
    return msgspec.structs.replace(project, services=enabled, disabled=disabled, profiles=tuple(profiles))


def enable(project: Project, names: Iterable[str]) -> Project:
    """Return the project with the profiles of the services asked for active too."""
    asked = [project.disabled[name] for name in names if name in project.disabled]
    if not asked:
        return project
    return activate(project, (*project.profiles, *(profile for service in asked for profile in service.profiles)))


def select(project: Project, names: Sequence[str], *, dependencies: bool = True) -> Project:
    """Return the project with these services (and what they depend on) alone; all of them for no name.

    Raises Invalid for a service that is not there, unless it is only an optional dependency.
    """
    if not names:
        return project
    chosen: set[str] = set()
    waiting = [(name, True) for name in names]
    while waiting:
        name, required = waiting.pop()
        service = project.services.get(name)
        if service is None:
            if required:
                raise Invalid(f"no such service: {name}")
        elif name not in chosen:
            chosen.add(name)
            if dependencies:
                waiting += [(other, needed.required) for other, needed in service.depends_on.items()]
    services = {name: _among(service, chosen) for name, service in project.services.items() if name in chosen}
    others = {name: service for name, service in project.services.items() if name not in chosen}
    return msgspec.structs.replace(project, services=services, disabled={**project.disabled, **others})


def _among(service: Service, chosen: set[str]) -> Service:
    kept = {name: needed for name, needed in service.depends_on.items() if name in chosen}
    return service if len(kept) == len(service.depends_on) else msgspec.structs.replace(service, depends_on=kept)


def used(project: Project) -> Project:
    """Return the project without networks, volumes, configs, secrets and models that no enabled service uses."""
    services = project.services.values()
    secrets = [item for service in services for item in service.secrets]
    secrets += [item for service in services if service.build is not None for item in service.build.secrets]
    keys = {
        "networks": {key for service in services for key in service.networks},
        "volumes": {mount.source for service in services for mount in service.volumes if mount.type == "volume"},
        "configs": {item.source for service in services for item in service.configs},
        "secrets": {item.source for item in secrets},
        "models": {key for service in services for key in service.models},
    }
    kept = {
        kind: {key: item for key, item in getattr(project, kind).items() if key in wanted}
        for kind, wanted in keys.items()
    }
    return msgspec.structs.replace(project, **kept)
