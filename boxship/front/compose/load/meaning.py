"""Keys that are understood and mean nothing for containers on one host, so that nothing is ignored in silence. Pure."""

from collections.abc import Callable

from boxship.front.compose.model import Project, Service

# key -> (whether a service says it, why it means nothing here)
_KEYS: dict[str, tuple[Callable[[Service], object], str]] = {
    "credential_spec": (lambda service: service.credential_spec, "it is for Windows containers"),
    "isolation": (lambda service: service.isolation not in ("", "default"), "it is for Windows containers"),
    "cpu_count": (lambda service: service.cpu_count, "it is for Windows containers; use cpus"),
    "cpu_percent": (lambda service: service.cpu_percent, "it is for Windows containers; use cpus"),
    "deploy.mode": (
        lambda service: service.deploy and service.deploy.mode not in ("", "replicated"),
        "one host runs every service replicated",
    ),
    "deploy.endpoint_mode": (
        lambda service: service.deploy and service.deploy.endpoint_mode,
        "it is for services of a swarm",
    ),
    "deploy.placement": (
        lambda service: service.deploy and service.deploy.placement != type(service.deploy.placement)(),
        "there is one host to choose from",
    ),
    "deploy.labels": (lambda service: service.deploy and service.deploy.labels, "they are for services of a swarm"),
    "deploy.resources.reservations.generic_resources": (
        lambda service: (
            service.deploy
            and service.deploy.resources.reservations
            and service.deploy.resources.reservations.generic_resources
        ),
        "they are for nodes of a swarm",
    ),
    "deploy.resources.reservations.cpus": (
        lambda service: service.deploy and service.deploy.resources.reservations and _reserved(service),
        "there is nobody to keep them from; memory and devices are honoured",
    ),
    "deploy.rollback_config": (
        lambda service: service.deploy and service.deploy.rollback_config,
        "a rollback goes as update_config says",
    ),
    "deploy.update_config.max_failure_ratio": (
        lambda service: service.deploy and service.deploy.update_config and _ratio(service),
        "the first failure counts",
    ),
    "deploy.restart_policy.delay": (
        lambda service: service.deploy and service.deploy.restart_policy and service.deploy.restart_policy.delay,
        "the engine waits longer after each restart",
    ),
    "deploy.restart_policy.window": (
        lambda service: service.deploy and service.deploy.restart_policy and service.deploy.restart_policy.window,
        "the engine waits longer after each restart",
    ),
    "ports.app_protocol": (
        lambda service: any(port.app_protocol for port in service.ports),
        "published ports carry every protocol",
    ),
    "volumes.consistency": (
        lambda service: any(mount.consistency for mount in service.volumes),
        "mounts on Linux are always consistent",
    ),
}


def _reserved(service: Service) -> bool:
    found = service.deploy.resources.reservations if service.deploy is not None else None
    return found is not None and bool(found.cpus or found.pids)


def _ratio(service: Service) -> bool:
    found = service.deploy.update_config if service.deploy is not None else None
    return found is not None and bool(found.max_failure_ratio)


def meaningless(project: Project) -> tuple[str, ...]:
    """Return one sentence for each such key, naming the services that have it; to be said once by `up`."""
    told = []
    for key, (says, reason) in _KEYS.items():
        names = [name for name, service in project.services.items() if says(service)]
        if names:
            told.append(f"`{key}` has no effect here ({', '.join(names)}): {reason}")
    for name, secret in project.secrets.items():
        if secret.driver or secret.template_driver:
            told.append(f"`secrets.{name}` has a driver, which has no effect here: it is for secrets of a swarm")
    for name, config in project.configs.items():
        if config.template_driver:
            told.append(f"`configs.{name}.template_driver` has no effect here: it is for configs of a swarm")
    return tuple(told)
