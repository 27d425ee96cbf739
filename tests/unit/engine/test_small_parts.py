"""Signals, groups, failures, records, waiters, sightings, recovery: small deciders in tables."""

from typing import Any

import pytest

from boxship.base.errors import Conflict, Invalid, KernelError, NotFound, PlatformError, RuntimeFailed
from boxship.engine import failures, groups, recovery, signals
from boxship.engine.containers.tickets import Tickets
from boxship.engine.lifecycle import End, Seen
from boxship.engine.record import Records
from boxship.engine.sightings import Sightings
from boxship.engine.waiters import Waiters
from boxship.engine.wishes import Milestone
from boxship.host.api.runtime import Exit, Present
from boxship.model.container import ContainerSpec, HostSpec, RestartPolicy
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, ContainerStatus, Desired, State
from boxship.store.memory import MemoryStore


def box(identity: str = "c1", name: str = "web", group: str = "", **status: Any) -> Container:
    return Container(
        id=identity, name=name, created=1, image_id="i", group=group or identity, spec=ContainerSpec(),
        status=ContainerStatus(**status),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("RTMAX-14", 50),
     ("64", 64), ("IOT", 6), ("STKFLT", 16)],
)  # fmt: skip
def test_signals(text: str, number: int) -> None:
    assert signals.number(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "-1", "NOPE", "TERM+1", "RTMIN+99", "RTMIN-", "٣", "SIG"])
def test_no_signals(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid signal"):
        signals.number(text)


def test_the_stop_signal_is_term_unless_said() -> None:
    assert (signals.stop_signal(""), signals.stop_signal("SIGINT")) == (15, 2)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (RuntimeFailed('exec: "x": executable file not found in $PATH: unknown'), Invalid, 127),
        (RuntimeFailed("open `x`: No such file or directory"), Invalid, 127),
        (RuntimeFailed('exec: "/x": permission denied'), Invalid, 126),
        (RuntimeFailed('exec: "/": is a directory'), Invalid, 126),
        (RuntimeFailed("mount a to b: not a directory"), Invalid, 127),
        (RuntimeFailed("out of luck"), RuntimeFailed, 128),
        (Conflict("port is already allocated"), Conflict, 128),
        (KernelError("mount: no such file or directory"), KernelError, 128),
        (OSError("disk full"), PlatformError, 128),
    ],
)
def test_failures(error: Exception, kind: type[PlatformError], code: int) -> None:
    told, exit_code = failures.explain(error)
    assert type(told) is kind
    assert exit_code == code
    assert str(told).startswith(str(error))


def test_a_file_on_a_directory_gets_advice() -> None:
    told, _ = failures.explain(RuntimeFailed("not a directory"))
    assert "Are you trying to mount a directory onto a file (or vice-versa)?" in str(told)


def finder(*containers: Container) -> groups.Find:
    known = {c.id: c for c in containers} | {c.name: c for c in containers}

    def find(ref: str) -> Container:
        if ref not in known:
            raise NotFound(f"No such container: {ref}")
        return known[ref]

    return find


def test_groups() -> None:
    web, side = box("w", "web"), box("s", "side", group="w")
    find = finder(web, side)
    assert groups.group_of("n", HostSpec(), find) == "n"
    assert groups.group_of("n", HostSpec(network_mode="container:web"), find) == "w"
    assert groups.group_of("n", HostSpec(network_mode="container:side"), find) == "w", "a member's group is the group"
    assert groups.joins(side)
    assert not groups.joins(web)
    assert groups.members("w", [web, side, box("x", "other")]) == [web, side]
    with pytest.raises(NotFound):
        groups.group_of("n", HostSpec(network_mode="container:nope"), find)


def test_lenders_are_kept_by_id() -> None:
    find = finder(box("w", "web"))
    asked = HostSpec(network_mode="container:web", pid_mode="host", ipc_mode="container:web")
    assert groups.pinned(asked, find) == {"network_mode": "container:w", "ipc_mode": "container:w"}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State.EXITED, "cannot join PID of a non running container: w"),
        (State.RESTARTING, "Container w is restarting, wait until the container is running"),
    ],
)
def test_who_does_not_run_lends_nothing(state: State, text: str) -> None:
    with pytest.raises(Conflict, match=text):
        groups.borrowed(HostSpec(pid_mode="container:web"), finder(box("w", "web", state=state)))


def test_borrowed_namespaces_are_found_by_pid() -> None:
    find = finder(box("w", "web", state=State.RUNNING, pid=77))
    asked = HostSpec(pid_mode="container:web", ipc_mode="container:web")
    assert groups.borrowed(asked, find) == {"pid": "/proc/77/ns/pid", "ipc": "/proc/77/ns/ipc"}
    assert groups.borrowed(HostSpec(pid_mode="host"), find) == {}


# records


async def filled(*containers: Container) -> Records:
    records = Records(MemoryStore())
    for c in containers:
        await records.save(c)
    return records


async def test_lookup_prefers_id_then_name_then_beginning() -> None:
    records = await filled(box("abc1", "web"), box("abd2", "abc"), box("e" * 64, "db"))
    assert records.find("abc1").name == "web"
    assert records.find("abc").id == "abd2"
    assert records.find("/web").id == "abc1"
    assert records.find("eee").name == "db"
    with pytest.raises(Invalid, match="multiple IDs found with provided prefix: ab"):
        records.find("ab")
    for nobody in ("nope", "", "/"):
        with pytest.raises(NotFound, match=f"No such container: {nobody}"):
            records.find(nobody)


async def test_names_move_with_their_containers() -> None:
    records = await filled(box("c1", "web"))
    records.reserve("web", "c1")
    with pytest.raises(Conflict, match='"/web" is already in use by container "c1"'):
        records.reserve("web", "c2")
    await records.save(box("c1", "front"))
    records.reserve("web", "c2")
    records.release("web", "c1")
    assert records.holder("web") == "c2"
    await records.drop(records.find("front"))
    assert records.holder("front") is None


async def test_records_are_read_again_by_the_next_daemon() -> None:
    store = MemoryStore()
    first = Records(store)
    await first.save(box("c1", "web", state=State.RUNNING, pid=7))
    first.note(box("c1", "web", state=State.RUNNING, pid=8))
    second = Records(store)
    await second.load()
    assert second.find("web").status.pid == 7
    assert first.find("web").status.pid == 8


async def test_the_boot_is_noted() -> None:
    records = Records(MemoryStore())
    assert not await records.same_boot("a")
    await records.note_boot("a")
    assert await records.same_boot("a")
    assert not await records.same_boot("b")


# waiting


async def test_waiters_get_what_they_asked_for() -> None:
    waiters = Waiters()
    running = box(state=State.RUNNING)
    next_exit, stopped, removed = (waiters.add(running, c) for c in ("next-exit", "", "removed"))
    restarting = box(state=State.RESTARTING, exit_code=3)
    waiters.exited(restarting)
    assert await next_exit.result() == (3, "")
    assert await stopped.result() == (3, "")
    later = waiters.add(restarting, "not-running")
    waiters.settled(restarting)
    assert later.waiting
    waiters.exited(box(state=State.EXITED, exit_code=4, error="x"))
    assert await later.result() == (4, "x")
    waiters.removed(box(state=State.REMOVING, exit_code=5))
    assert await removed.result() == (5, "")


async def test_a_dropped_waiter_is_forgotten() -> None:
    waiters = Waiters()
    waiter = waiters.add(box(state=State.RUNNING), "next-exit")
    waiter.cancel()
    waiter.cancel()
    waiters.exited(box(state=State.EXITED))
    assert waiters._waiting == {}


async def test_tickets() -> None:
    tickets = Tickets()
    started = tickets.take("c1", Milestone.STARTED)
    stopped = tickets.take("c1", Milestone.STOPPED)
    tickets.progress(box(state=State.RUNNING), Seen())
    assert started.done()
    assert not stopped.done()
    tickets.progress(box(state=State.EXITED), Seen(mounted=True))
    assert not stopped.done(), "not before everything was given back"
    tickets.progress(box(state=State.EXITED), Seen())
    assert stopped.done()
    late = tickets.take("c1", Milestone.STARTED)
    tickets.settled(box(state=State.EXITED))
    with pytest.raises(Conflict, match="container c1 is exited: another request overruled this one"):
        await late


async def test_tickets_of_what_is_gone() -> None:
    tickets = Tickets()
    removed, started = tickets.take("c1", Milestone.REMOVED), tickets.take("c1", Milestone.STARTED)
    tickets.removed("c1")
    assert await removed is None
    with pytest.raises(NotFound):
        await started


async def test_a_failure_reaches_whom_it_concerns() -> None:
    tickets = Tickets()
    removed, started = tickets.take("c1", Milestone.REMOVED), tickets.take("c1", Milestone.STARTED)
    tickets.failed("c1", Invalid("no"), Milestone.STARTED)
    assert started.done()
    assert not removed.done()
    tickets.failed("c1", Invalid("no"))
    assert removed.done()


# sightings and recovery


def test_a_network_is_shared_while_another_member_may_run() -> None:
    sightings = Sightings()
    web, side = box("w", "web"), box("s", "side", group="w")
    sightings.note(web, attached=True, launched=True)
    assert not sightings.of(web).shared
    sightings.note(side, launched=True)
    assert sightings.of(web).shared
    sightings.note(web, launched=False)
    assert sightings.of(web).shared
    sightings.forget(side)
    assert sightings.of(web) == Seen(attached=True)


PLACED = {"bridge": EndpointStatus(network_id="b", network="bridge", endpoint_id="e", ipv4_address="10.0.0.2")}


@pytest.mark.parametrize(
    ("container", "present", "ended", "mounted", "seen"),
    [
        (box(), None, None, False, Seen(gone_at=9)),
        (box(), None, None, True, Seen(gone_at=9, mounted=True)),
        (box(networks=PLACED), None, None, False, Seen(gone_at=9, attached=True)),
        (
            box(state=State.RUNNING), Present(pid=7, running=True, started=True, conmon_pid=8), None, True,
            Seen(mounted=True, attached=True, launched=True, started=True, alive=True, monitored=True, pid=7,
                 conmon_pid=8),
        ),
        (
            box(state=State.RUNNING), Present(pid=7, running=False, started=True, conmon_pid=None),
            Exit(id="c1", code=3, time_ns=5), False,
            Seen(launched=True, started=True, pid=7, end=End(3, 5), gone_at=9),
        ),
        (
            box(), Present(pid=None, running=False, started=False, conmon_pid=None), None, False,
            Seen(launched=True, gone_at=9),
        ),
    ],
)  # fmt: skip
def test_what_the_host_shows(
    container: Container, present: Present | None, ended: Exit | None, mounted: bool, seen: Seen
) -> None:
    assert recovery.observe(container, present, ended, mounted, 9) == seen


def test_a_start_cut_short_may_have_left_a_place_in_a_network() -> None:
    from msgspec.structs import replace

    assert recovery.observe(replace(box(), desired=Desired.RUNNING), None, None, False, 9).attached


@pytest.mark.parametrize(
    ("policy", "state", "by_user", "starts"),
    [
        ("always", State.EXITED, True, True),
        ("unless-stopped", State.EXITED, True, False),
        ("no", State.EXITED, False, False),
        ("always", State.RUNNING, False, False),
    ],
)
def test_what_a_boot_starts(policy: str, state: State, by_user: bool, starts: bool) -> None:
    from msgspec.structs import replace

    spec = ContainerSpec(host=HostSpec(restart_policy=RestartPolicy(name=policy)))
    c = replace(box(state=state, stopped_by_user=by_user, has_started=True), spec=spec)
    assert (recovery.after_boot(c).desired is Desired.RUNNING) is starts


def test_strangers_and_order() -> None:
    present = {"a": Present(pid=1, running=True, started=True, conmon_pid=2)}
    assert recovery.strangers(present, {}) == ["a"]
    assert recovery.strangers(present, {"a": box("a")}) == []
    web, side = box("w", "web"), box("s", "side", group="w")
    assert recovery.leaders_first([side, web]) == [web, side]
