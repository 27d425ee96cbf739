"""The rotator with a monitor that makes its new file as it is told, late, or never."""

import asyncio
import gzip
import os
from pathlib import Path
from typing import cast

import pytest

from boxship.engine.logs import Rotator, rotator
from boxship.host.api.runtime import Runtime
from boxship.model.container import ContainerSpec, HostSpec, LogSpec
from boxship.model.status import Container, ContainerStatus, State

LINE = b"2026-11-21T10:00:00Z stdout F x\n"


class Monitor:
    """Writes the log of one container; `deaf` ignores orders until it is told to `catch_up`."""

    def __init__(self, path: Path, **options: str) -> None:
        self.path = path
        self.deaf = False
        self.orders = 0
        config = {name.replace("_", "-"): value for name, value in options.items()}
        self.container = Container(
            id="c" * 64, name="web", created=1, image_id="sha256:1", group="", log_path=str(path),
            spec=ContainerSpec(host=HostSpec(log_config=LogSpec(type="json-file", config=config))),
            status=ContainerStatus(state=State.RUNNING),
        )  # fmt: skip
        self._open()

    def _open(self) -> None:
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115

    def write(self, count: int) -> None:
        self._file.write(LINE * count)

    def reopen_log(self, id: str) -> None:
        self.orders += 1
        if not self.deaf:
            self._open()

    def catch_up(self) -> None:
        self._open()

    def rotator(self) -> Rotator:
        return Rotator(lambda: [self.container], cast(Runtime, self))

    @property
    def files(self) -> list[str]:
        return sorted(os.listdir(self.path.parent))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


async def settle(service: Rotator) -> None:
    await asyncio.gather(*service._tasks._tasks)


async def test_a_log_that_is_too_large_begins_a_new_file(path: Path) -> None:
    monitor = Monitor(path, max_size="1k", max_file="3")
    service = monitor.rotator()
    monitor.write(10)
    await service.look()
    assert monitor.files == ["log"]
    monitor.write(30)
    await service.look()
    assert monitor.files == ["log", "log.1"]
    monitor.write(40)
    await service.look()
    monitor.write(1)
    assert monitor.files == ["log", "log.1", "log.2"]
    assert path.read_bytes() == LINE


async def test_older_ones_are_packed_in_the_background(path: Path) -> None:
    monitor = Monitor(path, max_size="1k", max_file="3", compress="true")
    service = monitor.rotator()
    for _ in range(4):
        monitor.write(40)
        await service.look()
        await settle(service)
    assert monitor.files == ["log", "log.1", "log.2.gz"]
    assert gzip.decompress((path.parent / "log.2.gz").read_bytes()) == LINE * 40
    await service.aclose()


async def test_what_a_daemon_left_half_done_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotator, "PATIENCE", 0.05)
    monitor = Monitor(path, max_size="1k", max_file="3")
    os.rename(path, f"{path}.1")  # then it was killed
    service = monitor.rotator()
    await service.look()
    assert monitor.orders == 0, "the order may be on its way"
    await asyncio.sleep(0.06)
    await service.look()
    assert monitor.orders == 1
    assert monitor.files == ["log", "log.1"]


async def test_a_monitor_that_is_slow_is_not_told_twice_at_once(path: Path) -> None:
    monitor = Monitor(path, max_size="1k", max_file="3")
    monitor.deaf = True
    service = monitor.rotator()
    monitor.write(40)
    await service.look()
    await service.look()
    assert monitor.orders == 1
    monitor.catch_up()
    await service.look()
    assert monitor.orders == 1
    assert monitor.files == ["log", "log.1"]


async def test_what_does_not_run_is_left_alone(path: Path) -> None:
    import msgspec

    monitor = Monitor(path, max_size="1k")
    monitor.write(100)
    status = ContainerStatus(state=State.EXITED)
    monitor.container = msgspec.structs.replace(monitor.container, status=status)
    await monitor.rotator().look()
    assert monitor.files == ["log"]


async def test_fast_growth_is_looked_at_more_often(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotator, "HURRY", 0.01)
    monkeypatch.setattr(rotator, "PERIOD", 0.3)
    monitor = Monitor(path, max_size="10k", max_file="1000")
    service = monitor.rotator()
    service.start()
    for _ in range(100):
        monitor.write(10)
        await asyncio.sleep(0.01)
    await service.aclose()
    sizes = [(path.parent / name).stat().st_size for name in monitor.files]
    assert len(sizes) > 2, "by looks at all alone there would be 4 files of 10 kB and more"
    assert sorted(sizes)[len(sizes) // 2] < 14_000
