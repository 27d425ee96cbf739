from typing import Any

import pytest

from boxship.base.errors import Conflict, Invalid, PlatformError
from boxship.base.units import SECOND
from boxship.engine import check, check_limits
from boxship.engine.containers.changes import applied
from boxship.model.container import (
    ContainerSpec,
    HealthSpec,
    HostSpec,
    HostUpdate,
    PortBinding,
    RestartPolicy,
    Ulimit,
    WeightDevice,
)
from boxship.model.network import EndpointSpec

MEGA = 1 << 20


def hosted(mode: str = "", **host: Any) -> ContainerSpec:
    return ContainerSpec(host=HostSpec(network_mode=mode or "bridge", **host))


REFUSED: dict[str, ContainerSpec] = {
    "can't create 'AutoRemove' container with restart policy": hosted(
        auto_remove=True, restart_policy=RestartPolicy(name="always")
    ),
    "invalid restart policy: unknown policy 'sometimes'; "
    "use one of 'no', 'always', 'on-failure', or 'unless-stopped'": hosted(
        restart_policy=RestartPolicy(name="sometimes")
    ),
    "invalid restart policy: maximum retry count can only be used with 'on-failure'": hosted(
        restart_policy=RestartPolicy(name="always", maximum_retry_count=3)
    ),
    "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative": hosted(
        restart_policy=RestartPolicy(name="no", maximum_retry_count=-3)
    ),
    "invalid restart policy: maximum retry count cannot be negative": hosted(
        restart_policy=RestartPolicy(name="on-failure", maximum_retry_count=-1)
    ),
    "Invalid signal: SIGNOPE": ContainerSpec(stop_signal="SIGNOPE"),
    "the working directory 'a/b' is invalid, it needs to be an absolute path": ContainerSpec(working_dir="a/b"),
    "invalid environment variable: =x": ContainerSpec(env=("A=1", "=x")),
    'invalid port specification: "80/icmp"': ContainerSpec(exposed_ports=("80/icmp",)),
    'invalid port specification: "70000/tcp"': hosted(port_bindings={"70000/tcp": ()}),
    'invalid port specification: "a"': hosted(port_bindings={"80/tcp": (PortBinding(host_port="a"),)}),
    'bad format for add-host: "name"': hosted(extra_hosts=("name",)),
    'invalid IP address in add-host: "x"': hosted(extra_hosts=("db:x",)),
    "invalid DNS server: x is not an IP address": hosted(dns=("8.8.8.8", "x")),
    "ConsoleSize can not be less than 0": hosted(console_size=(24, -1)),
    "Cgroup: container:x cannot be joined (want CgroupParent or CgroupnsMode)": hosted(cgroup="container:x"),
    "invalid IPC mode: sharable": hosted(ipc_mode="sharable"),
    "invalid PID mode: container:": hosted(pid_mode="container:"),
    "invalid UTS mode: x": hosted(uts_mode="x"),
    "invalid cgroup namespace mode: x": hosted(cgroupns_mode="x"),
    "SHM size can not be less than 0": hosted(shm_size=-1),
    "Invalid value 2000, range for oom score adj is [-1000, 1000]": hosted(oom_score_adj=2000),
    "Interval in Healthcheck cannot be less than 1ms": ContainerSpec(healthcheck=HealthSpec(interval=5)),
    "Timeout in Healthcheck cannot be less than 1ms": ContainerSpec(healthcheck=HealthSpec(timeout=5)),
    "StartPeriod in Healthcheck cannot be less than 1ms": ContainerSpec(healthcheck=HealthSpec(start_period=5)),
    "StartInterval in Healthcheck cannot be less than 1ms": ContainerSpec(healthcheck=HealthSpec(start_interval=5)),
    "Retries in Healthcheck cannot be negative": ContainerSpec(healthcheck=HealthSpec(retries=-1)),
    "Invalid network mode: invalid container format container:<name|id>": hosted("container:"),
    "conflicting options: hostname and the network mode": ContainerSpec(
        hostname="x", host=HostSpec(network_mode="container:web")
    ),
    "conflicting options: hostname and the UTS mode": ContainerSpec(hostname="x", host=HostSpec(uts_mode="host")),
    "conflicting options: dns and the network mode": hosted("container:web", dns=("8.8.8.8",)),
    "conflicting options: custom host-to-IP mapping and the network mode": hosted(
        "container:web", extra_hosts=("a:1.1.1.1",)
    ),
    "conflicting options: port publishing and the container type network mode": hosted(
        "container:web", port_bindings={"80/tcp": (PortBinding(host_port="80"),)}
    ),
    "conflicting options: port exposing and the container type network mode": ContainerSpec(
        exposed_ports=("80/tcp",), host=HostSpec(network_mode="container:web")
    ),
    "conflicting options: mac-address and the network mode": ContainerSpec(
        mac_address="02:42:ac:11:00:02", host=HostSpec(network_mode="host")
    ),
    "conflicting options: container type network can't be used with links. This would result in undefined "
    "behavior": hosted("container:web", links=("db",)),
    "conflicting options: host type networking can't be used with links. This would result in undefined "
    "behavior": hosted("host", links=("db",)),
    "container sharing network namespace with another container or host cannot be connected to any other "
    "network": ContainerSpec(host=HostSpec(network_mode="container:web"), networks={"net": EndpointSpec()}),
    "invalid Annotations: the empty string is not permitted as an annotation key": hosted(annotations={"": "x"}),
    "--storage-opt is supported only for overlay over xfs with 'pquota' mount option": hosted(
        storage_opt={"size": "1"}
    ),
}


@pytest.mark.parametrize(("text", "spec"), REFUSED.items(), ids=REFUSED)
def test_refused(text: str, spec: ContainerSpec) -> None:
    with pytest.raises(Invalid) as caught:
        check.spec(spec)
    assert str(caught.value) == text


ACCEPTED = [
    ContainerSpec(),
    ContainerSpec(stop_signal="RTMIN+3", working_dir="/a", env=("A=", "B"), exposed_ports=("80/tcp", "53-60/udp")),
    hosted(restart_policy=RestartPolicy(name="on-failure", maximum_retry_count=3)),
    hosted(auto_remove=True, restart_policy=RestartPolicy(name="no")),
    hosted(restart_policy=RestartPolicy(maximum_retry_count=3)),
    hosted("container:web", pid_mode="container:web", ipc_mode="container:web"),
    hosted(extra_hosts=("a:1.1.1.1", "b=::1", "c:host-gateway")),
    hosted(port_bindings={"80/tcp": (PortBinding(host_port="8000-8010"), PortBinding()), "53": None}),
    ContainerSpec(healthcheck=HealthSpec(interval=SECOND, retries=0)),
    ContainerSpec(networks={"a": EndpointSpec(), "b": EndpointSpec()}, host=HostSpec(network_mode="a")),
]


@pytest.mark.parametrize("spec", ACCEPTED)
def test_accepted(spec: ContainerSpec) -> None:
    assert check.spec(spec) == ()


def test_ports_of_the_host_network_are_discarded_with_a_warning() -> None:
    assert check.spec(hosted("host", publish_all_ports=True)) == (
        "Published ports are discarded when using host network mode",
    )


@pytest.mark.parametrize("name", ["web", "a1", "A_b.c-d", "/web", "0x"])
def test_good_names(name: str) -> None:
    assert check.name(name) == name.removeprefix("/")


@pytest.mark.parametrize("name", ["", "a", "/", "-a", "a b", "a/b", "//a", "ä1", "a\n", "_a"])
def test_bad_names(name: str) -> None:
    with pytest.raises(Invalid, match=r"(?s)Invalid container name \(.*\), only \[a-zA-Z0-9\]"):
        check.name(name)


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ("", "Neither old nor new names may be empty"),
        ("/web", "Renaming a container with the same name as its"),
        ("!", "Invalid container name"),
    ],
)
def test_bad_renaming(new: str, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        check.renaming("web", new)


def test_platforms() -> None:
    for good in ("", "linux", "linux/amd64", "amd64", "linux/x86_64", "linux/amd64/v2"):
        check.platform(good, "linux", "amd64", "busybox")
    with pytest.raises(
        Conflict, match=r"platform \(linux/amd64\) does not match the specified platform \(linux/arm64\)"
    ):
        check.platform("linux/arm64", "linux", "amd64", "busybox")


LIMITS: dict[str, HostSpec] = {
    "Minimum memory limit allowed is 6MB": HostSpec(memory=1024),
    "Minimum memoryswap limit should be larger than memory limit, see usage": HostSpec(
        memory=64 * MEGA, memory_swap=32 * MEGA
    ),
    "You should always set the Memory limit when using Memoryswap limit, see usage": HostSpec(memory_swap=32 * MEGA),
    "Invalid value: 101, valid memory swappiness range is 0-100": HostSpec(memory_swappiness=101),
    "Minimum memory reservation allowed is 6MB": HostSpec(memory_reservation=1024),
    "Minimum memory limit can not be less than memory reservation limit, see usage": HostSpec(
        memory=16 * MEGA, memory_reservation=32 * MEGA
    ),
    "Conflicting options: Nano CPUs and CPU Period cannot both be set": HostSpec(nano_cpus=10**9, cpu_period=1000),
    "Conflicting options: Nano CPUs and CPU Quota cannot both be set": HostSpec(nano_cpus=10**9, cpu_quota=1000),
    "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available": HostSpec(nano_cpus=3 * 10**9),
    "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)": HostSpec(cpu_period=10),
    "CPU cfs quota can not be less than 1ms (i.e. 1000)": HostSpec(cpu_quota=10),
    "Range of blkio weight is from 10 to 1000": HostSpec(blkio_weight=5),
    "Requested CPUs are not available - requested 0-5, available: 0-1": HostSpec(cpuset_cpus="0-5"),
    "Invalid value a for cpuset cpus": HostSpec(cpuset_cpus="a"),
    "Invalid value 0- for cpuset mems": HostSpec(cpuset_mems="0-"),
    "cpu real-time runtime cannot be higher than cpu real-time period": HostSpec(
        cpu_realtime_runtime=2000, cpu_realtime_period=1000
    ),
    "invalid ulimit type: files": HostSpec(ulimits=(Ulimit(name="files"),)),
    "ulimit soft limit must be less than or equal to hard limit: 20 > 10": HostSpec(
        ulimits=(Ulimit(name="nofile", soft=20, hard=10),)
    ),
    "ulimit soft limit must be less than or equal to hard limit: -1 > 10": HostSpec(
        ulimits=(Ulimit(name="nofile", soft=-1, hard=10),)
    ),
}


def test_the_weight_of_a_device_has_the_same_range() -> None:
    with pytest.raises(Invalid, match="Range of blkio weight"):
        check_limits.limits(HostSpec(blkio_weight_device=(WeightDevice(path="/dev/sda", weight=5),)), cpus=2)


@pytest.mark.parametrize(("text", "host"), LIMITS.items(), ids=LIMITS)
def test_impossible_limits(text: str, host: HostSpec) -> None:
    with pytest.raises(Invalid) as caught:
        check_limits.limits(host, cpus=2)
    assert str(caught.value) == text


def test_possible_limits() -> None:
    check_limits.limits(
        HostSpec(memory=64 * MEGA, memory_swap=-1, nano_cpus=2 * 10**9, cpuset_cpus="0,1", blkio_weight=10), cpus=2
    )
    check_limits.limits(HostSpec(memory_swap=32 * MEGA), cpus=2, update=True)


CHANGES: list[tuple[HostSpec, HostUpdate, str]] = [
    (
        HostSpec(cpu_period=1000),
        HostUpdate(nano_cpus=1),
        "Nano CPUs cannot be updated as CPU Period has already been set",
    ),
    (
        HostSpec(cpu_quota=1000),
        HostUpdate(nano_cpus=1),
        "Nano CPUs cannot be updated as CPU Quota has already been set",
    ),
    (HostSpec(nano_cpus=1), HostUpdate(cpu_period=1), "CPU Period cannot be updated as NanoCPUs has already been set"),
    (HostSpec(nano_cpus=1), HostUpdate(cpu_quota=1), "CPU Quota cannot be updated as NanoCPUs has already been set"),
    (HostSpec(memory_swap=5), HostUpdate(memory=9), "Memory limit should be smaller than already set memoryswap limit"),
    (HostSpec(auto_remove=True), HostUpdate(restart_policy=RestartPolicy(name="always")), "Restart policy cannot be"),
]


@pytest.mark.parametrize(("host", "update", "text"), CHANGES)
def test_clashing_updates(host: HostSpec, update: HostUpdate, text: str) -> None:
    with pytest.raises(PlatformError, match=text) as caught:
        check_limits.change(host, update)
    assert caught.value.status == 409


def test_an_update_leaves_alone_what_it_does_not_say() -> None:
    host = HostSpec(memory=64 * MEGA, cpu_shares=5, restart_policy=RestartPolicy(name="always"), pids_limit=9)
    assert applied(host, HostUpdate()) == host
    assert applied(host, HostUpdate(memory=0, cpu_shares=0, cpuset_cpus="", restart_policy=RestartPolicy())) == host
    changed = applied(host, HostUpdate(memory=128 * MEGA, pids_limit=0))
    assert (changed.memory, changed.pids_limit, changed.cpu_shares) == (128 * MEGA, 0, 5)
