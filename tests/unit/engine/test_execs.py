import asyncio
from typing import Any, cast

import pytest

from boxship.base.errors import CommandNotFound, CommandNotRunnable, Conflict, Invalid, NotFound, RuntimeFailed
from boxship.base.units import SECOND
from boxship.engine import execs as engine
from boxship.engine.execs import Execs, Session, code_of
from boxship.host.api.runtime import Runtime
from boxship.model.exec import ExecSpec
from boxship.model.status import Container, State
from tests.unit.engine.streams_fakes import FakeRuntime, Told, container, settle

SPEC = ExecSpec(cmd=("sh", "-c", "x"), attach_stdin=True, attach_stdout=True)
MISSING = (
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": '
    "executable file not found in $PATH: unknown"
)


class World:
    def __init__(self, subject: Container | None = None) -> None:
        self.runtime, self.told = FakeRuntime(), Told()
        self.container: Container | None = subject or container()
        self.execs = Execs(self, cast(Runtime, self.runtime), self.told.events, self.told.clock, self.process_of)

    def get(self, ref: str) -> Container:
        if self.container is None:
            raise NotFound(f"No such container: {ref}")
        return self.container

    def all(self) -> list[Container]:
        return [self.container] if self.container else []

    async def process_of(self, subject: Container, spec: ExecSpec) -> dict[str, Any]:
        return {"args": list(spec.cmd)}


async def all_of(session: Session) -> bytes:
    return b"".join([data async for _, data in session.output()])


async def test_a_life() -> None:
    world = World()
    exec_id = world.execs.create("web", SPEC)
    assert world.execs.for_container("c" * 64) == (exec_id,)
    assert not world.execs.inspect(exec_id).started
    session = await world.execs.start(exec_id, detach=False)
    assert session is not None
    [process] = world.runtime.execs
    assert process.launch.process == {"args": ["sh", "-c", "x"]}
    assert process.launch.stdin
    running = world.execs.inspect(exec_id)
    assert (running.running, running.pid, running.exit_code) == (True, 4711, None)
    assert process.console is not None
    process.console.say(b"hello")
    process.console.end()
    reading = asyncio.create_task(all_of(session))
    await settle()
    assert not reading.done(), "a client that reads to the end must find the exit code"
    process.exit(3)
    assert await reading == b"hello"
    ended = world.execs.inspect(exec_id)
    assert (ended.running, ended.exit_code) == (False, 3)
    assert world.execs.for_container("c" * 64) == ()
    assert world.told.actions == ["exec_create: sh -c x", "exec_start: sh -c x", "exec_die"]
    assert world.told.bus.past()[-1].attributes["exitCode"] == "3"
    assert world.told.bus.past()[-1].attributes["execID"] == exec_id


async def test_it_starts_once() -> None:
    world = World()
    exec_id = world.execs.create("web", SPEC)
    await world.execs.start(exec_id, detach=True)
    with pytest.raises(Conflict, match="is already running"):
        await world.execs.start(exec_id, detach=True)
    world.runtime.execs[0].exit(0)
    await settle()
    with pytest.raises(Conflict, match="has already run"):
        await world.execs.start(exec_id, detach=True)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State.PAUSED, "is paused, unpause the container before exec"),
        (State.RESTARTING, "is restarting, wait until the container is running"),
        (State.EXITED, "is not running"),
        (State.CREATED, "is not running"),
    ],
)
async def test_only_running_containers(state: State, text: str) -> None:
    world = World(container(state))
    with pytest.raises(Conflict, match=text):
        world.execs.create("web", SPEC)
    world.container = container()
    exec_id = world.execs.create("web", SPEC)
    world.container = container(state)
    with pytest.raises(Conflict, match=text):
        await world.execs.start(exec_id, detach=False)


async def test_a_failure_to_start_is_the_only_output_and_gives_the_code() -> None:
    world = World()
    world.runtime.refusal = CommandNotFound(MISSING)
    exec_id = world.execs.create("web", SPEC)
    session = await world.execs.start(exec_id, detach=False)
    assert session is not None
    assert await all_of(session) == MISSING.encode() + b"\r\n"
    assert world.execs.inspect(exec_id).exit_code == 127


async def test_what_is_refused_before_the_runtime_is_asked_counts_as_not_invocable() -> None:
    world = World()
    world.runtime.refusal = Invalid("unable to find user nosuch: no matching entries in passwd file")
    exec_id = world.execs.create("web", SPEC)
    session = await world.execs.start(exec_id, detach=False)
    assert session is not None
    assert await all_of(session) == b"unable to find user nosuch: no matching entries in passwd file\r\n"
    assert world.execs.inspect(exec_id).exit_code == 126


async def test_a_failure_that_shows_later_too() -> None:
    world = World()
    exec_id = world.execs.create("web", SPEC)
    session = await world.execs.start(exec_id, detach=False)
    assert session is not None
    [process] = world.runtime.execs
    assert process.console is not None
    process.console.say(b"the runtime's own words", 2)
    process.console.end()
    process.fail(CommandNotFound(MISSING))
    assert await all_of(session) == MISSING.encode() + b"\r\n"
    assert world.execs.inspect(exec_id).exit_code == 127


async def test_a_failure_to_start_detached_is_the_callers() -> None:
    world = World()
    world.runtime.refusal = CommandNotFound(MISSING)
    with pytest.raises(CommandNotFound, match="executable file not found"):
        await world.execs.start(world.execs.create("web", SPEC), detach=True)
    world.runtime.refusal = RuntimeFailed("crun: something else")
    with pytest.raises(RuntimeFailed):
        await world.execs.start(world.execs.create("web", SPEC), detach=True)


CODES = {
    CommandNotFound(MISSING): 127,
    CommandNotRunnable("exec: /etc/passwd: permission denied: unknown"): 126,
    Invalid("unable to find user nobody2: no matching entries in passwd file"): 126,
    RuntimeFailed("cannot join the namespace"): 128,
}


@pytest.mark.parametrize(("error", "code"), CODES.items())
def test_codes(error: Exception, code: int) -> None:
    assert code_of(error) == code


async def test_sizes_are_remembered_until_it_starts() -> None:
    world = World()
    exec_id = world.execs.create("web", ExecSpec(cmd=("sh",), tty=True, console_size=(10, 20)))
    world.execs.resize(exec_id, 30, 90)
    await world.execs.start(exec_id, detach=False)
    [process] = world.runtime.execs
    assert process.launch.size == (30, 90)
    world.execs.resize(exec_id, 31, 91)
    assert process.sizes == [(31, 91)]
    process.exit(0)
    await settle()
    with pytest.raises(Conflict):
        world.execs.resize(exec_id, 1, 1)


async def test_the_size_given_at_the_start_wins() -> None:
    world = World()
    exec_id = world.execs.create("web", ExecSpec(cmd=("sh",), tty=True, console_size=(10, 20)))
    await world.execs.start(exec_id, detach=False, size=(40, 100))
    assert world.runtime.execs[0].launch.size == (40, 100)


async def test_ended_ones_are_forgotten_in_time() -> None:
    world = World()
    exec_id = world.execs.create("web", SPEC)
    await world.execs.start(exec_id, detach=True)
    world.runtime.execs[0].exit(0)
    await settle()
    world.told.clock.advance(299 * SECOND)
    world.execs.create("web", SPEC)
    assert world.execs.inspect(exec_id).exit_code == 0
    world.told.clock.advance(2 * SECOND)
    world.execs.create("web", SPEC)
    with pytest.raises(NotFound, match=f"No such exec instance: {exec_id}"):
        world.execs.inspect(exec_id)


async def test_those_of_a_container_that_is_gone_are_unknown() -> None:
    world = World()
    exec_id = world.execs.create("web", SPEC)
    world.container = None
    with pytest.raises(NotFound, match=f"No such exec instance: {exec_id}"):
        world.execs.inspect(exec_id)


async def test_a_grandchild_that_holds_the_output_does_not_hold_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LINGER", 0.02)
    world = World()
    session = await world.execs.start(world.execs.create("web", SPEC), detach=False)
    assert session is not None
    reading = asyncio.create_task(all_of(session))
    [process] = world.runtime.execs
    assert process.console is not None
    process.exit(0)
    process.console.say(b"late")
    assert await asyncio.wait_for(reading, 5) == b"late"


async def test_no_command_no_exec() -> None:
    with pytest.raises(Invalid, match="No exec command specified"):
        World().execs.create("web", ExecSpec(cmd=()))
