"""The body of `POST /containers/create` -> ContainerSpec, for every API version. Pure.

What newer versions added is dropped for older clients, as dockerd does, so that a field means to a client what it meant
when the client was written. Source: Docker Engine API, version history 1.24 to 1.51.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from boxship.base.errors import Invalid
from boxship.front.docker.wire import config, names
from boxship.front.docker.wire.endpoints import parse_endpoint
from boxship.front.rest.version import Version
from boxship.model.container import ContainerSpec, HostSpec, MountSpec
from boxship.model.network import EndpointSpec

Endpoints = dict[str, EndpointSpec]

MAC_MOVED = "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
VOLUME_DRIVER = (
    "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. "
    "Use '--mount type=volume,volume-driver=...' instead"
)
SYSCTLS = "com.docker.network.endpoint.sysctls"
_INTERFACE_SYSCTL = re.compile(r"net\.([^.]+)\.([^.]+)\.(eth[^.]*)\.(.+)")


def parse(body: Mapping[str, Any], version: Version, *, cgroup_v2: bool = False) -> tuple[ContainerSpec, list[str]]:
    """Return what was asked and warnings for the user. Raises Invalid for what cannot be meant."""
    fields = config.known(dict(body))
    asked = fields.keys() - {"HostConfig", "NetworkingConfig"}
    if not asked:
        raise Invalid("config cannot be empty in order to create a container")
    host, warnings = config.parse_host(fields.get("HostConfig"))
    host = _runtime(host, fields.get("Runtime"))
    networks = _networks(fields.get("NetworkingConfig"))
    spec = ContainerSpec(**config.parse_config(fields), host=host, networks=networks)
    spec = _as_of(_default_network(spec), version, cgroup_v2)
    for step in (_volume_driver, _mac_address, _interface_sysctls):
        spec, warning = step(spec, version)
        if warning:
            warnings.append(warning)
    return spec, warnings


def _runtime(host: HostSpec, named: Any) -> HostSpec:
    """docker-py puts the runtime beside HostConfig; what stands inside that one wins."""
    if named is not None and not isinstance(named, str):
        raise names.mismatch(named, "Config.Runtime", "string")
    return replace(host, runtime=named) if named and not host.runtime else host


def _networks(value: Any) -> Endpoints:
    if value is not None and not isinstance(value, dict):
        raise names.mismatch(value, "NetworkingConfig", "network.NetworkingConfig")
    given = names.folded(value or {}, "EndpointsConfig")
    endpoints = given.get("EndpointsConfig")
    if endpoints is not None and not isinstance(endpoints, dict):
        raise Invalid("invalid JSON: NetworkingConfig.EndpointsConfig must be an object")
    return {name: parse_endpoint(endpoint, f"EndpointsConfig.{name}") for name, endpoint in (endpoints or {}).items()}


def _default_network(spec: ContainerSpec) -> ContainerSpec:
    """ "default" is a word of the request; the network's name is bridge."""
    if spec.host.network_mode not in ("", "default"):
        return spec
    networks = {("bridge" if name == "default" else name): point for name, point in spec.networks.items()}
    return replace(spec, host=replace(spec.host, network_mode="bridge"), networks=networks)


def _as_of(spec: ContainerSpec, version: Version, cgroup_v2: bool) -> ContainerSpec:
    """Return `spec` with the meaning it had at `version`."""
    host, networks = spec.host, spec.networks
    if version < (1, 25):
        host = replace(host, auto_remove=False)
    if version < (1, 40):
        host = replace(host, kernel_memory_tcp=0, ipc_mode=host.ipc_mode or "shareable")
    if version < (1, 41) and not cgroup_v2:
        host = replace(host, cgroupns_mode=host.cgroupns_mode or "host")
    if version < (1, 42):
        host = replace(host, console_size=(0, 0))
    if version < (1, 43):
        host = replace(host, annotations=None)
    if version < (1, 44):
        spec = _without_start_interval(spec)
        if len(networks) > 1:
            raise Invalid(f"Container cannot be created with multiple network endpoints: {', '.join(networks)}")
    if version < (1, 48):
        networks = {name: replace(point, gw_priority=0) for name, point in networks.items()}
    return replace(spec, host=_mounts_and_limits(host, version), networks=networks)


def _without_start_interval(spec: ContainerSpec) -> ContainerSpec:
    if spec.healthcheck is None:
        return spec
    return replace(spec, healthcheck=replace(spec.healthcheck, start_interval=0))


def _mounts_and_limits(host: HostSpec, version: Version) -> HostSpec:
    if host.mounts is not None:
        host = replace(host, mounts=tuple(mount_as_of(mount, version) for mount in host.mounts))
    if host.pids_limit is not None and host.pids_limit <= 0:
        host = replace(host, pids_limit=None)
    return host


def mount_as_of(mount: MountSpec, version: Version) -> MountSpec:
    """Return one `--mount` with the meaning it had at `version`. Raises Invalid for options of another type."""
    bind = mount.bind_options
    if version < (1, 42):
        mount = replace(
            mount,
            volume_options=mount.volume_options if mount.type == "volume" else None,
            tmpfs_options=mount.tmpfs_options if mount.type == "tmpfs" else None,
            bind_options=bind and replace(bind, create_mountpoint=False),
        )
    else:
        _refuse_foreign_options(mount)
    bind = mount.bind_options
    if version < (1, 40) and bind is not None:
        mount = replace(mount, bind_options=replace(bind, non_recursive=False))
    if version < (1, 44) and mount.type == "bind" and bind is not None and bind.read_only_force_recursive:
        raise Invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer")
    if version < (1, 45) and mount.volume_options is not None and mount.volume_options.subpath:
        raise Invalid("VolumeOptions.Subpath needs API v1.45 or newer")
    if version < (1, 48) and mount.type == "image":
        raise Invalid('Mount type "Image" needs API v1.48 or newer')
    return mount


def _refuse_foreign_options(mount: MountSpec) -> None:
    for name, options, kind in (
        ("VolumeOptions", mount.volume_options, "volume"),
        ("BindOptions", mount.bind_options, "bind"),
        ("TmpfsOptions", mount.tmpfs_options, "tmpfs"),
        ("ImageOptions", mount.image_options, "image"),
    ):
        if options is not None and mount.type != kind:
            raise Invalid(f'{name} must not be specified on mount type "{mount.type}"')


def _volume_driver(spec: ContainerSpec, version: Version) -> tuple[ContainerSpec, str]:
    if not spec.host.volume_driver or version < (1, 48):
        return spec, ""
    for mount in spec.host.mounts or ():
        options = mount.volume_options
        named = options is not None and options.driver_config is not None and options.driver_config.name
        if mount.type == "volume" and not named:
            return spec, VOLUME_DRIVER
    return spec, ""


def _mac_address(spec: ContainerSpec, version: Version) -> tuple[ContainerSpec, str]:
    """Move the container's own MAC address, of API < 1.44, to the endpoint in its main network."""
    mac, mode = spec.mac_address, spec.host.network_mode
    if version < (1, 44) and not mac:
        networks = {name: replace(point, mac_address="") for name, point in spec.networks.items()}
        return replace(spec, networks=networks), ""
    if not mac:
        return spec, ""
    joins = mode == "bridge" or is_user_defined(mode)
    if not joins and version < (1, 44):
        raise Invalid("conflicting options: mac-address and the network mode")
    if joins:
        name, point = main_endpoint(spec)
        if version >= (1, 44) and point.mac_address not in ("", mac):
            raise Invalid(
                "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                "or be left empty"
            )
        spec = replace(spec, networks={**spec.networks, name: replace(point, mac_address=mac)})
    return (spec, "") if version < (1, 44) else (replace(spec, mac_address=""), MAC_MOVED)


def is_user_defined(mode: str) -> bool:
    return mode not in ("", "default", "bridge", "host", "none") and not mode.startswith("container:")


def main_endpoint(spec: ContainerSpec) -> tuple[str, EndpointSpec]:
    """Return the name and the endpoint of the network that `network_mode` names; an empty endpoint if none is given.

    The one endpoint of a request may name its network by another of its names (id, short id).
    """
    mode = spec.host.network_mode
    if mode in spec.networks:
        return mode, spec.networks[mode]
    if len(spec.networks) == 1 and is_user_defined(mode):
        return next(iter(spec.networks.items()))
    return mode, EndpointSpec()


def _interface_sysctls(spec: ContainerSpec, version: Version) -> tuple[ContainerSpec, str]:
    """Move sysctls of eth0 to the endpoint, where they can be set once the interface is there."""
    if spec.host.network_mode == "host" or spec.host.network_mode.startswith("container:"):
        return spec, ""
    moved = {}
    for key, value in (spec.host.sysctls or {}).items():
        match = _INTERFACE_SYSCTL.fullmatch(key)
        if match is None:
            continue
        if version > (1, 47):
            raise Invalid(
                f"interface specific sysctl setting \"{key}\" must be supplied using driver option '{SYSCTLS}'"
            )
        if match[3] != "eth0":
            raise Invalid(
                f"unable to determine network endpoint for sysctl {key}, "
                f"use driver option '{SYSCTLS}' to set per-interface sysctls"
            )
        moved[key] = f"net.{match[1]}.{match[2]}.IFNAME.{match[4]}={value}"
    return _with_endpoint_sysctls(spec, moved) if moved else (spec, "")


def _with_endpoint_sysctls(spec: ContainerSpec, moved: Mapping[str, str]) -> tuple[ContainerSpec, str]:
    name, point = main_endpoint(spec)
    text = ",".join(moved.values())
    options = dict(point.driver_opts or {})
    options[SYSCTLS] = f"{text},{options[SYSCTLS]}" if SYSCTLS in options else text
    left = {key: value for key, value in (spec.host.sysctls or {}).items() if key not in moved}
    spec = replace(
        spec,
        host=replace(spec.host, sysctls=left or None),
        networks={**spec.networks, name: replace(point, driver_opts=options)},
    )
    return spec, f'Migrated sysctl "{",".join(moved)}" to DriverOpts{{"{SYSCTLS}":"{text}"}}.'
