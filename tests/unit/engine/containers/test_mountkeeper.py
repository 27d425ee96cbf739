"""The keeper of mounts: sees what is missing for containers that run, mends what stays missing, leaves motion alone."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from boxship.base.bus import Bus
from boxship.base.clock import ManualClock
from boxship.base.errors import KernelError
from boxship.engine.containers import mountkeeper
from boxship.engine.containers.mountkeeper import MountKeeper
from boxship.engine.events import Events
from boxship.host.api.inside import Addition
from boxship.model.container import ContainerSpec
from boxship.model.status import Container, ContainerStatus, MountPoint, State

MOUNTS = (
    MountPoint(type="image", destination="/i", source="/places/image"),
    MountPoint(type="volume", destination="/v", source="/volumes/v", name="v"),
    MountPoint(type="volume", destination="/part", source="/places/part", name="p", subpath="x"),
    MountPoint(type="bind", destination="/b", source="/host"),
    MountPoint(type="bind", destination="/m", source="/host", place="/places/mapped"),
)
ALL = {"/roots/c", "/places/image", "/volumes/v", "/places/part", "/places/mapped"}


def container(state: State = State.RUNNING) -> Container:
    status = ContainerStatus(state=state, pid=7)
    return Container(
        id="c", name="web", created=0, image_id="i", group="c", spec=ContainerSpec(), status=status, mounts=MOUNTS
    )


class Host:
    """Records, namespace and mount table in one."""

    def __init__(self) -> None:
        self.there = set(ALL)
        self.containers = [container()]
        self.moving = False
        self.broken = False
        self.shown: list[tuple[str, str]] = []
        self.stirred = asyncio.Event()
        self.on_whole: Callable[[], object] = lambda: None

    def all(self) -> list[Container]:
        return self.containers

    def busy(self, container_id: str) -> bool:
        return self.moving

    def add(self, pid: int, addition: Addition) -> None: ...

    def remove(self, pid: int, target: str) -> None: ...

    def mounted(self, pid: int) -> frozenset[str]:
        return frozenset()

    def show(self, pid: int, inside: str, target: str) -> None:
        self.shown.append((inside, target))
        if self.broken:
            self.there.add(target)
            raise KernelError("no such process")
        self.there.add(target)
        if self.there == ALL:
            self.on_whole()

    async def changes(self, settle: float) -> AsyncIterator[None]:
        while True:
            await self.stirred.wait()
            self.stirred.clear()
            yield


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(mountkeeper, "SETTLE", 0.001)
    return Host()


def keeper(host: Host, bus: Bus | None = None) -> MountKeeper:
    return MountKeeper(
        host, host, Events(bus or Bus(), ManualClock()), root=lambda c: f"/roots/{c.id}",
        device=lambda point: point.source if point.name == "v" else "", mounted=lambda: host.there,
        changes=host.changes,
    )  # fmt: skip


def test_all_is_well(host: Host) -> None:
    assert keeper(host).missing() == []


@pytest.mark.parametrize("path", sorted(ALL))
def test_each_kind_is_missed(host: Host, path: str) -> None:
    host.there.discard(path)
    assert [wanted.path for wanted in keeper(host).missing()] == [path]


def test_what_does_not_run_or_moves_is_left_alone(host: Host) -> None:
    host.there.clear()
    host.moving = True
    assert keeper(host).missing() == []
    host.moving, host.containers = False, [container(State.EXITED)]
    assert keeper(host).missing() == []


async def test_what_stays_missing_is_mended_and_told(host: Host) -> None:
    bus, whole, loop = Bus(), asyncio.Event(), asyncio.get_running_loop()
    host.on_whole = lambda: loop.call_soon_threadsafe(whole.set)
    found = keeper(host, bus)
    found.start()
    try:
        host.there -= {"/roots/c", "/volumes/v"}
        host.stirred.set()
        async with asyncio.timeout(30):
            await whole.wait()
    finally:
        await found.aclose()
    assert host.shown == [("/", "/roots/c"), ("/v", "/volumes/v")]
    assert next(event.action for event in bus.past()) == "repair"


async def test_what_cannot_be_mended_is_no_end(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.broken = True
    host.there.discard("/roots/c")
    (wanted,) = keeper(host).missing()
    await keeper(host).mend(wanted)
    assert "could not be repaired: no such process" in caplog.text
