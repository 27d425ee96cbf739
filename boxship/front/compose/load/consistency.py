"""What a file may say by its shape and still cannot mean: references to nothing, keys that exclude each other. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from boxship.front.compose.load.errors import Path, Wrong, dotted
from boxship.front.compose.model import Project, Service
from boxship.front.compose.schema.check import meant

_TESTS = ("CMD", "CMD-SHELL", "NONE")


def resources(tree: dict[str, Any]) -> None:
    """Check volumes, configs, secrets and device requests of a canonical tree. Raises Wrong."""
    for name, volume in (tree.get("volumes") or {}).items():
        _external(volume, ("volumes", name))
    for kind, keys in (("configs", ("file", "environment", "content")), ("secrets", ("file", "environment"))):
        for name, item in (tree.get(kind) or {}).items():
            _source(item or {}, keys, (kind, name))
    for name, service in (tree.get("services") or {}).items():
        _service_tree(service or {}, ("services", name))


def _external(volume: Any, path: Path) -> None:
    if not isinstance(volume, dict) or volume.get("external") not in (True, "true"):
        return
    for key in volume:
        if key not in ("name", "external") and not key.startswith("x-"):
            raise Wrong(f'{dotted(path)}: conflicting parameters "external" and "{key}" specified', (*path, key))


def _source(item: dict[str, Any], keys: tuple[str, ...], path: Path) -> None:
    given = [key for key in keys if key in item]
    if len(given) > 1:
        raise Wrong(f"{dotted(path)}: {'|'.join(keys)} attributes are mutually exclusive", (*path, given[1]))
    if not given and "driver" not in item and "external" not in item:
        raise Wrong(f"{dotted(path)}: one of {'|'.join(keys)} must be set", path)


def _service_tree(service: dict[str, Any], path: Path) -> None:
    for key, what in (("ports", "a target port"), ("volumes", "a mount target"), ("devices", "a source")):
        for index, entry in enumerate(service.get(key) or ()):
            if isinstance(entry, dict) and not entry.get(what.rpartition(" ")[2] if key == "devices" else "target"):
                raise Wrong(f"service {key} {dotted((*path, key, index))} is missing {what}", (*path, key, index))
    for index, trigger in enumerate(((service.get("develop") or {}).get("watch")) or ()):
        if not trigger.get("path"):
            place = (*path, "develop", "watch", index, "path")
            raise Wrong(f"{dotted(place)}: value can't be blank", place)
    reserved = (((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}).get("devices")
    for key, requests in (("gpus", service.get("gpus")), ("deploy", reserved)):
        for request in requests or ():
            if "count" in request and "device_ids" in request:
                raise Wrong(f'{dotted((*path, key))}: "count" and "device_ids" attributes are exclusive', (*path, key))


def check(project: Project) -> None:
    """Check that everything the enabled services refer to is there and fits. Raises Wrong."""
    for service in project.services.values():
        for key, text in _faults(service, project):
            raise Wrong(text, ("services", service.name, *key.split(".")) if key else ("services", service.name))
    for name, secret in project.secrets.items():
        if not (secret.external or secret.file or secret.environment):
            raise Wrong(f'secret "{name}" must declare either `file` or `environment`', ("secrets", name))
    _cycle(project)


def _faults(service: Service, project: Project) -> Iterator[tuple[str, str]]:
    yield from _image(service, project)
    yield from _networks(service, project)
    yield from _dependencies(service, project)
    yield from _references(service, project)
    yield from _twice(service)
    yield from _rest(service)


def _image(service: Service, project: Project) -> Iterator[tuple[str, str]]:
    name, build = service.name, service.build
    if build is None:
        if not service.image and service.provider is None:
            yield "", f'service "{name}" has neither an image nor a build context specified: invalid compose project'
        return
    if build.dockerfile_inline and build.dockerfile:
        yield "build", f'service "{name}" declares mutualy exclusive dockerfile and dockerfile_inline'
    for key, context in build.additional_contexts.items():
        target = context.removeprefix("service:")
        if target == context:
            continue
        if target not in project.services:
            what = f'unknown service "{target}"'
        elif project.services[target].build is None:
            what = f'non-buildable service "{target}"'
        else:
            continue
        yield f"build.additional_contexts.{key}", f'service "{name}" declares {what} as additional contexts {key}'
    if build.platforms and service.platform and service.platform not in build.platforms:
        yield "build.platforms", f'service.build.platforms MUST include service.platform "{service.platform}"'


def _networks(service: Service, project: Project) -> Iterator[tuple[str, str]]:
    name, mode = service.name, service.network_mode
    if mode and service.networks:
        yield "network_mode", f"service {name} declares mutually exclusive `network_mode` and `networks`"
    for network in service.networks:
        if network not in project.networks:
            text = f'service "{name}" refers to undefined network {network}'
            yield f"networks.{network}", text + _hint(network, project.networks)
    shared = mode.removeprefix("service:")
    if shared != mode and shared not in project.services:
        yield "network_mode", f"service \"{shared}\" not found for network_mode 'service:{shared}'"


def _dependencies(service: Service, project: Project) -> Iterator[tuple[str, str]]:
    for other, dependency in service.depends_on.items():
        if other in project.services or (other in project.disabled and not dependency.required):
            continue
        text = f'service "{service.name}" depends on undefined service "{other}"'
        yield f"depends_on.{other}", text + _hint(other, set(project.services) - {service.name})


def _references(service: Service, project: Project) -> Iterator[tuple[str, str]]:
    said = f'service "{service.name}" refers to undefined'
    for index, mount in enumerate(service.volumes):
        if mount.type == "volume" and mount.source and mount.source not in project.volumes:
            yield f"volumes.{index}", f"{said} volume {mount.source}{_hint(mount.source, project.volumes)}"
    for secret in service.build.secrets if service.build else ():
        if secret.source not in project.secrets:
            yield "build.secrets", f"{said} build secret {secret.source}{_hint(secret.source, project.secrets)}"
    for config in service.configs:
        if config.source not in project.configs:
            yield "configs", f"{said} config {config.source}{_hint(config.source, project.configs)}"
    for secret in service.secrets:
        if secret.source not in project.secrets:
            yield "secrets", f"{said} secret {secret.source}{_hint(secret.source, project.secrets)}"
    for model in service.models:
        if model not in project.models:
            yield f"models.{model}", f"{said} model {model}{_hint(model, project.models)}"


def _hint(name: str, known: Iterable[str]) -> str:
    found = meant(name, known)
    return f" (did you mean {found}?)" if found else ""


def _twice(service: Service) -> Iterator[tuple[str, str]]:
    """The same limit in its old and its new place must be the same."""
    deploy = service.deploy
    if deploy is None:
        return
    limits, reservations = deploy.resources.limits, deploy.resources.reservations
    if service.scale is not None and deploy.replicas is not None and service.scale != deploy.replicas:
        yield "scale", _distinct(service, "scale", "deploy.replicas")
    if limits is not None:
        for old, new, key in (
            (service.cpus, limits.cpus, "cpus"),
            (service.mem_limit, limits.memory, "mem_limit"),
            (service.pids_limit, limits.pids, "pids_limit"),
        ):
            if old and old != new:
                yield key, _distinct(service, key, f"deploy.resources.limits.{key.removesuffix('_limit')}")
    if reservations is not None and service.mem_reservation not in (0, reservations.memory):
        yield "mem_reservation", _distinct(service, "mem_reservation", "deploy.resources.reservations.memory")


def _distinct(service: Service, old: str, new: str) -> str:
    new = new.replace("limits.mem", "limits.memory")
    return f"services.{service.name}: can't set distinct values on '{old}' and '{new}'"


def _rest(service: Service) -> Iterator[tuple[str, str]]:
    health = service.healthcheck
    if health is not None and health.test and health.test[0] not in _TESTS:
        yield "healthcheck.test", 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"'
    if service.replicas > 1 and service.container_name:
        key = "deploy.replicas" if service.scale is None else "scale"
        text = f"services.{service.name}: can't set container_name and {key} as container name must be unique"
        yield "container_name", text
    for trigger in service.develop.watch if service.develop else ():
        if not trigger.target and trigger.action not in ("rebuild", "restart"):
            text = f"services.{service.name}.develop.watch: target is required for non-rebuild actions"
            yield "develop.watch", text


def _cycle(project: Project) -> None:
    """Raises Wrong when services wait for each other in a circle."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise Wrong(f"dependency cycle detected: {circle}", ("services", path[-1], "depends_on", name))
        if name in done or name not in project.services:
            return
        for other in sorted(project.services[name].depends_on):
            visit(other, (*path, name))
        done.add(name)

    for name in sorted(project.services):
        visit(name, ())
