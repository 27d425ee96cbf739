"""One container of a service as the body of POST /containers/create. Pure.

Empty values are left out: absent and empty mean the same to the engine, but for the few fields that say otherwise here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from boxship.base.errors import Invalid
from boxship.front.compose import labels
from boxship.front.compose.model import HealthCheck, Project, Service
from boxship.front.compose.wire import networks, resources, volumes

Json = dict[str, Any]
SECOND = 1_000_000_000


class Inherited(msgspec.Struct, frozen=True, kw_only=True):
    """What only the daemon knows. mounts: of the container that is replaced. declared: volumes of the image.
    links: of the service and of `external_links`, "container:alias". profiles: seccomp files by their path."""

    mounts: tuple[Mapping[str, Any], ...] = ()
    declared: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    profiles: dict[str, str] = {}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Which container of the service is made, and how. labels: more of them.
    attached, remove: standard input and what becomes of a one-off container. aliases: answer to the service's name."""

    number: int = 1
    image_id: str = ""
    config_hash: str = ""
    labels: dict[str, str] = {}
    attached: bool = False
    remove: bool = False
    aliases: bool = True


def create(project: Project, service: Service, made: Made, seen: Inherited) -> Json:
    """Return the body. `service` names containers, no more services, in its modes and volumes_from. Raises Invalid."""
    config = _config(project, service, made)
    config["HostConfig"] = _host(project, service, made, seen)
    joined = networks.endpoints(project, service, made.number, seen.links, aliases=made.aliases)
    if joined:
        config["NetworkingConfig"] = {"EndpointsConfig": joined}
    return config


def _config(project: Project, service: Service, made: Made) -> Json:
    own = labels.of_container(project, service, made.number, made.image_id, made.config_hash)
    body: Json = {
        "Hostname": service.hostname,
        "Domainname": service.domainname,
        "User": service.user,
        "ExposedPorts": _exposed(service),
        "Tty": service.tty,
        "OpenStdin": service.stdin_open,
        "StdinOnce": made.attached and service.stdin_open,
        "AttachStdin": made.attached,
        "AttachStdout": True,
        "AttachStderr": True,
        "Image": project.image_of(service),
        "WorkingDir": service.working_dir,
        "NetworkDisabled": service.network_mode == "disabled",
        "MacAddress": service.mac_address if not service.networks else "",
        "Labels": {**own, **made.labels},
        "StopSignal": service.stop_signal,
        "Env": [key if value is None else f"{key}={value}" for key, value in sorted(service.environment.items())],
        "Healthcheck": _health_check(service.healthcheck),
    }
    body = {key: value for key, value in body.items() if value}
    for key, words in (("Cmd", service.command), ("Entrypoint", service.entrypoint)):
        if words is not None:
            body[key] = list(words)
    if service.stop_grace_period is not None:
        body["StopTimeout"] = -(-service.stop_grace_period // SECOND)
    return body


def _exposed(service: Service) -> dict[str, Json]:
    ports = [*service.expose, *(f"{port.target}/{port.protocol or 'tcp'}" for port in service.ports)]
    return {port if "/" in port else f"{port}/tcp": {} for port in sorted(ports)}


def _health_check(check: HealthCheck | None) -> Json:
    if check is None:
        return {}
    told = {
        "Test": ["NONE"] if check.disable else list(check.test),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }
    return {key: value for key, value in told.items() if value}


def _host(project: Project, service: Service, made: Made, seen: Inherited) -> Json:
    binds, mounted = volumes.mounts(project, service, seen.mounts, seen.declared)
    security, unconfined = _security(service.security_opt, seen.profiles)
    body: Json = {
        "AutoRemove": made.remove,
        "Annotations": dict(service.annotations),
        "Binds": binds,
        "Mounts": mounted,
        "CapAdd": list(service.cap_add),
        "CapDrop": list(service.cap_drop),
        "NetworkMode": networks.mode(project, service),
        "IpcMode": service.ipc,
        "CgroupnsMode": service.cgroup,
        "ReadonlyRootfs": service.read_only,
        "RestartPolicy": resources.restart_policy(service),
        "ShmSize": service.shm_size,
        "Sysctls": dict(service.sysctls),
        "PortBindings": _bindings(service),
        "VolumeDriver": service.volume_driver,
        "VolumesFrom": list(service.volumes_from),
        "Dns": list(service.dns),
        "DnsSearch": list(service.dns_search),
        "DnsOptions": list(service.dns_opt),
        "ExtraHosts": [f"{name}:{to}" for name, all_ in sorted(service.extra_hosts.items()) for to in all_],
        "SecurityOpt": security,
        "StorageOpt": dict(service.storage_opt),
        "UsernsMode": service.userns_mode,
        "UTSMode": service.uts,
        "Privileged": service.privileged,
        "PidMode": service.pid,
        "Tmpfs": {path: options for path, _, options in (entry.partition(":") for entry in service.tmpfs)},
        "Isolation": service.isolation,
        "Runtime": service.runtime,
        "LogConfig": _logging(service),
        "GroupAdd": list(service.group_add),
        "Links": list(seen.links),
        "OomScoreAdj": service.oom_score_adj,
    }
    told = ("PortBindings", "ExtraHosts")  # even when empty, as docker compose does
    body = {key: value for key, value in body.items() if value or key in told} | resources.resources(service)
    if service.init is not None:
        body["Init"] = service.init
    return {**body, "MaskedPaths": [], "ReadonlyPaths": []} if unconfined else body


def _bindings(service: Service) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for port in service.ports:
        binding = {"HostIp": port.host_ip, "HostPort": port.published}
        found.setdefault(f"{port.target}/{port.protocol or 'tcp'}", []).append(binding)
    return found


def _logging(service: Service) -> Json:
    if service.logging is not None:
        return {"Type": service.logging.driver, "Config": dict(service.logging.options)}
    return {"Type": service.log_driver, "Config": dict(service.log_opt)} if service.log_driver else {}


def _security(options: Sequence[str], profiles: Mapping[str, str]) -> tuple[list[str], bool]:
    """Return SecurityOpt with profiles as text, and whether system paths stay as they are. Raises Invalid."""
    found, unconfined = [], False
    for option in options:
        name, sign, value = option.partition("=")
        if not sign:
            name, sign, value = option.partition(":")
        if option == "systempaths=unconfined":
            unconfined = True
        elif not sign and option != "no-new-privileges":
            raise Invalid(f'Invalid security-opt: "{option}"')
        elif name == "seccomp" and value in profiles:
            found.append(f"seccomp={profiles[value]}")
        else:
            found.append(option)
    return found, unconfined
