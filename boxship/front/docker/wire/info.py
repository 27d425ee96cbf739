"""`/info` and `/version` as dockerd 28 gives them. Pure."""

from typing import Any

from boxship.base.units import rfc3339
from boxship.front.rest import version
from boxship.model.system import Counts, Facts

ENGINE = "28.5.1"  # the release of Docker Engine whose API this is

_GO_ARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}
_LIMITS = {
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "KernelMemoryTCP": "kernel_memory_tcp",
    "CpuCfsPeriod": "cpu_cfs",
    "CpuCfsQuota": "cpu_cfs",
    "CPUShares": "cpu_shares",
    "CPUSet": "cpuset",
    "PidsLimit": "pids",
    "OomKillDisable": "oom_kill_disable",
}
_SWARM = {
    "NodeID": "",
    "NodeAddr": "",
    "LocalNodeState": "inactive",
    "ControlAvailable": False,
    "Error": "",
    "RemoteManagers": None,
}


def release(facts: Facts) -> str:
    """Return our version in the form clients compare: Docker's own, with ours as build metadata."""
    return f"{ENGINE}+boxship.{facts.version}" if facts.version else ENGINE


def architecture(facts: Facts) -> str:
    return _GO_ARCH.get(facts.architecture, facts.architecture)


def render_version(facts: Facts) -> dict[str, Any]:
    engine = {
        "ApiVersion": version.show(version.NEWEST),
        "MinAPIVersion": version.show(version.OLDEST),
        "GitCommit": facts.commit,
        "GoVersion": f"python{facts.python}" if facts.python else "",
        "Os": "linux",
        "Arch": architecture(facts),
        "KernelVersion": facts.kernel,
        "BuildTime": facts.built,
    }
    components: list[dict[str, Any]] = [
        {"Name": "Engine", "Version": release(facts), "Details": {**engine, "Experimental": "false"}}
    ]
    for name, runtime in facts.runtimes.items():
        components.append({"Name": name, "Version": runtime.version, "Details": {"GitCommit": ""}})
    if facts.monitor:
        components.append({"Name": "conmon", "Version": facts.monitor, "Details": {"GitCommit": ""}})
    platform = {"Name": f"Boxship {facts.version}".rstrip()}
    return {"Platform": platform, "Components": components, "Version": release(facts), **engine}


def render_info(facts: Facts, counts: Counts, now: int) -> dict[str, Any]:
    """`now`: nanoseconds since 1970."""
    return {
        "ID": facts.id,
        "Containers": counts.containers,
        "ContainersRunning": counts.running,
        "ContainersPaused": counts.paused,
        "ContainersStopped": counts.stopped,
        "Images": counts.images,
        **_storage(facts),
        **{name: limit in facts.limits for name, limit in _LIMITS.items()},
        "IPv4Forwarding": facts.ipv4_forwarding,
        "BridgeNfIptables": facts.bridge_filter_ipv4,
        "BridgeNfIp6tables": facts.bridge_filter_ipv6,
        "Debug": facts.debug,
        "NFd": 0,
        "NGoroutines": 0,
        "SystemTime": rfc3339(now),
        "NEventsListener": counts.listeners,
        **_machine(facts),
        **_registry(facts),
        **_runtimes(facts),
        "LiveRestoreEnabled": True,
        "Swarm": _SWARM,
        "Isolation": "",
        "SecurityOptions": list(facts.security_options),
        "DefaultAddressPools": [{"Base": base, "Size": size} for base, size in facts.address_pools] or None,
        "FirewallBackend": {"Driver": "nftables"},
        "CDISpecDirs": list(facts.cdi_dirs),
        "Warnings": list(facts.warnings) or None,
    }


def _storage(facts: Facts) -> dict[str, Any]:
    return {
        "Driver": "overlay2",
        "DriverStatus": [list(pair) for pair in facts.driver_status],
        "DockerRootDir": facts.data_root,
        "Plugins": {
            "Volume": list(facts.volume_drivers),
            "Network": list(facts.network_drivers),
            "Authorization": None,
            "Log": list(facts.log_drivers),
        },
    }


def _machine(facts: Facts) -> dict[str, Any]:
    http, https, bypass = facts.proxies
    return {
        "LoggingDriver": facts.log_driver,
        "CgroupDriver": facts.cgroup_driver,
        "CgroupVersion": str(facts.cgroup_version),
        "KernelVersion": facts.kernel,
        "OperatingSystem": facts.os,
        "OSVersion": facts.os_version,
        "OSType": "linux",
        "Architecture": facts.architecture,
        "NCPU": facts.cpus,
        "MemTotal": facts.memory,
        "GenericResources": None,
        "HttpProxy": http,
        "HttpsProxy": https,
        "NoProxy": bypass,
        "Name": facts.name,
        "Labels": list(facts.labels),
        "ExperimentalBuild": False,
        "ServerVersion": release(facts),
        "ProductLicense": "Apache-2.0",
    }


def _registry(facts: Facts) -> dict[str, Any]:
    index = {"Name": "docker.io", "Mirrors": list(facts.registry_mirrors), "Secure": True, "Official": True}
    networks = [name for name in facts.insecure_registries if "/" in name]
    others = [name for name in facts.insecure_registries if "/" not in name]
    configs = {name: {"Name": name, "Mirrors": [], "Secure": False, "Official": False} for name in others}
    return {
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "AllowNondistributableArtifactsCIDRs": None,
            "AllowNondistributableArtifactsHostnames": None,
            "InsecureRegistryCIDRs": networks,
            "IndexConfigs": {"docker.io": index, **configs},
            "Mirrors": list(facts.registry_mirrors) or None,
        },
    }


def _runtimes(facts: Facts) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, runtime in facts.runtimes.items():
        shown[name] = {"path": runtime.path}
        if runtime.arguments:
            shown[name]["runtimeArgs"] = list(runtime.arguments)
    default = facts.default_runtime
    commit = {"ID": "", "Expected": ""}
    version = facts.runtimes[default].version if default in facts.runtimes else ""
    shown_version = version if default == "runc" else f"{default} {version}".strip()
    return {
        "Runtimes": shown,
        "DefaultRuntime": default,
        "InitBinary": facts.init_binary,
        "ContainerdCommit": commit,
        "RuncCommit": {"ID": shown_version, "Expected": ""},
        "InitCommit": commit,
    }
