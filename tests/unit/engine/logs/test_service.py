"""Reading logs of containers that run and end, with real files and inotify."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from boxship.base.bus import Bus, Event
from boxship.base.errors import Unsupported
from boxship.engine.logs import Ends, LogQuery, Logs
from boxship.host.watch import Watch
from boxship.model.container import ContainerSpec, HostSpec, LogSpec
from boxship.model.status import Container, ContainerStatus, State

STAMP = "2026-11-21T10:00:00.000000001+00:00"


def container(tmp_path: Path, state: State, log: LogSpec | None = None) -> Container:
    return Container(
        id="c" * 64,
        name="web",
        created=1,
        image_id="sha256:1",
        group="c" * 64,
        spec=ContainerSpec(image="img", env=("A=1",), host=HostSpec(log_config=log or LogSpec(type="json-file"))),
        status=ContainerStatus(state=state),
        log_path=str(tmp_path / "container.log"),
    )


class World:
    def __init__(self, subject: Container) -> None:
        self.now: Container | None = subject
        self.bus = Bus()
        self.watch = Watch()
        self.logs = Logs(Ends(lambda _: self.now, self.bus), self.watch.stirred)

    def die(self) -> None:
        assert self.now is not None
        status = structs.replace(self.now.status, state=State.EXITED)
        self.now = structs.replace(self.now, status=status)
        self.bus.publish(Event(kind="container", action="die", id=self.now.id, time=1))

    async def read(self, **query: object) -> list[bytes]:
        assert self.now is not None
        batches = self.logs.read(self.now, LogQuery(**query))  # type: ignore[arg-type]
        return [line.text async for batch in batches for line in batch]


def say(tmp_path: Path, *lines: str) -> None:
    with open(tmp_path / "container.log", "a") as log:
        log.writelines(f"{STAMP} stdout F {line}\n" for line in lines)


async def test_following_ends_with_the_container_and_has_its_last_line(tmp_path: Path) -> None:
    world = World(container(tmp_path, State.RUNNING))
    say(tmp_path, "one")
    reading = asyncio.create_task(world.read(follow=True))
    await asyncio.sleep(0.05)
    say(tmp_path, "two")
    await asyncio.sleep(0.05)
    assert not reading.done()
    say(tmp_path, "three")
    world.die()
    assert await asyncio.wait_for(reading, 5) == [b"one\n", b"two\n", b"three\n"]
    world.watch.close()


async def test_a_container_that_does_not_run_is_not_followed(tmp_path: Path) -> None:
    world = World(container(tmp_path, State.EXITED))
    assert await world.read(follow=True) == []
    say(tmp_path, "old")
    assert await world.read(follow=True) == [b"old\n"]


async def test_a_container_that_ended_since_we_looked(tmp_path: Path) -> None:
    world = World(container(tmp_path, State.RUNNING))
    say(tmp_path, "last")
    before = world.now
    world.die()
    assert before is not None
    batches = [batch async for batch in world.logs.read(before, LogQuery(follow=True))]
    assert [line.text for batch in batches for line in batch] == [b"last\n"]


async def test_following_ends_at_a_time(tmp_path: Path) -> None:
    import time

    world = World(container(tmp_path, State.RUNNING))
    say(tmp_path, "one")
    asked = world.read(follow=True, until=time.time_ns() + 100_000_000)
    assert await asyncio.wait_for(asked, 5) == [b"one\n"]
    world.watch.close()


async def test_many_followers_share_one_watch(tmp_path: Path) -> None:
    world = World(container(tmp_path, State.RUNNING))
    say(tmp_path, "one")
    readings = [asyncio.create_task(world.read(follow=True)) for _ in range(5)]
    await asyncio.sleep(0.05)
    say(tmp_path, "two")
    await asyncio.sleep(0.05)
    readings.pop().cancel()
    await asyncio.sleep(0)
    say(tmp_path, "three")
    world.die()
    for reading in readings:
        assert await asyncio.wait_for(reading, 5) == [b"one\n", b"two\n", b"three\n"]
    assert world.watch._heard == {}
    world.watch.close()


async def test_none_cannot_be_read(tmp_path: Path) -> None:
    world = World(container(tmp_path, State.RUNNING, LogSpec(type="none")))
    with pytest.raises(Unsupported, match="configured logging driver does not support reading"):
        await world.read()


async def test_attributes(tmp_path: Path) -> None:
    log = LogSpec(type="json-file", config={"env": "A", "tag": "{{.Name}}"})
    subject = container(tmp_path, State.RUNNING, log)
    assert World(subject).logs.attributes(subject) == {"A": "1", "tag": "web"}
