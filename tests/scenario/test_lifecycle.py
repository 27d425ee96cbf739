"""The life of containers as clients see it, on a pretended host."""

import asyncio
import itertools
from typing import Any

import pytest

from boxship.base.errors import Conflict, Invalid, NotFound, PlatformError, Unchanged
from boxship.base.units import SECOND
from boxship.host.fake.machine import Program
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, HostUpdate, RestartPolicy
from boxship.model.status import State


def spec(**host: Any) -> ContainerSpec:
    return ContainerSpec(image="busybox", host=HostSpec(**host))


ALWAYS = RestartPolicy(name="always")


def test_create_start_wait_remove(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(lasts=1, code=7)
        engine = await w.up()
        container, warnings = await engine.create(spec(), "web")
        assert warnings == ()
        assert container.status.state is State.CREATED
        waiter = engine.wait("web", "next-exit")
        await engine.start("web")
        assert engine.get("web").status.state is State.RUNNING
        assert engine.get("web").status.networks["bridge"].ipv4_address == "172.17.0.2"
        assert await waiter.result() == (7, "")
        await asyncio.sleep(0.1)
        assert engine.get("web").status.exit_code == 7
        assert w.machine.leftovers() == [], "all is given back at the end of a run"
        await engine.remove("web")
        with pytest.raises(NotFound, match="No such container: web"):
            engine.get("web")
        assert w.actions() == ["create", "start", "die", "destroy"]
        assert w.portrait(engine) == []

    play(script)


def test_stop_sends_the_stop_signal_and_later_kill(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(deaf=(15,))
        engine = await w.up()
        c, _ = await engine.create(spec(), "web")
        await engine.start("web")
        before = w.clock.now()
        await engine.stop("web", grace=3)
        assert 3 <= (w.clock.now() - before) / SECOND < 3.2
        assert w.machine.delivered == [(c.id, 15), (c.id, 9)]
        assert engine.get("web").status.exit_code == 137
        assert w.actions() == ["create", "start", "kill", "kill", "die", "stop"]
        with pytest.raises(Unchanged):
            await engine.stop("web")

    play(script)


def test_stop_for_ever_waits(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(deaf=(15,))
        engine = await w.up()
        c, _ = await engine.create(spec(), "web")
        await engine.start("web")
        stopping = asyncio.ensure_future(engine.stop("web", grace=-1))
        await asyncio.sleep(10_000)
        assert not stopping.done()
        w.machine.end(c.id, 0)
        await stopping

    play(script)


def test_the_specs_own_signal_and_grace(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(deaf=(3,))
        engine = await w.up()
        c, _ = await engine.create(ContainerSpec(image="busybox", stop_signal="SIGQUIT", stop_timeout=1), "web")
        await engine.start("web")
        before = w.clock.now()
        await engine.stop("web")
        assert (w.clock.now() - before) // SECOND == 1
        assert w.machine.delivered == [(c.id, 3), (c.id, 9)]

    play(script)


def test_restart_runs_again_with_a_new_process(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        await engine.start("web")
        first = engine.get("web").status.pid
        await engine.restart("web")
        assert engine.get("web").status.state is State.RUNNING
        assert engine.get("web").status.pid != first
        assert engine.get("web").status.restart_count == 0
        assert w.actions() == ["create", "start", "kill", "die", "stop", "start", "restart"]

    play(script)


def test_a_policy_restarts_with_growing_delays(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(lasts=0.001, code=1)
        engine = await w.up()
        await engine.create(spec(restart_policy=ALWAYS), "web")
        await engine.start("web")
        await asyncio.sleep(0.05)
        assert engine.get("web").status.state is State.RESTARTING
        starts = [e.time for e in w.bus.past() if e.action == "start"]
        await asyncio.sleep(3.3)
        starts = [e.time for e in w.bus.past() if e.action == "start"]
        delays = [round((b - a) / SECOND, 1) for a, b in itertools.pairwise(starts)]
        assert delays == [0.1, 0.2, 0.4, 0.8, 1.6]
        assert engine.get("web").status.restart_count == 6
        await engine.stop("web")
        await asyncio.sleep(100)
        assert engine.get("web").status.state is State.EXITED
        assert w.machine.leftovers() == []

    play(script)


def test_on_failure_gives_up_after_its_count(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(lasts=0.01, code=3)
        engine = await w.up()
        policy = RestartPolicy(name="on-failure", maximum_retry_count=2)
        await engine.create(spec(restart_policy=policy), "web")
        waiter = engine.wait("web", "next-exit")
        await engine.start("web")
        assert await waiter.result() == (3, "")
        while engine.get("web").status.state is not State.EXITED:  # each wait sees one exit
            assert await engine.wait("web", "not-running").result() == (3, "")
        assert engine.get("web").status.restart_count == 2
        assert engine.get("web").status.state is State.EXITED

    play(script)


@pytest.mark.parametrize("signal", ["", "TERM", "INT"])
def test_what_was_killed_stays_down(play: Any, signal: str) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(restart_policy=ALWAYS), "web")
        await engine.start("web")
        await engine.kill("web", signal)
        await asyncio.sleep(5)
        assert engine.get("web").status.state is State.EXITED
        with pytest.raises(Conflict, match="is not running"):
            await engine.kill("web")

    play(script)


def test_a_message_signal_does_not_end_the_policy(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        c, _ = await engine.create(spec(restart_policy=ALWAYS), "web")
        await engine.start("web")
        await engine.kill("web", "HUP")
        w.machine.end(c.id, 1)
        await asyncio.sleep(5)
        assert engine.get("web").status.state is State.RUNNING

    play(script)


def test_auto_remove_takes_its_volumes_along(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(lasts=1)
        engine = await w.up()
        asked = ContainerSpec(image="busybox", volumes=("/data",), host=HostSpec(auto_remove=True))
        await engine.create(asked, "web")
        assert len(w.volumes.there) == 1
        exited, removed = engine.wait("web", "next-exit"), engine.wait("web", "removed")
        await engine.start("web")
        assert await exited.result() == (0, "")
        assert await removed.result() == (0, "")
        assert w.portrait(engine) == []

    play(script)


def test_pause_and_stop_of_what_is_paused(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        with pytest.raises(Conflict, match="is not running"):
            await engine.pause("web")
        await engine.start("web")
        await engine.pause("web")
        assert engine.get("web").status.state is State.PAUSED
        with pytest.raises(Conflict, match="is already paused"):
            await engine.pause("web")
        with pytest.raises(Conflict, match="cannot start a paused container"):
            await engine.start("web")
        await engine.unpause("web")
        await engine.pause("web")
        await engine.stop("web")
        assert engine.get("web").status.exit_code == 143
        assert w.actions() == ["create", "start", "pause", "unpause", "pause", "kill", "die", "stop"]

    play(script)


def test_kill_of_what_is_paused(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        await engine.start("web")
        await engine.pause("web")
        await engine.kill("web")
        assert engine.get("web").status.state is State.EXITED

    play(script)


def test_removing_what_runs_needs_force(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        c, _ = await engine.create(spec(), "web")
        await engine.start("web")
        with pytest.raises(Conflict, match=f"You cannot remove a running container {c.id}. Stop the container before"):
            await engine.remove("web")
        await engine.pause("web")
        with pytest.raises(Conflict, match="Unpause and then stop the container"):
            await engine.remove("web")
        await engine.remove("web", force=True)
        assert w.portrait(engine) == []
        assert w.actions()[-3:] == ["kill", "die", "destroy"]

    play(script)


def test_a_start_that_fails_leaves_nothing_and_says_why(play: Any) -> None:
    async def script(w: Any) -> None:
        text = 'OCI runtime create failed: exec: "nope": executable file not found in $PATH: unknown'
        w.machine.default = Program(fails=text)
        engine = await w.up()
        await engine.create(spec(), "web")
        next_exit, stopped = engine.wait("web", "next-exit"), engine.wait("web", "not-running")
        with pytest.raises(Invalid, match="executable file not found"):
            await engine.start("web")
        assert next_exit.waiting, "a start that failed is no exit"
        assert await stopped.result() == (0, "")
        status = engine.get("web").status
        assert (status.state, status.exit_code, status.error) == (State.CREATED, 127, text)
        await asyncio.sleep(1)
        assert w.machine.leftovers() == []
        w.machine.default = Program()
        await engine.start("web")
        assert engine.get("web").status.error == ""

    play(script)


def test_a_failed_start_of_an_auto_remove_container_removes_it(play: Any) -> None:
    async def script(w: Any) -> None:
        w.machine.default = Program(fails="no luck")
        engine = await w.up()
        await engine.create(spec(auto_remove=True), "web")
        with pytest.raises(PlatformError, match="no luck"):
            await engine.start("web")
        await asyncio.sleep(1)
        assert w.portrait(engine) == []

    play(script)


def test_a_network_that_fails_leaves_nothing(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        w.networks.fails = "network x not found"
        with pytest.raises(NotFound, match="network x not found"):
            await engine.start("web")
        await asyncio.sleep(1)
        assert w.machine.leftovers() == []
        assert engine.get("web").status.exit_code == 128

    play(script)


def test_a_restart_by_policy_that_fails_is_tried_again(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        c, _ = await engine.create(spec(restart_policy=ALWAYS), "web")
        await engine.start("web")
        w.networks.fails = "no address left"
        w.machine.end(c.id, 1)
        await asyncio.sleep(1)
        assert engine.get("web").status.state is State.RESTARTING
        w.networks.fails = ""
        await asyncio.sleep(5)
        assert engine.get("web").status.state is State.RUNNING

    play(script)


def test_names(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        first, _ = await engine.create(spec(), "web")
        text = f'Conflict. The container name "/web" is already in use by container "{first.id}".'
        with pytest.raises(Conflict, match=text.replace(".", r"\.")):
            await engine.create(spec(), "/web")
        with pytest.raises(Invalid, match=r"Invalid container name \(a b\)"):
            await engine.create(spec(), "a b")
        other, _ = await engine.create(spec())
        assert "_" in other.name
        await engine.rename("web", "front")
        assert engine.get("front").id == engine.get(first.id[:10]).id == first.id
        with pytest.raises(Conflict, match="Error when allocating new name"):
            await engine.rename("front", other.name)
        await engine.create(spec(), "web")
        with pytest.raises(NotFound, match="No such image: nope:latest"):
            await engine.create(ContainerSpec(image="nope"), "late")
        await engine.create(spec(), "late")

    play(script)


def test_update_reaches_the_running_process(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        c, _ = await engine.create(spec(), "web")
        await engine.start("web")
        await engine.update("web", HostUpdate(memory=64 << 20, memory_swap=-1, restart_policy=ALWAYS))
        assert w.runtime.updates == [(c.id, {"memory": {"limit": 64 << 20}})]
        assert engine.get("web").spec.host.restart_policy == ALWAYS
        with pytest.raises(Invalid, match=f"Cannot update container {c.id}: Minimum memory limit allowed is 6MB"):
            await engine.update("web", HostUpdate(memory=1024))
        w.machine.end(c.id, 0)
        await asyncio.sleep(1)
        assert engine.get("web").status.state is State.RUNNING, "the new policy holds"

    play(script)


def test_prune_removes_what_is_chosen(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        for name in ("one", "two", "three"):
            await engine.create(spec(), name)
        await engine.start("two")
        ids, freed = await engine.prune(lambda c: c.name != "three")
        assert len(ids) == 1
        assert freed == 1000
        assert [c.name for c in engine.all()] == ["two", "three"]

    play(script)


def test_two_requests_at_once(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        outcomes = await asyncio.gather(engine.start("web"), engine.start("web"))
        assert outcomes == [None, None]
        assert w.actions() == ["create", "start"]
        await asyncio.gather(engine.stop("web"), engine.remove("web", force=True))
        assert w.portrait(engine) == []

    play(script)


def test_remove_overrules_a_start(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        starting = asyncio.ensure_future(engine.start("web"))
        removing = asyncio.ensure_future(engine.remove("web", force=True))
        outcomes = await asyncio.gather(starting, removing, return_exceptions=True)
        assert outcomes[1] is None
        assert outcomes[0] is None or isinstance(outcomes[0], PlatformError)
        assert w.portrait(engine) == []

    play(script)


def test_a_member_joins_the_groups_network(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        front, _ = await engine.create(spec(), "front")
        side, _ = await engine.create(spec(network_mode="container:front"), "side")
        assert side.group == front.id
        assert side.spec.host.network_mode == f"container:{front.id}"
        assert side.spec.hostname == front.spec.hostname
        with pytest.raises(Conflict, match="cannot join network of a non running container"):
            await engine.start("side")
        await engine.start("front")
        await engine.start("side")
        assert w.machine.instances[side.id].launch.config["netns"] == f"/fake/netns/{front.id}"
        await engine.stop("front")
        assert f"netns {front.id}" in w.machine.leftovers(), "the network stays while a member runs"
        await engine.stop("side")
        await asyncio.sleep(1)
        assert w.machine.leftovers() == []

    play(script)


def test_health_goes_from_starting_to_healthy_to_unhealthy(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        check = HealthSpec(test=("CMD-SHELL", "true"), interval=SECOND, retries=2)
        c, _ = await engine.create(ContainerSpec(image="busybox", healthcheck=check), "web")
        await engine.start("web")
        assert engine.get("web").status.health.status == "starting"
        await asyncio.sleep(1.5)
        assert engine.get("web").status.health.status == "healthy"
        w.machine.probe_codes[c.id] = 1
        await asyncio.sleep(1.1)
        assert engine.get("web").status.health.status == "healthy"
        await asyncio.sleep(5)
        health = engine.get("web").status.health
        assert (health.status, len(health.log), health.log[-1].output) == ("unhealthy", 5, "probed")
        told = [a for a in w.actions() if a.startswith("health")]
        assert told == ["health_status: healthy", "health_status: unhealthy"]
        await engine.stop("web")
        probes = len(w.actions())
        await asyncio.sleep(10)
        assert len(w.actions()) == probes, "nobody probes what does not run"

    play(script)


def test_a_probe_that_hangs_is_killed(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        check = HealthSpec(test=("CMD", "sleep"), interval=SECOND, timeout=2 * SECOND, retries=1)
        c, _ = await engine.create(ContainerSpec(image="busybox", healthcheck=check), "web")
        w.machine.probe_codes[c.id] = -1
        await engine.start("web")
        await asyncio.sleep(3.5)
        last = engine.get("web").status.health.log[-1]
        assert (last.exit_code, last.output) == (-1, "Health check exceeded timeout (2s): probed")

    play(script)


def test_the_unhealthy_are_restarted_if_they_ask_for_it(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        check = HealthSpec(test=("CMD", "true"), interval=SECOND, retries=1)
        labels = {"boxship.restart-unhealthy": "true"}
        c, _ = await engine.create(ContainerSpec(image="busybox", healthcheck=check, labels=labels), "web")
        w.machine.probe_codes[c.id] = 1
        await engine.start("web")
        first = engine.get("web").status.pid
        await asyncio.sleep(1.5)
        w.machine.probe_codes[c.id] = 0
        await asyncio.sleep(1.5)
        status = engine.get("web").status
        assert status.pid != first
        assert status.health.status == "healthy"

    play(script)


def test_waiting(play: Any) -> None:
    async def script(w: Any) -> None:
        engine = await w.up()
        await engine.create(spec(), "web")
        assert await engine.wait("web", "").result() == (0, "")
        with pytest.raises(Invalid, match='invalid condition: "sometime"'):
            engine.wait("web", "sometime")
        await engine.start("web")
        dropped = engine.wait("web", "not-running")
        dropped.cancel()
        waiting = engine.wait("web", "not-running")
        await engine.kill("web")
        assert await waiting.result() == (137, "")
        removal = engine.wait("web", "removed")
        await engine.remove("web")
        assert await removal.result() == (137, "")

    play(script)
