"""The expected messages were taken from a dockerd 20.10 on a host with the first cgroup version."""

from boxship.base.units import parse_rfc3339
from boxship.engine.sample import Sample, Traffic
from boxship.front.docker.wire.stats import render
from boxship.host.api.cgroups import BlockEntry, BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats

NO_CPU = {
    "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
    "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
}
LISTS = [
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
]  # fmt: skip
SAMPLE = Sample(
    time=parse_rfc3339("2026-11-21T10:43:32.132093069Z"),
    cgroup=CgroupStats(
        cpu=CpuStats(total=25834483, user=10000000, per_cpu=(6338040, 19496443)),
        memory=MemoryStats(usage=716800, peak=4337664, details={"cache": 0, "rss": 118784}, limit=None),
        pids=PidsStats(current=2),
    ),
    system=7096500000000,
    cpus=2,
    memory_total=25276502016,
    networks={"eth0": Traffic(486, 5, 0, 0, 0, 0, 0, 0)},
)


def test_the_first_of_a_running_container() -> None:
    assert render("st_ref", "b2f7", SAMPLE, None) == {
        "read": "2026-11-21T10:43:32.132093069Z",
        "preread": "0001-01-01T00:00:00Z",
        "pids_stats": {"current": 2},
        "blkio_stats": {name: [] for name in LISTS},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {
            "cpu_usage": {
                "total_usage": 25834483,
                "percpu_usage": [6338040, 19496443],
                "usage_in_kernelmode": 0,
                "usage_in_usermode": 10000000,
            },
            "system_cpu_usage": 7096500000000,
            "online_cpus": 2,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "precpu_stats": NO_CPU,
        "memory_stats": {
            "usage": 716800,
            "max_usage": 4337664,
            "stats": {"cache": 0, "rss": 118784},
            "limit": 25276502016,
        },
        "name": "/st_ref",
        "id": "b2f7",
        "networks": {
            "eth0": {
                "rx_bytes": 486, "rx_packets": 5, "rx_errors": 0, "rx_dropped": 0,
                "tx_bytes": 0, "tx_packets": 0, "tx_errors": 0, "tx_dropped": 0,
            }
        },
    }  # fmt: skip


def test_the_next_one_has_the_one_before() -> None:
    shown = render("x", "i", SAMPLE, SAMPLE)
    assert shown["precpu_stats"] == shown["cpu_stats"]
    assert shown["preread"] == shown["read"]


def test_what_does_not_run_is_mostly_empty() -> None:
    for before in (None, SAMPLE):
        assert render("st_ref", "b2f7", None, before) == {
            "read": "0001-01-01T00:00:00Z",
            "preread": "0001-01-01T00:00:00Z",
            "pids_stats": {},
            "blkio_stats": dict.fromkeys(LISTS),
            "num_procs": 0,
            "storage_stats": {},
            "cpu_stats": NO_CPU,
            "precpu_stats": NO_CPU,
            "memory_stats": {},
            "name": "/st_ref",
            "id": "b2f7",
        }


def test_the_second_version_counts_bytes_only() -> None:
    block = BlockStats(bytes=(BlockEntry(8, 0, "read", 4096),), requests=(BlockEntry(8, 0, "read", 1),))
    cgroup = CgroupStats(
        cpu=CpuStats(total=5, user=2, system=3, periods=1, throttled_periods=1, throttled=9),
        memory=MemoryStats(usage=10, limit=100, details={"anon": 1}, failures=2),
        pids=PidsStats(current=1, limit=50), block=block, unified=True,
    )  # fmt: skip
    shown = render("x", "i", Sample(time=1, cgroup=cgroup, system=1, cpus=1, memory_total=1 << 40), None)
    entry = {"major": 8, "minor": 0, "op": "read", "value": 4096}
    assert shown["blkio_stats"] == {**dict.fromkeys(LISTS), "io_service_bytes_recursive": [entry]}
    assert "percpu_usage" not in shown["cpu_stats"]["cpu_usage"]
    assert shown["cpu_stats"]["throttling_data"] == {"periods": 1, "throttled_periods": 1, "throttled_time": 9}
    assert shown["memory_stats"] == {"usage": 10, "stats": {"anon": 1}, "failcnt": 2, "limit": 100}
    assert shown["pids_stats"] == {"current": 1, "limit": 50}
    assert "networks" not in shown


def test_the_first_version_counts_requests_too() -> None:
    block = BlockStats(bytes=(BlockEntry(8, 0, "Total", 7),), requests=(BlockEntry(8, 0, "Total", 1),))
    sample = Sample(time=1, cgroup=CgroupStats(block=block), system=1, cpus=1, memory_total=1)
    assert render("x", "i", sample, None)["blkio_stats"]["io_serviced_recursive"][0]["value"] == 1
