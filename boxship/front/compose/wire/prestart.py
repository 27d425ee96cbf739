"""The container of one step of `pre_start` as the body of POST /containers/create. Pure.

Source: compose specification, services, pre_start; labels of docker compose 5.
"""

from typing import Any

import msgspec

from boxship.front.compose import labels
from boxship.front.compose.model import Endpoint, Hook, Project, Service
from boxship.front.compose.wire import networks

Json = dict[str, Any]
PRE_START = "pre_start"


def pre_start(project: Project, service: Service, hook: Hook, container_id: str) -> Json:
    """Return the body. It has the networks of the service, without its names and addresses, and the mounts of the
    container that is to start; `service` names containers, no more services, in its modes."""
    own = not hook.image  # in the service's own image, its user stands
    like = msgspec.structs.replace(service, networks={key: _plain(found) for key, found in service.networks.items()})
    variables = {**service.environment, **hook.environment}
    config: Json = {
        "Image": hook.image or project.image_of(service),
        "User": hook.user or (service.user if own else ""),
        "WorkingDir": hook.working_dir or service.working_dir,
        "Env": [key if value is None else f"{key}={value}" for key, value in sorted(variables.items())],
        "AttachStdout": True,
        "AttachStderr": True,
    }
    config = {key: value for key, value in config.items() if value}
    if hook.command is not None:
        config["Cmd"] = list(hook.command)
    config["Labels"] = {
        labels.PROJECT: project.name,
        labels.SERVICE: service.name,
        labels.VERSION: labels.AGREES_WITH,
        labels.HOOK: PRE_START,
    }
    config["HostConfig"] = _host(project, service, hook, container_id)
    joined = networks.endpoints(project, like, 1, (), aliases=False)
    if joined:
        config["NetworkingConfig"] = {"EndpointsConfig": {name: _nameless(one) for name, one in joined.items()}}
    return config


def _plain(endpoint: Endpoint | None) -> Endpoint:
    """An address is the service's own; only the order of the networks counts."""
    found = endpoint or Endpoint()
    return Endpoint(priority=found.priority, gw_priority=found.gw_priority, driver_opts=found.driver_opts)


def _nameless(endpoint: Json) -> Json:
    return {key: value for key, value in endpoint.items() if key != "Aliases"}


def _host(project: Project, service: Service, hook: Hook, container_id: str) -> Json:
    body: Json = {
        "NetworkMode": networks.mode(project, service),
        "Privileged": hook.privileged,
        "VolumesFrom": [container_id],
        "Dns": list(service.dns),
        "DnsSearch": list(service.dns_search),
        "DnsOptions": list(service.dns_opt),
        "ExtraHosts": [f"{name}:{to}" for name, all_ in sorted(service.extra_hosts.items()) for to in all_],
    }
    return {key: value for key, value in body.items() if value}
