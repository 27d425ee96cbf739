"""Docker's Config and HostConfig objects <-> ContainerSpec and HostSpec, by the table of names. Pure."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from boxship.base.errors import Invalid
from boxship.front.docker.wire import names, portbindings
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, HostUpdate
from boxship.model.ports import named, short

# Fields of Config that take another shape there than in ContainerSpec, or that are not in Config.
SPECIAL = frozenset({"exposed_ports", "volumes", "cmd", "entrypoint", "shell", "healthcheck", "host", "networks"})
_OMITTED = frozenset({"args_escaped", "network_disabled", "mac_address", "stop_signal"})

# What HostConfig shows on every Linux host, whatever was asked.
_FIXED = {"CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0}
_WINDOWS = ("CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth", "CredentialSpec")

KERNEL_MEMORY = "HostConfig.KernelMemory is ignored: kernels have no such limit any more."

_parse_host = names.parser(HostSpec)
_render_host = names.renderer(HostSpec)
_parse_update = names.parser(HostUpdate)
_parse_health = names.parser(HealthSpec | None)
_render_health = names.renderer(HealthSpec | None)
_CONFIG = {field.docker: field for field in names.fields(ContainerSpec) if field.name not in SPECIAL}
_SHAPED = ("ExposedPorts", "Volumes", "Cmd", "Entrypoint", "Shell", "Healthcheck", "HostConfig", "NetworkingConfig")
# docker-py names the runtime here, beside HostConfig.
_KNOWN = (*_CONFIG, *_SHAPED, "Runtime")


def known(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a create request that we know, under Docker's own spelling."""
    return names.folded(body, *_KNOWN)


def parse_config(body: dict[str, Any]) -> dict[str, Any]:
    """Return the ContainerSpec fields that the Config in `body` (as of `known`) gives."""
    found: dict[str, Any] = {}
    for key, value in body.items():
        field = _CONFIG.get(key)
        if field is not None and value is not None:
            found[field.name] = field.parse(value, key)
    for key, name in (("Cmd", "cmd"), ("Entrypoint", "entrypoint"), ("Shell", "shell")):
        if body.get(key) is not None:
            found[name] = words(body[key], key)
    for key, name in (("ExposedPorts", "exposed_ports"), ("Volumes", "volumes")):
        if body.get(key) is not None:
            found[name] = short(keys(body[key], key)) if name == "exposed_ports" else keys(body[key], key)
    if body.get("Healthcheck") is not None:
        found["healthcheck"] = _parse_health(body["Healthcheck"], "Healthcheck")
    return found


def words(value: Any, where: str) -> tuple[str, ...]:
    """Return a command, which clients give as a list or as one string."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise names.mismatch(value, where, "[]string")


def keys(value: Any, where: str) -> tuple[str, ...]:
    """Return the members of a set, which Docker writes as `{"80/tcp": {}}`; some clients send a list."""
    if isinstance(value, dict):
        return tuple(value)
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return tuple(value)
    raise names.mismatch(value, where, "map[string]struct {}")


def parse_host(value: Any) -> tuple[HostSpec, list[str]]:
    """Return a HostConfig and warnings on what is ignored in it. Raises Invalid, by name, for what Linux has not."""
    if value is None:
        return HostSpec(), []
    ports = names.folded(value, "PortBindings").get("PortBindings") if isinstance(value, dict) else None
    rest = {key: each for key, each in value.items() if each is not ports} if ports is not None else value
    host: HostSpec = _parse_host(rest, "HostConfig")
    host = replace(host, port_bindings=portbindings.parse(ports, "HostConfig.PortBindings"))
    refuse_windows(value, "HostConfig.")
    return host, [KERNEL_MEMORY] if names.folded(value, "KernelMemory").get("KernelMemory") else []


def refuse_windows(value: dict[str, Any], prefix: str) -> None:
    said = names.folded(value, *_WINDOWS, "Isolation")
    for name in _WINDOWS:
        if said.get(name):
            raise Invalid(f"{prefix}{name} is supported on Windows only")
    isolation = said.get("Isolation")
    if isolation not in (None, "", "default"):
        raise Invalid(f"invalid isolation '{isolation}': only 'default' is supported on linux")


def parse_update(body: dict[str, Any]) -> HostUpdate:
    """Return the body of an update request. Docker leaves alone what is zero or empty, pointers excepted."""
    refuse_windows(body, "")
    update: HostUpdate = _parse_update(body, "UpdateConfig")
    kept = {name: getattr(update, name) for name in update.__struct_fields__}
    pointers = ("pids_limit", "memory_swappiness", "oom_kill_disable", "init")
    cleared = {name: None for name, value in kept.items() if name not in pointers and not value}
    policy = update.restart_policy
    if policy is not None and not policy.name:
        cleared["restart_policy"] = None
    if update.pids_limit is not None and update.pids_limit <= 0:
        kept["pids_limit"] = 0
    return HostUpdate(**{**kept, **cleared})


def render_host(host: HostSpec) -> dict[str, Any]:
    found: dict[str, Any] = _render_host(host) | _FIXED
    return found


def render_config(spec: ContainerSpec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in _CONFIG.items():
        value = getattr(spec, field.name)
        if not (field.name in _OMITTED and not value) and not (name == "StopTimeout" and value is None):
            found[name] = value
    found["Cmd"], found["Entrypoint"] = spec.cmd, spec.entrypoint
    found["Volumes"] = members(spec.volumes) if spec.volumes else None
    if spec.exposed_ports:
        found["ExposedPorts"] = members(named(spec.exposed_ports))
    if spec.healthcheck is not None:
        found["Healthcheck"] = _render_health(spec.healthcheck)
    if spec.shell:
        found["Shell"] = spec.shell
    return found


def members(values: Iterable[str]) -> dict[str, dict[str, str]]:
    return {value: {} for value in values}
