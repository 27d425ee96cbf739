"""Which namespaces a container has of its own, shares with the host, or joins."""

from collections.abc import Sequence
from typing import Any

from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts, IdMap, Surroundings


def namespaces(spec: HostSpec, around: Surroundings, host: HostFacts) -> list[dict[str, str]]:
    """Return OCI `linux.namespaces`. A type that is absent is the host's."""
    built = [{"type": "mount"}]
    if around.netns:
        built.append({"type": "network", "path": around.netns})
    for kind, mode in (("uts", spec.uts_mode), ("ipc", spec.ipc_mode or around.ipc), ("pid", spec.pid_mode)):
        if kind in around.namespaces:
            built.append({"type": kind, "path": around.namespaces[kind]})
        elif mode != "host":
            built.append({"type": kind})
    if cgroup_mode(spec, around, host) == "private":
        built.append({"type": "cgroup"})
    if remapped(spec, around):
        built.append({"type": "user"})
    return built


def cgroup_mode(spec: HostSpec, around: Surroundings, host: HostFacts) -> str:
    """private or host. Docker's default: private on a unified tree unless privileged, host on the old ones."""
    if spec.cgroupns_mode:
        return spec.cgroupns_mode
    if spec.privileged or not host.unified:
        return "host"
    return around.cgroupns or "private"


def remapped(spec: HostSpec, around: Surroundings) -> bool:
    """True when the container runs in a user namespace."""
    return bool(around.uid_map)


def mappings(maps: Sequence[IdMap]) -> list[dict[str, int]]:
    return [{"containerID": m.container, "hostID": m.host, "size": m.size} for m in maps]


def sysctls(spec: HostSpec, domainname: str, around: Surroundings) -> dict[str, str]:
    """Return kernel settings: Docker's two for ports and ping in a network of its own, then the user's."""
    built: dict[str, str] = {}
    if domainname and not remapped(spec, around):
        built["kernel.domainname"] = domainname  # the same as setdomainname(2), and every runtime knows it
    own_network = around.netns and not spec.network_mode.startswith("container:")
    if own_network:
        last = min(around.gid_map[0].size, 2**31) - 1 if remapped(spec, around) else 2**31 - 1
        built["net.ipv4.ip_unprivileged_port_start"] = "0"
        built["net.ipv4.ping_group_range"] = f"0 {last}"
    return built | (spec.sysctls or {})


def owns_hostname(spec: HostSpec) -> bool:
    return spec.uts_mode != "host"


def extras(domainname: str, spec: HostSpec, around: Surroundings) -> dict[str, Any]:
    """Return the members of OCI's `linux` that go with the namespaces; empty ones are left out."""
    built: dict[str, Any] = {"sysctl": sysctls(spec, domainname if owns_hostname(spec) else "", around)}
    if remapped(spec, around):
        built |= {"uidMappings": mappings(around.uid_map), "gidMappings": mappings(around.gid_map)}
    return {name: value for name, value in built.items() if value}
