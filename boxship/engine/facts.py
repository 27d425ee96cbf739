"""What this machine cannot give to containers, in the sentences that `docker info` ends with. Pure."""

from boxship.host.machine import Machine
from boxship.model.runtime import HostFacts

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


def weaknesses(machine: Machine, host: HostFacts) -> tuple[str, ...]:
    """Return one sentence for each."""
    lacking = [text for limit, text in _LACKS.items() if limit not in host.controls]
    if not machine.ipv4_forwarding:
        lacking.append("WARNING: IPv4 forwarding is disabled")
    for capability in machine.missing:
        meaning = _MEANS.get(capability, "privileged containers go without it")
        lacking.append(f"WARNING: this machine withholds {capability}: {meaning}")
    return tuple(lacking)
