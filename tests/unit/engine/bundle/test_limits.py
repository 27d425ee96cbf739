from typing import Any

import pytest
from msgspec.structs import replace

from boxship.base.errors import Invalid
from boxship.engine.bundle.limits import all_resources, resources
from boxship.model.container import HostSpec, ThrottleDevice, WeightDevice
from boxship.model.runtime import CONTROLS
from tests.unit.engine.bundle.given import around, facts

M = 1 << 20
SDA = {"/dev/sda": (8, 0)}
CASES: dict[str, tuple[HostSpec, dict[str, Any]]] = {
    "nothing": (HostSpec(), {}),
    "memory, and as much swap": (HostSpec(memory=64 * M), {"memory": {"limit": 64 * M, "swap": 128 * M}}),
    "memory and swap": (HostSpec(memory=64 * M, memory_swap=65 * M), {"memory": {"limit": 64 * M, "swap": 65 * M}}),
    "memory and any swap": (HostSpec(memory=64 * M, memory_swap=-1), {"memory": {"limit": 64 * M, "swap": -1}}),
    "reservation": (HostSpec(memory_reservation=M), {"memory": {"reservation": M}}),
    "kernel memory for TCP": (HostSpec(kernel_memory_tcp=M), {"memory": {"kernelTCP": M}}),
    "swappiness": (HostSpec(memory_swappiness=0), {"memory": {"swappiness": 0}}),
    "swappiness not said": (HostSpec(memory_swappiness=-1), {}),
    "no killing for memory": (
        HostSpec(memory=64 * M, oom_kill_disable=True),
        {"memory": {"limit": 64 * M, "swap": 128 * M, "disableOOMKiller": True}},
    ),
    "killing for memory": (HostSpec(oom_kill_disable=False), {}),
    "shares": (HostSpec(cpu_shares=512), {"cpu": {"shares": 512}}),
    "cpus": (HostSpec(nano_cpus=1_500_000_000), {"cpu": {"period": 100000, "quota": 150000}}),
    "period and quota": (HostSpec(cpu_period=50000, cpu_quota=25000), {"cpu": {"period": 50000, "quota": 25000}}),
    "quota": (HostSpec(cpu_quota=25000), {"cpu": {"quota": 25000}}),
    "real time": (
        HostSpec(cpu_realtime_period=1000, cpu_realtime_runtime=500),
        {"cpu": {"realtimePeriod": 1000, "realtimeRuntime": 500}},
    ),
    "processors and nodes": (HostSpec(cpuset_cpus="0-1", cpuset_mems="0"), {"cpu": {"cpus": "0-1", "mems": "0"}}),
    "pids": (HostSpec(pids_limit=9), {"pids": {"limit": 9}}),
    "any number of pids": (HostSpec(pids_limit=-5), {"pids": {"limit": -1}}),
    "pids not said": (HostSpec(pids_limit=0), {}),
    "block weight": (HostSpec(blkio_weight=300), {"blockIO": {"weight": 300}}),
    "block weight of a device": (
        HostSpec(blkio_weight_device=(WeightDevice(path="/dev/sda", weight=200),)),
        {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 200}]}},
    ),
    "read bytes": (
        HostSpec(blkio_device_read_bps=(ThrottleDevice(path="/dev/sda", rate=M),)),
        {"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": M}]}},
    ),
    "written bytes": (
        HostSpec(blkio_device_write_bps=(ThrottleDevice(path="/dev/sda", rate=M),)),
        {"blockIO": {"throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": M}]}},
    ),
    "reads": (
        HostSpec(blkio_device_read_iops=(ThrottleDevice(path="/dev/sda", rate=7),)),
        {"blockIO": {"throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 7}]}},
    ),
    "writes": (
        HostSpec(blkio_device_write_iops=(ThrottleDevice(path="/dev/sda", rate=7),)),
        {"blockIO": {"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 7}]}},
    ),
    "huge pages": (
        HostSpec(annotations={"boxship.hugepages.2MB": "64m", "other": "x"}),
        {"hugepageLimits": [{"pageSize": "2MB", "limit": 64 * M}]},
    ),
}


@pytest.mark.parametrize(("spec", "wanted"), CASES.values(), ids=CASES)
def test_resources(spec: HostSpec, wanted: dict[str, Any]) -> None:
    assert resources(spec, facts(), SDA) == (wanted, ())


LACKING: dict[str, tuple[HostSpec, str, str]] = {
    "memory": (HostSpec(memory=M), "memory", "memory limit capabilities or the cgroup is not mounted. Limitation"),
    "reservation": (HostSpec(memory_reservation=M), "memory_reservation", "memory soft limit capabilities"),
    "kernel memory": (HostSpec(kernel_memory_tcp=M), "kernel_memory_tcp", "kernel memory TCP limit"),
    "swappiness": (HostSpec(memory_swappiness=3), "swappiness", "memory swappiness capabilities"),
    "killing": (HostSpec(oom_kill_disable=True), "oom_kill_disable", "OomKillDisable. OomKillDisable discarded."),
    "shares": (HostSpec(cpu_shares=3), "cpu_shares", "CPU shares or the cgroup is not mounted. Shares discarded."),
    "quota": (HostSpec(cpu_quota=3), "cpu_cfs", "CPU CFS scheduler. CPU period/quota discarded."),
    "real time": (HostSpec(cpu_realtime_period=3), "cpu_realtime", "CPU real-time scheduler"),
    "sets": (HostSpec(cpuset_cpus="0"), "cpuset", "cpuset or the cgroup is not mounted. Cpuset discarded."),
    "pids": (HostSpec(pids_limit=3), "pids", "PIDs limit capabilities or the cgroup is not mounted. PIDs limit"),
    "weight": (HostSpec(blkio_weight=10), "blkio_weight", "Block I/O weight or the cgroup is not mounted. Weight"),
    "weight of a device": (
        HostSpec(blkio_weight_device=(WeightDevice(path="/dev/sda", weight=10),)),
        "blkio_weight_device",
        "Block I/O weight_device",
    ),
    "throttle": (
        HostSpec(blkio_device_read_bps=(ThrottleDevice(path="/dev/sda", rate=1),)),
        "blkio_throttle",
        "BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.",
    ),
    "huge pages": (HostSpec(annotations={"boxship.hugepages.2MB": "1m"}), "hugetlb", "huge page limits"),
}


@pytest.mark.parametrize(("spec", "control", "text"), LACKING.values(), ids=LACKING)
def test_what_the_host_lacks_is_left_out_and_told(spec: HostSpec, control: str, text: str) -> None:
    built, told = resources(spec, facts(lacking=(control,)), SDA)
    assert built == {}
    assert len(told) == 1
    assert told[0].startswith("Your kernel does not support " + text)


def test_memory_without_swap() -> None:
    built, told = resources(HostSpec(memory=M, memory_swap=2 * M), facts(lacking=("swap",)))
    assert built == {"memory": {"limit": M}}
    assert told == (
        "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
        "Memory limited without swap.",
    )
    assert resources(HostSpec(memory=M), facts(lacking=("swap",))) == ({"memory": {"limit": M}}, ())


def test_cpus_are_never_left_out_in_silence() -> None:
    with pytest.raises(Invalid, match="NanoCPUs can not be set"):
        resources(HostSpec(nano_cpus=1), facts(lacking=("cpu_cfs",)))


def test_a_host_with_no_control_at_all_warns_of_each_wish() -> None:
    everything = HostSpec(memory=M, cpu_shares=1, cpu_quota=1, cpuset_cpus="0", pids_limit=1, blkio_weight=10)
    built, told = resources(everything, facts(lacking=tuple(CONTROLS)))
    assert (built, len(told)) == ({}, 6)


def test_memory_nodes_must_be_there() -> None:
    with pytest.raises(Invalid, match="Requested memory nodes are not available - requested 0-2, available: 0-1"):
        resources(HostSpec(cpuset_mems="0-2"), replace(facts(), memory_nodes="0-1"))


def test_no_limit_and_no_killing_is_told() -> None:
    built, told = resources(HostSpec(oom_kill_disable=True), facts())
    assert built == {"memory": {"disableOOMKiller": True}}
    assert "no memory limit is set" in told[0]


def test_a_new_container_has_device_rules_too() -> None:
    built, _ = all_resources(HostSpec(pids_limit=1), facts(), around())
    assert built["pids"] == {"limit": 1}
    assert built["devices"][0] == {"allow": False, "access": "rwm"}
