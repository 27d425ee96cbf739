"""What a file asks for that one host cannot give: told once, or refused by name. Pure."""

from collections.abc import Iterator

from boxship.base.errors import Unsupported
from boxship.front.compose.model import Deploy, Project, Service


def refuse(project: Project) -> None:
    """Raises Unsupported for what a container would have to have to be right."""
    for name, service in project.services.items():
        for key, asked in (
            ("provider", service.provider is not None),
            ("pre_start", bool(service.pre_start)),
            ("use_api_socket", service.use_api_socket),
        ):
            if asked:
                raise Unsupported(f"services.{name}.{key} is not supported")


def idle(project: Project) -> tuple[str, ...]:
    """Return one sentence for each kind of key that does nothing here, with the services that have it."""
    found: dict[str, list[str]] = {}
    for name, service in project.services.items():
        for key in _idle(service):
            found.setdefault(key, []).append(name)
    return tuple(f"{key} does nothing on one host (services {', '.join(names)})" for key, names in found.items())


def _idle(service: Service) -> Iterator[str]:
    for key in ("credential_spec", "models", "isolation", "cpu_count", "cpu_percent"):
        if getattr(service, key):
            yield key
    if service.deploy is not None:
        yield from _idle_deploy(service.deploy)


def _idle_deploy(deploy: Deploy) -> Iterator[str]:
    placement = deploy.placement
    if placement.constraints or placement.preferences or placement.max_replicas_per_node:
        yield "deploy.placement"
    if deploy.mode not in ("", "replicated"):
        yield f"deploy.mode {deploy.mode}"
    for key in ("endpoint_mode", "rollback_config", "labels"):
        if getattr(deploy, key):
            yield f"deploy.{key}"
    if deploy.update_config is not None and deploy.update_config.max_failure_ratio:
        yield "deploy.update_config.max_failure_ratio"
    policy = deploy.restart_policy
    if policy is not None and (policy.delay or policy.window):
        yield "deploy.restart_policy.delay" if policy.delay else "deploy.restart_policy.window"
    reserved = deploy.resources.reservations
    if reserved is not None and (reserved.cpus or reserved.pids or reserved.generic_resources):
        yield "deploy.resources.reservations (but memory and devices)"
