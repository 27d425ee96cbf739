import asyncio
import time

import pytest
from msgspec import structs

from boxship.base.clock import ManualClock
from boxship.base.errors import NotFound
from boxship.engine import stats as engine
from boxship.engine.sample import Sample, Traffic, parse_cpu_time, parse_net_dev
from boxship.engine.stats import Sources, Stats
from boxship.host.api.cgroups import CgroupStats, CpuStats
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.status import Container, ContainerStatus, State

NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:  486       5    1    2    0     0          0         0       70       7    3    4    0     0       0          0
eth1:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""  # noqa: E501
STAT = "cpu  100 1 20 300 4 0 5 0 0 0\ncpu0 50 0 10 150 2 0 3 0 0 0\ncpu1 50 1 10 150 2 0 2 0 0 0\nintr 1 2\nctxt 5\n"


def test_interfaces_without_lo() -> None:
    assert parse_net_dev(NET_DEV) == {
        "eth0": Traffic(486, 5, 1, 2, 70, 7, 3, 4),
        "eth1": Traffic(1, 2, 3, 4, 9, 10, 11, 12),
    }
    assert parse_net_dev("") == {}


def test_cpu_time_is_all_but_steal_and_guest() -> None:
    assert parse_cpu_time(STAT, 10_000_000) == (430 * 10_000_000, 2)


def container(number: int, state: State = State.RUNNING, **host: object) -> Container:
    spec = ContainerSpec(host=HostSpec(**host))  # type: ignore[arg-type]
    return Container(
        id=f"{number:064x}", name=f"c{number}", created=1, image_id="sha256:1", group="", spec=spec,
        status=ContainerStatus(state=state, pid=number),
    )  # fmt: skip


class World:
    def __init__(self, count: int = 1) -> None:
        self.present = {c.id: c for c in map(container, range(count))}
        self.reads: list[str] = []
        self.gone = False
        sources = Sources(self.cgroup, lambda: (1000 * len(self.reads), 2), lambda _: NET_DEV, 1 << 30)
        self.stats = Stats(self.present.get, sources, ManualClock())

    @property
    def first(self) -> Container:
        return next(iter(self.present.values()))

    def cgroup(self, subject: Container) -> CgroupStats:
        if self.gone:
            raise NotFound("no such cgroup")
        self.reads.append(subject.id)
        return CgroupStats(cpu=CpuStats(total=len(self.reads)))

    def become(self, state: State) -> None:
        c = self.first
        self.present[c.id] = structs.replace(c, status=structs.replace(c.status, state=state))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PERIOD", 0.02)


def test_once() -> None:
    world = World()
    sample = world.stats.once(world.first)
    assert isinstance(sample, Sample)
    assert (sample.cpus, sample.memory_total, set(sample.networks or {})) == (2, 1 << 30, {"eth0", "eth1"})
    world.gone = True
    assert world.stats.once(world.first) is None
    world.become(State.EXITED)
    assert world.stats.once(world.first) is None


def test_the_hosts_network_is_not_the_containers() -> None:
    world = World(0)
    c = container(1, network_mode="host")
    world.present[c.id] = c
    sample = world.stats.once(c)
    assert sample is not None
    assert sample.networks is None


async def test_listeners_of_one_container_share_its_readings() -> None:
    world = World()
    followers = [world.stats.follow(world.first) for _ in range(10)]
    for follower in followers:
        await anext(follower)
    before = len(world.reads)
    for follower in followers:
        await anext(follower)
    assert len(world.reads) == before + 1
    for follower in followers:
        await follower.aclose()
    await world.stats.aclose()


async def test_it_reads_only_while_somebody_listens() -> None:
    world = World()
    follower = world.stats.follow(world.first)
    await anext(follower)
    await anext(follower)
    await follower.aclose()
    await asyncio.sleep(0.05)
    count = len(world.reads)
    await asyncio.sleep(0.08)
    assert len(world.reads) == count
    again = world.stats.follow(world.first)
    await anext(again)
    assert await asyncio.wait_for(anext(again), 5) is not None
    await again.aclose()
    await world.stats.aclose()


async def test_a_stop_is_seen_and_a_removal_ends_it() -> None:
    world = World()
    follower = world.stats.follow(world.first)
    assert await anext(follower) is not None
    world.become(State.EXITED)
    assert await anext(follower) is None
    world.become(State.RUNNING)
    assert await anext(follower) is not None
    world.present.clear()
    assert [sample async for sample in follower if sample] == []
    await world.stats.aclose()


async def test_a_slow_listener_gets_the_newest() -> None:
    world = World()
    follower = world.stats.follow(world.first)
    await anext(follower)
    await asyncio.sleep(0.1)
    sample = await anext(follower)
    assert sample is not None
    assert sample.cgroup.cpu.total >= 4
    await follower.aclose()
    await world.stats.aclose()


async def test_500_containers_leave_room_for_others() -> None:
    world = World(500)
    followers = [world.stats.follow(c) for c in world.present.values()]
    for follower in followers:
        await anext(follower)
    longest = 0.0
    for _ in range(30):
        start = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - start)
    assert longest < 0.1
    for follower in followers:
        assert await anext(follower) is not None
        await follower.aclose()
    await world.stats.aclose()
