"""Settings, proxies of the environment and the machine, put into the words of the parts that need them. Pure else."""

import hashlib
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

from boxship import __version__
from boxship.app.proxies import proxies
from boxship.app.settings import Settings
from boxship.engine.facts import weaknesses
from boxship.engine.networks.settings import DEFAULT_POOLS, NetworkSettings
from boxship.engine.options import EngineOptions
from boxship.host.api.runtime import RuntimeInfo
from boxship.host.machine import Machine
from boxship.model.container import LogSpec
from boxship.model.runtime import HostFacts
from boxship.model.system import Facts, RuntimeFacts


def engine_options(
    settings: Settings, runtimes: Mapping[str, RuntimeInfo], facts: HostFacts, boot: str
) -> EngineOptions:
    """`runtimes`: those that work, the default first. `boot`: id of the running kernel's boot."""
    return EngineOptions(
        data_root=Path(settings.data_root),
        exec_root=Path(settings.exec_root),
        cgroup_parent=cgroup_parent(settings),
        default_runtime=settings.default_runtime or next(iter(runtimes), ""),
        runtimes={name: info.path for name, info in runtimes.items()},
        default_ulimits=settings.default_ulimits,
        log=LogSpec(type=settings.log_driver, config=settings.log_opts),
        init=settings.init,
        init_path=facts.init_path,
        seccomp_profile=settings.seccomp_profile,
        cgroupns_mode=settings.default_cgroupns_mode or ("private" if facts.unified else "host"),
        ipc_mode=settings.default_ipc_mode,
        shm_size=settings.default_shm_size,
        cdi_dirs=settings.cdi_spec_dirs,
        userns_remap=settings.userns_remap,
        no_new_privileges=settings.no_new_privileges,
        shutdown_timeout=settings.shutdown_timeout,
        boot_id=boot,
    )


def network_settings(settings: Settings) -> NetworkSettings:
    pools = tuple((pool.base, pool.size) for pool in settings.default_address_pools)
    return NetworkSettings(
        exec_root=settings.exec_root,
        bridge=settings.bridge,
        bip=settings.bip,
        bip6=settings.bip6,
        fixed_cidr=settings.fixed_cidr,
        fixed_cidr_v6=settings.fixed_cidr_v6,
        default_gateway=settings.default_gateway,
        default_gateway_v6=settings.default_gateway_v6,
        pools=pools or DEFAULT_POOLS,
        ipv6=settings.ipv6,
        mtu=settings.mtu,
        icc=settings.icc,
        ip_masq=settings.ip_masq,
        publish_address=settings.ip,
        dns=settings.dns,
        dns_search=settings.dns_search,
        dns_options=settings.dns_opts,
        host_gateway=settings.host_gateway_ip,
        firewall_table=settings.firewall_table,
        open_published=settings.open_published_ports,
        link_prefix=link_prefix(settings),
        spaces_ahead=settings.network_pool,
    )


def cgroup_parent(settings: Settings) -> str:
    """Return the cgroup that holds our containers and, unless its user chose it, nobody else's."""
    return settings.cgroup_parent or ("/boxship" if settings.bridge == "boxship0" else f"/boxship-{settings.bridge}")


def link_prefix(settings: Settings) -> str:
    """Return how the host's ends of containers' links begin; no other daemon on this machine has the same."""
    if settings.bridge == "boxship0":
        return "bv"
    told = f"{settings.bridge} {settings.exec_root}"
    return f"bv{hashlib.sha256(told.encode()).hexdigest()[:4]}"


def is_own_link(settings: Settings, name: str) -> bool:
    """Whether a link is the host's end of one of our containers: our prefix may begin another daemon's."""
    return re.fullmatch(re.escape(link_prefix(settings)) + "[0-9a-f]{8}", name) is not None


def system_facts(
    settings: Settings,
    machine: Machine,
    host: HostFacts,
    runtimes: Mapping[str, RuntimeInfo],
    *,
    installation: str,
    monitor: str,
    backing: str,
    remarks: tuple[str, ...] = (),
) -> Facts:
    """What `docker info` and `docker version` tell. backing: the data root's file system. remarks: more warnings."""
    secure = [name for name, on in (("name=apparmor", machine.apparmor), ("name=selinux", machine.selinux)) if on]
    profile = settings.seccomp_profile or "builtin"
    secure += [f"name=seccomp,profile={profile}"] if machine.seccomp else []
    secure += ["name=cgroupns"] if machine.cgroup_namespaces else []
    secure += ["name=userns"] if settings.userns_remap else []
    pools = tuple((pool.base, pool.size) for pool in settings.default_address_pools) or DEFAULT_POOLS
    return Facts(
        id=installation,
        name=machine.hostname,
        version=__version__,
        python=platform.python_version(),
        kernel=machine.kernel,
        os=machine.system,
        os_version=machine.system_version,
        architecture=machine.architecture,
        cpus=machine.cpus,
        memory=machine.memory,
        labels=settings.labels,
        debug=settings.level == "debug",
        ipv4_forwarding=machine.ipv4_forwarding,
        cgroup_version=2 if host.unified else 1,
        limits=host.controls,
        bridge_filter_ipv4=machine.bridge_filter_ipv4,
        bridge_filter_ipv6=machine.bridge_filter_ipv6,
        security_options=tuple(secure),
        warnings=(*weaknesses(machine, host), *_exposed(settings), *remarks),
        runtimes=runtime_facts(runtimes),
        default_runtime=settings.default_runtime or next(iter(runtimes), ""),
        log_driver=settings.log_driver,
        data_root=settings.data_root,
        monitor=monitor,
        driver_status=(("Backing Filesystem", backing), ("Supports d_type", "true")),
        address_pools=pools,
        insecure_registries=("::1/128", "127.0.0.0/8", *settings.insecure_registries),
        registry_mirrors=settings.registry_mirrors,
        proxies=proxies(settings, os.environ).shown,
        cdi_dirs=settings.cdi_spec_dirs,
        init_binary=host.init_path.rpartition("/")[2],
    )


def runtime_facts(runtimes: Mapping[str, RuntimeInfo]) -> dict[str, RuntimeFacts]:
    return {n: RuntimeFacts(path=i.path, version=i.version, arguments=i.args) for n, i in runtimes.items()}


def _exposed(settings: Settings) -> tuple[str, ...]:
    """One warning for each address on which whoever comes is root."""
    if settings.tlsverify:
        return ()
    return tuple(
        f"WARNING: API is accessible on {host} without encryption or authentication: who reaches it is root here"
        for host in settings.hosts
        if host.startswith("tcp://")
    )
