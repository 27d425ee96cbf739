"""What `docker info` tells, from what the host says of itself. Pure.

Settings of the daemon (labels, log driver, registries, …) are added by who knows them, by `msgspec.structs.replace`.
"""

from collections.abc import Mapping

from boxship.host.api.runtime import RuntimeInfo
from boxship.host.machine import Machine
from boxship.model.runtime import HostFacts
from boxship.model.system import Facts, RuntimeFacts

# dockerd's own warnings, by the limit whose lack they tell. Order as there.
_LACKS = {
    "memory": "WARNING: No memory limit support",
    "swap": "WARNING: No swap limit support",
    "cpu_cfs": "WARNING: No cpu cfs quota support",
    "cpu_shares": "WARNING: No cpu shares support",
    "cpuset": "WARNING: No cpuset support",
    "pids": "WARNING: No pids limit support",
    "blkio_throttle": "WARNING: No blkio throttle support",
}
# What the lack of a capability means to users; the others are told by name only.
_MEANS = {
    "CAP_SYS_RESOURCE": "ulimits above the daemon's own hard limits are lowered to these",
    "CAP_SYS_ADMIN": "containers cannot be started",
    "CAP_NET_ADMIN": "networks cannot be made",
}


def gather(machine: Machine, host: HostFacts, runtimes: Mapping[str, RuntimeInfo]) -> Facts:
    """`runtimes`: those that work, the default first."""
    return Facts(
        name=machine.hostname,
        kernel=machine.kernel,
        os=machine.system,
        os_version=machine.system_version,
        architecture=machine.architecture,
        cpus=machine.cpus,
        memory=machine.memory,
        ipv4_forwarding=machine.ipv4_forwarding,
        bridge_filter_ipv4=machine.bridge_filter_ipv4,
        bridge_filter_ipv6=machine.bridge_filter_ipv6,
        cgroup_version=2 if host.unified else 1,
        limits=host.controls,
        security_options=security_options(machine, host),
        warnings=warnings(machine, host),
        runtimes={name: _runtime(found) for name, found in runtimes.items()},
        default_runtime=next(iter(runtimes), ""),
        init_binary=host.init_path.rpartition("/")[2],
    )


def _runtime(found: RuntimeInfo) -> RuntimeFacts:
    return RuntimeFacts(path=found.path, version=found.version, arguments=found.args)


def security_options(machine: Machine, host: HostFacts) -> tuple[str, ...]:
    """Return them as dockerd lists them: `name=seccomp,profile=builtin`."""
    found = {
        "name=apparmor": machine.apparmor,
        "name=seccomp,profile=builtin": machine.seccomp,
        "name=selinux": machine.selinux,
        "name=cgroupns": machine.cgroup_namespaces and host.unified,
    }
    return tuple(name for name, has in found.items() if has)


def warnings(machine: Machine, host: HostFacts) -> tuple[str, ...]:
    lacking = [text for limit, text in _LACKS.items() if limit not in host.controls]
    if not machine.ipv4_forwarding:
        lacking.append("WARNING: IPv4 forwarding is disabled")
    for capability in machine.missing:
        meaning = _MEANS.get(capability, "privileged containers go without it")
        lacking.append(f"WARNING: this machine withholds {capability}: {meaning}")
    return tuple(lacking)
