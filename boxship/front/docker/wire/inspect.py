"""A container as `docker inspect` shows it. Pure.

null, [] and {} are as dockerd's, since templates of its users rely on them. The address fields that newer daemons
dropped (`NetworkSettings.IPAddress` and its family) are always there.
"""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from boxship.base import ids
from boxship.base.units import rfc3339
from boxship.engine.bundle import security
from boxship.front.docker.wire.config import render_config, render_host
from boxship.front.docker.wire.create import is_user_defined
from boxship.front.docker.wire.endpoints import render_endpoint
from boxship.front.rest.version import NEWEST, Version
from boxship.model.network import EndpointSpec, EndpointStatus
from boxship.model.ports import in_force, named, spread
from boxship.model.status import Container, ContainerStatus, HealthStatus, MountPoint, State

RUNNING = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the daemon keeps things; directories, without a slash at the end."""

    data_root: str
    exec_root: str

    def container(self, container: Container) -> str:
        return f"{self.data_root}/containers/{container.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What an inspect shows besides the record. sizes: bytes of the writable layer and of all layers, if asked for."""

    exec_ids: tuple[str, ...] = ()
    sizes: tuple[int, int] | None = None
    version: Version = NEWEST


def render(container: Container, places: Places, extra: Extra) -> dict[str, Any]:
    home = places.container(container)
    found: dict[str, Any] = {
        "Id": container.id,
        "Created": rfc3339(container.created),
        "Path": container.path,
        "Args": container.args,
        "State": render_state(container.status),
        "Image": container.image_id,
        "ResolvConfPath": f"{home}/resolv.conf",
        "HostnamePath": f"{home}/hostname",
        "HostsPath": f"{home}/hosts",
        "LogPath": container.log_path,
        "Name": f"/{container.name}",
        "RestartCount": container.status.restart_count,
        "Driver": container.driver,
        "Platform": container.platform,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": extra.exec_ids or None,
        "HostConfig": _host_config(container),
        "GraphDriver": _graph_driver(container, home),
        "Mounts": [render_mount(mount) for mount in shown_mounts(container)],
        "Config": render_config(container.spec),
        "NetworkSettings": _network_settings(container, places, extra.version),
    }
    if extra.sizes is not None:
        found["SizeRw"], found["SizeRootFs"] = extra.sizes
    return found


def _host_config(container: Container) -> dict[str, Any]:
    """HostConfig as asked, but for two things that dockerd tells in full: hidden system paths, and links as paths."""
    host = container.spec.host
    if host.port_bindings:
        host = replace(host, port_bindings=spread(host.port_bindings))
    shown = render_host(host)
    masked, read_only = security.system_paths(host)
    if host.masked_paths is None:
        shown["MaskedPaths"] = masked or None
    if host.readonly_paths is None:
        shown["ReadonlyPaths"] = read_only or None
    if host.links:
        shown["Links"] = [_link(link, container.name) for link in host.links]
    return shown


def _link(link: str, name: str) -> str:
    """Return `/db:/web/store` for `db:store`."""
    target, _, alias = link.partition(":")
    target, alias = target.removeprefix("/"), alias.rpartition("/")[2]
    return f"/{target}:/{name}/{alias or target}"


def render_state(status: ContainerStatus) -> dict[str, Any]:
    state: dict[str, Any] = {
        "Status": status.state.value,
        "Running": status.state in RUNNING,
        "Paused": status.state is State.PAUSED,
        "Restarting": status.state is State.RESTARTING,
        "OOMKilled": status.oom_killed,
        "Dead": status.state is State.DEAD,
        "Pid": status.pid,
        "ExitCode": status.exit_code,
        "Error": status.error,
        "StartedAt": rfc3339(status.started_at),
        "FinishedAt": rfc3339(status.finished_at),
    }
    if status.health is not None:
        state["Health"] = _health(status.health)
    return state


def _health(health: HealthStatus) -> dict[str, Any]:
    return {
        "Status": health.status,
        "FailingStreak": health.failing_streak,
        "Log": [
            {
                "Start": rfc3339(probe.start),
                "End": rfc3339(probe.end),
                "ExitCode": probe.exit_code,
                "Output": probe.output,
            }
            for probe in health.log
        ],
    }


def _graph_driver(container: Container, home: str) -> dict[str, Any]:
    """Names of directories as the overlay2 driver gives them, uppermost layer first."""
    data = {
        "ID": container.id,
        "LowerDir": ":".join(reversed(container.layers)),
        "MergedDir": f"{home}/merged",
        "UpperDir": f"{home}/upper",
        "WorkDir": f"{home}/work",
    }
    return {"Data": data, "Name": container.driver}


def shown_mounts(container: Container) -> list[MountPoint]:
    """All mount points but those of `--tmpfs`, which HostConfig.Tmpfs tells."""
    tmpfs = container.spec.host.tmpfs or {}
    return [mount for mount in container.mounts if mount.type != "tmpfs" or mount.destination not in tmpfs]


def render_mount(mount: MountPoint) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": mount.type}
    if mount.name:
        found["Name"] = mount.name
    found["Source"], found["Destination"] = mount.source, mount.destination
    if mount.driver:
        found["Driver"] = mount.driver
    found["Mode"], found["RW"], found["Propagation"] = mount.mode, mount.rw, mount.propagation
    return found


def network_names(container: Container) -> list[str]:
    """Return the networks of a container, also of one that has not started yet."""
    mode = container.spec.host.network_mode
    found = dict.fromkeys(container.status.networks)
    if not mode.startswith("container:") and not container.spec.network_disabled:
        found |= dict.fromkeys(container.spec.networks)
        if not found:
            found = dict.fromkeys(["bridge" if mode in ("", "default") else mode])
    return list(found)


def render_networks(container: Container, version: Version = NEWEST) -> dict[str, Any]:
    found = {}
    for name in network_names(container):
        spec = container.spec.networks.get(name, EndpointSpec())
        status = container.status.networks.get(name, EndpointStatus(network_id="", network=name))
        found[name] = render_endpoint(spec, status)
        if version < (1, 45) and is_user_defined(name):
            names = (*(spec.aliases or ()), ids.short(container.id), container.spec.hostname)
            found[name]["Aliases"] = [alias for alias in dict.fromkeys(names) if alias]
    return found


def render_ports(container: Container) -> dict[str, Any]:
    """Every exposed port while running, with null for those not published; nothing otherwise."""
    if container.status.state not in RUNNING:
        return {}
    ports: dict[str, Any] = dict.fromkeys(named(container.spec.exposed_ports))
    for port, bound in in_force(container.status.ports).items():
        ports[port] = [{"HostIp": address, "HostPort": str(number)} for address, number in bound] or None
    return ports


def _network_settings(container: Container, places: Places, version: Version) -> dict[str, Any]:
    networks = render_networks(container, version)
    default = networks.get("bridge", {})
    live = container.status.state in RUNNING and not container.spec.host.network_mode.startswith("container:")
    found: dict[str, Any] = {
        "Bridge": "",
        "SandboxID": container.group if live else "",
        "SandboxKey": f"{places.exec_root}/netns/{container.group}" if live else "",
        "Ports": render_ports(container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
    }
    for name, zero in _DEFAULT_NETWORK.items():
        found[name] = default.get(name, zero)
    found["Networks"] = networks
    return found


# The legacy fields: those of the default network, once more.
_DEFAULT_NETWORK: dict[str, Any] = {
    "EndpointID": "",
    "Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "MacAddress": "",
}
