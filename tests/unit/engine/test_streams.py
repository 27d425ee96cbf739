import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from boxship.base.errors import Conflict
from boxship.base.units import parse_rfc3339
from boxship.engine.logs import Ends, Logs
from boxship.engine.streams import BACKLOG, Attachment, Streams
from boxship.host.api.runtime import Runtime
from boxship.model.status import Container, State
from tests.unit.engine.streams_fakes import FakeRuntime, Told, container, settle

ALL: dict[str, Any] = {"stdin": True, "stdout": True, "stderr": True, "stream": True, "logs": False}


class World:
    def __init__(self) -> None:
        self.runtime, self.told = FakeRuntime(), Told()
        logs = Logs(Ends(lambda _: None, self.told.bus), lambda _: pytest.fail("nobody follows"))
        self.streams = Streams(cast(Runtime, self.runtime), logs, self.told.events, self.told.clock)

    async def attach(self, subject: Container, **changes: bool) -> Attachment:
        return await self.streams.attach(subject, **{**ALL, **changes})

    def up(self, subject: Container) -> None:
        self.runtime.consoles[subject.id] = []


async def all_of(attachment: Attachment) -> list[tuple[int, bytes]]:
    return [chunk async for chunk in attachment.output()]


async def test_attached_before_the_start_it_gets_every_byte() -> None:
    world, subject = World(), container(State.CREATED)
    attachment = await world.attach(subject)
    reading = asyncio.create_task(all_of(attachment))
    await settle()
    world.up(subject)
    await world.streams.launched(subject.id)
    console = world.runtime.consoles[subject.id][0]
    console.say(b"first")
    console.say(b"oops", 2)
    console.end()
    assert await reading == [(1, b"first"), (2, b"oops")]
    assert world.told.actions == ["attach"]
    await settle()
    assert console.closed


async def test_clients_share_one_console() -> None:
    world, subject = World(), container()
    world.up(subject)
    one, two = await asyncio.gather(world.attach(subject), world.attach(subject, stderr=False))
    [console] = world.runtime.consoles[subject.id]
    console.say(b"a")
    console.say(b"b", 2)
    console.end()
    assert await all_of(one) == [(1, b"a"), (2, b"b")]
    assert await all_of(two) == [(1, b"a")]


async def test_input_goes_to_the_process_and_its_end_only_once() -> None:
    world, subject = World(), container(open_stdin=True, stdin_once=True)
    world.up(subject)
    typing, watching = await world.attach(subject), await world.attach(subject, stdin=False)
    [console] = world.runtime.consoles[subject.id]
    await typing.write(b"x")
    await watching.write(b"not mine to write")
    watching.close()
    await settle()
    assert not console.input_closed
    typing.close_input()
    await settle()
    assert (console.typed, console.input_closed, console.closed) == (b"x", True, False)
    console.say(b"still flows")
    console.end()
    assert await all_of(typing) == [(1, b"still flows")]


async def test_a_watcher_that_leaves_does_not_end_the_input_of_those_to_come() -> None:
    """The monitor would end it with its first console."""
    world, subject = World(), container(open_stdin=True, stdin_once=True)
    world.up(subject)
    (await world.attach(subject, stdin=False)).close()
    await settle()
    [console] = world.runtime.consoles[subject.id]
    assert not console.closed
    second = await world.attach(subject)
    await second.write(b"y")
    second.close()
    await settle()
    assert (console.typed, console.input_closed, console.closed) == (b"y", True, True)


@pytest.mark.parametrize("spec", [{"open_stdin": True}, {"open_stdin": True, "stdin_once": True, "tty": True}])
async def test_input_that_outlives_its_client_is_not_ended(spec: dict[str, bool]) -> None:
    world, subject = World(), container(**spec)
    world.up(subject)
    attachment = await world.attach(subject)
    attachment.close_input()
    await settle()
    [console] = world.runtime.consoles[subject.id]
    assert not console.input_closed
    attachment.close()
    await settle()
    assert console.closed


async def test_without_open_stdin_nothing_is_typed() -> None:
    world, subject = World(), container()
    world.up(subject)
    attachment = await world.attach(subject)
    assert not attachment.stdin
    await attachment.write(b"x")
    assert world.runtime.consoles[subject.id][0].typed == b""


async def test_what_is_typed_before_the_start_waits_for_it() -> None:
    world, subject = World(), container(State.CREATED, open_stdin=True, stdin_once=True)
    attachment = await world.attach(subject)
    writing = asyncio.create_task(attachment.write(b"early"))
    attachment.close_input()
    await settle()
    assert not writing.done()
    world.up(subject)
    await world.streams.launched(subject.id)
    await settle()
    console = world.runtime.consoles[subject.id][0]
    assert (console.typed, console.input_closed) == (b"early", True)


async def test_a_slow_client_holds_the_process_back_and_its_leaving_frees_it() -> None:
    world, subject = World(), container()
    world.up(subject)
    slow, quick = await world.attach(subject), await world.attach(subject)
    [console] = world.runtime.consoles[subject.id]
    reading = asyncio.create_task(all_of(quick))
    for number in range(BACKLOG * 3):
        console.say(b"%d" % number)
    console.end()
    await settle()
    await asyncio.sleep(0.01)
    assert console.out.qsize() > BACKLOG
    slow.close()
    assert len(await asyncio.wait_for(reading, 5)) == BACKLOG * 3


async def test_a_container_that_never_starts_lets_its_clients_go() -> None:
    world, subject = World(), container(State.CREATED, open_stdin=True)
    attachment = await world.attach(subject)
    reading, writing = asyncio.create_task(all_of(attachment)), asyncio.create_task(attachment.write(b"x"))
    await settle()
    world.streams.ended(subject.id)
    assert await asyncio.wait_for(reading, 5) == []
    await asyncio.wait_for(writing, 5)


async def test_each_run_has_clients_of_its_own() -> None:
    world, subject = World(), container()
    world.up(subject)
    first = await world.attach(subject)
    world.runtime.consoles[subject.id][0].end()
    assert await all_of(first) == []
    await settle()
    second = await world.attach(subject)
    world.runtime.consoles[subject.id][1].say(b"again")
    world.runtime.consoles[subject.id][1].end()
    assert await all_of(second) == [(1, b"again")]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State.PAUSED, "is paused, unpause the container before attach"),
        (State.RESTARTING, "is restarting, wait until the container is running"),
    ],
)
async def test_states_that_refuse(state: State, text: str) -> None:
    with pytest.raises(Conflict, match=text):
        await World().attach(container(state))


async def test_a_size_asked_for_before_the_start_is_set_at_the_start() -> None:
    world, subject = World(), container(State.CREATED, tty=True)
    world.streams.resize(subject, 40, 120)
    world.streams.resize(subject, 50, 132)
    assert world.runtime.sizes == []
    world.up(subject)
    await world.streams.launched(subject.id)
    assert world.runtime.sizes == [(subject.id, 50, 132)]
    world.streams.resize(container(tty=True), 24, 80)
    assert world.runtime.sizes[-1] == (subject.id, 24, 80)
    assert world.told.actions == ["resize"] * 3


async def test_what_has_ended_has_no_size() -> None:
    with pytest.raises(Conflict, match="is not running"):
        World().streams.resize(container(State.EXITED), 24, 80)


async def test_without_stream_it_ends_at_once() -> None:
    world, subject = World(), container()
    attachment = await world.attach(subject, stream=False)
    assert await asyncio.wait_for(all_of(attachment), 5) == []


async def test_the_past_comes_first_and_ends_where_the_stream_begins(tmp_path: Path) -> None:
    world, subject = World(), container()
    log = tmp_path / "log"
    world.told.clock.advance(parse_rfc3339("2026-11-21T10:00:01Z") - world.told.clock.now())
    lines = [f"2026-11-21T10:00:0{second}Z stdout F line {second}" for second in (0, 1, 2)]
    log.write_text("\n".join(lines) + "\n")
    subject = structs.replace(subject, log_path=str(log))
    world.up(subject)
    attachment = await world.attach(subject, logs=True)
    console = world.runtime.consoles[subject.id][0]
    console.say(b"line 2\n")
    console.end()
    assert [data for _, data in await all_of(attachment)] == [b"line 0\n", b"line 1\n", b"line 2\n"]
