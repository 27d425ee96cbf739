"""kill -9 at every single point where the daemon touches the world; the next one brings all to the same end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from boxship.base.errors import Conflict, NotFound, Unchanged
from boxship.engine.states import LIVE, UP
from boxship.host.fake.machine import Program
from boxship.model.container import ContainerSpec, HostSpec, RestartPolicy

Step = Callable[[Any, Any], Awaitable[None]]  # (world, engine)


def create(name: str, **asked: Any) -> Step:
    host = HostSpec(**asked.pop("host", {}))

    async def step(w: Any, engine: Any) -> None:
        with suppress(Conflict):  # it was made before the crash
            await engine.create(ContainerSpec(image="busybox", host=host, **asked), name)

    return step


def do(verb: str, name: str, **options: Any) -> Step:
    async def step(w: Any, engine: Any) -> None:
        with suppress(Unchanged, NotFound):  # it was done before the crash
            await getattr(engine, verb)(name, **options)

    return step


def kill(name: str) -> Step:
    async def step(w: Any, engine: Any) -> None:
        with suppress(NotFound, Conflict):
            await engine.kill(name)

    return step


def pausing(verb: str, name: str) -> Step:
    async def step(w: Any, engine: Any) -> None:
        with suppress(Conflict):
            await getattr(engine, verb)(name)

    return step


def rename(name: str, new: str) -> Step:
    async def step(w: Any, engine: Any) -> None:
        with suppress(NotFound):
            await engine.rename(name, new)

    return step


def behave(**program: Any) -> Step:
    async def step(w: Any, engine: Any) -> None:
        w.machine.default = Program(**program)

    return step


def sleep(seconds: float) -> Step:
    async def step(w: Any, engine: Any) -> None:
        await asyncio.sleep(seconds)

    return step


STORIES: dict[str, list[Step]] = {
    "start, stop, start, kill, remove": [
        create("web"), do("start", "web"), do("stop", "web"), do("start", "web"), kill("web"), do("remove", "web"),
    ],
    "start and stop": [create("web", volumes=("/data",)), do("start", "web"), do("stop", "web")],
    "running on": [create("web", volumes=("/data",)), do("start", "web")],
    "a grace that runs out": [behave(deaf=(15,)), create("web"), do("start", "web"), do("stop", "web", grace=2)],
    "removed by force": [
        create("web", volumes=("/data",)), do("start", "web"), do("remove", "web", force=True, volumes=True),
    ],
    "one short run": [behave(lasts=1, code=3), create("web"), do("start", "web"), sleep(90)],
    "one short run, then removed by itself": [
        behave(lasts=1, code=3), create("web", volumes=("/d",), host={"auto_remove": True}),
        do("start", "web"), sleep(90),
    ],
    "kept up by its policy, then stopped": [
        behave(lasts=1, code=143), create("web", host={"restart_policy": RestartPolicy(name="always")}),
        do("start", "web"), sleep(4), do("stop", "web"),
    ],
    "two tries": [
        behave(lasts=0.1, code=1),
        create("web", host={"restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=2)}),
        do("start", "web"), sleep(90),
    ],
    "pause, unpause, restart, rename": [
        create("web"), do("start", "web"), pausing("pause", "web"), pausing("unpause", "web"), do("restart", "web"),
        rename("web", "front"),
    ],
    "paused and stopped": [create("web"), do("start", "web"), pausing("pause", "web"), do("stop", "web")],
    "a group of two": [
        create("web"), do("start", "web"), create("side", host={"network_mode": "container:web"}), do("start", "side"),
        do("stop", "web"), do("stop", "side"), do("remove", "side"), do("remove", "web"),
    ],
}  # fmt: skip


async def tell(w: Any, engine: Any, story: list[Step], done: list[int]) -> None:
    for number, step in enumerate(story):
        if number >= len(done):
            await step(w, engine)
            done.append(number)


async def quiet(w: Any, engine: Any) -> None:
    """Give every worker time for what it owes, but no time for a grace or a restart to pass."""
    await asyncio.sleep(0.01)


def invariants(w: Any, engine: Any) -> None:
    """What must hold at rest, whatever happened before."""
    known = {c.id: c for c in engine.all()}
    for container_id, instance in w.machine.instances.items():
        assert container_id in known, "a process that no record knows"
        assert known[container_id].status.state in LIVE, "a process or its remains behind a container that is down"
        assert instance.alive
    for c in known.values():
        if c.status.state in LIVE:
            assert w.machine.instances[c.id].pid == c.status.pid
        if c.status.state not in UP:
            assert str(engine._parts.layers._inner.merged(c)) not in w.machine.mounts
    assert w.machine.netns <= {c.group for c in known.values() if c.status.state in LIVE}
    home = w.options.data_root / "containers"
    assert {d.name for d in home.iterdir()} <= set(known) if home.is_dir() else True
    assert all(any(v.startswith(i[:8]) for i in known) for v in w.volumes.there), "a volume nobody has"


async def live_and_die(w: Any, blows: Any, story: list[Step], done: list[int]) -> bool:
    """One daemon's life, from taking over to the blowing of its fuse; tell whether it came to the story's end."""
    engine = w.daemon(blows)

    async def life() -> None:
        await engine.recover()
        await tell(w, engine, story, done)
        await quiet(w, engine)

    return await w.until_killed(life(), blows)


async def survive(w: Any, fuses: list[Any], story: list[Step], downtime: float) -> tuple[bool, list[str]]:
    """Let one daemon after the other die, then one live. Returns (whether the last fuse stayed whole, how the
    world looks at the end)."""
    done: list[int] = []
    unharmed = False
    for blows in fuses:
        unharmed = await live_and_die(w, blows, story, done)
        await asyncio.sleep(downtime)
    engine = await w.up()
    await quiet(w, engine)
    invariants(w, engine)
    await tell(w, engine, story, done)
    await quiet(w, engine)
    invariants(w, engine)
    return unharmed, w.portrait(engine)


def undisturbed(play: Any, story: list[Step]) -> list[str]:
    """How the world looks after a life without crashes."""
    end: list[str] = []

    async def script(w: Any) -> None:
        engine = await w.up()
        await tell(w, engine, story, [])
        await quiet(w, engine)
        invariants(w, engine)
        end.extend(w.portrait(engine))

    play(script)
    return end


def disturbed(play: Any, fuse: Any, points: list[int], story: list[Step], downtime: float) -> tuple[bool, list[str]]:
    outcome: list[Any] = []

    async def script(w: Any) -> None:
        fuses = [fuse(point) for point in points]
        try:
            outcome.extend(await survive(w, fuses, story, downtime))
        except BaseException as e:
            raise AssertionError(f"crash at {points}, {[f.trail[-3:] for f in fuses]}: {e!r}") from e

    play(script)
    return outcome[0], outcome[1]


@pytest.mark.parametrize("downtime", [0.0, 0.5, 30.0])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_crash_at_every_point_changes_nothing_in_the_end(
    play: Any, fuse: Any, story: list[Step], downtime: float
) -> None:
    expected = undisturbed(play, story)
    point = 0
    unharmed = False
    while not unharmed:
        point += 1
        unharmed, end = disturbed(play, fuse, [point], story, downtime)
        assert end == expected, f"crash at point {point}"
    assert point > 20


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_crash_during_the_recovery_from_a_crash(play: Any, fuse: Any, story: list[Step]) -> None:
    expected = undisturbed(play, story)
    for first in range(3, 60, 4):
        for second in (1, 2, 3, 5, 8):
            _, end = disturbed(play, fuse, [first, second], story, 0.5)
            assert end == expected, f"crash at points {first}, {second}"


def test_a_power_cut_starts_what_is_to_run(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        for name, policy in (
            ("plain", "no"),
            ("always", "always"),
            ("unless", "unless-stopped"),
            ("failing", "on-failure"),
        ):
            await create(name, host={"restart_policy": RestartPolicy(name=policy)})(w, engine)
            await engine.start(name)
        await create("temporary", host={"auto_remove": True})(w, engine)
        await engine.start("temporary")
        for name, policy in (("down", "always"), ("off", "unless-stopped")):
            await create(name, host={"restart_policy": RestartPolicy(name=policy)})(w, engine)
            await engine.start(name)
            await engine.stop(name)
        await engine.aclose()
        w.machine.power_cut()
        w.reboot()
        engine = await w.up()
        await asyncio.sleep(1)
        invariants(w, engine)
        states = {c.name: (str(c.status.state), c.status.exit_code) for c in engine.all()}
        assert states == {
            "plain": ("exited", 255),
            "always": ("running", 0),
            "unless": ("running", 0),
            "failing": ("running", 0),
            "down": ("running", 0),
            "off": ("exited", 143),
        }

    play(script)


def test_a_restart_of_the_daemon_alone_starts_nothing(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await create("down", host={"restart_policy": RestartPolicy(name="always")})(w, engine)
        await engine.start("down")
        await engine.stop("down")
        await engine.aclose()
        engine = await w.up()
        await asyncio.sleep(60)
        assert str(engine.get("down").status.state) == "exited"

    play(script)


def test_health_and_back_off_go_on_after_a_crash(play: Any, fuse: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(lasts=0.001, code=1)
        engine = await w.up()
        await create("web", host={"restart_policy": RestartPolicy(name="always")})(w, engine)
        await engine.start("web")
        await asyncio.sleep(1.55)
        before = engine.get("web").status
        assert (str(before.state), before.restart_delay) == ("restarting", 1_600_000_000)
        await engine.aclose()
        w.machine.deafen()
        engine = await w.up()
        assert engine.get("web").status == before
        await asyncio.sleep(1.6)
        assert engine.get("web").status.restart_delay == 3_200_000_000

    play(script)


def test_what_has_no_record_is_swept(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        c, _ = await engine.create(ContainerSpec(image="busybox"), "web")
        await engine.start("web")
        await engine.aclose()
        w.machine.deafen()
        await w.store.delete(f"containers/{c.id}")
        engine = await w.up()
        await asyncio.sleep(1)
        assert w.portrait(engine) == []

    play(script)


def test_a_monitor_that_died_is_told_apart_from_one_that_is_late(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        c, _ = await engine.create(ContainerSpec(image="busybox"), "web")
        await engine.start("web")
        await engine.aclose()
        w.machine.deafen()
        w.machine.instances[c.id].conmon_pid = 0
        w.machine.end(c.id, 1)
        engine = await w.up()
        await asyncio.sleep(0.1)
        assert engine.get("web").status.exit_code == 255
        assert w.machine.leftovers() == []

    play(script)
