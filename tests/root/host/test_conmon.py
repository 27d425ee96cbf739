"""Real containers under conmon: output, input, exit codes, terminals, failures, orders, recovery."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boxship.base.errors import CommandNotFound, CommandNotRunnable, NotFound, RuntimeFailed
from boxship.host import process
from tests.root.host.containers import Shop, drain, shop, until

pytestmark = pytest.mark.root


@pytest.fixture(params=["crun", "runc"])
async def any_shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with shop(request.param) as made:
        yield made


@pytest.fixture
async def place() -> AsyncIterator[Shop]:
    async with shop() as made:
        yield made


async def test_output_and_code(any_shop: Shop) -> None:
    launch = any_shop.launch("sh", "-c", "echo out; echo err >&2; exit 7")
    assert await any_shop.run(launch) == (7, b"out\n", b"err\n")
    log = any_shop.log(launch.id)
    assert b" stdout F out\n" in log
    assert b" stderr F err\n" in log


async def test_nothing_stays_behind(any_shop: Shop) -> None:
    launch = any_shop.launch("true")
    await any_shop.run(launch)
    assert not os.path.exists(any_shop.runtime.bundle(launch.id))
    assert not any_shop.cgroups.exists(f"{any_shop.cgroup_parent}/{launch.id}")
    left = [name for _, _, names in os.walk(any_shop.root / "run") for name in names if launch.id in name]
    assert left == []


async def test_signal_gives_128_and_more(place: Shop) -> None:
    launch = place.launch("sleep", "60", pid_mode="")
    launched = await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    assert place.runtime.signal(launch.id, launched.pid, signal.SIGKILL)
    assert await place.exit_code(launch.id) == 137
    assert not place.runtime.signal(launch.id, launched.pid, signal.SIGKILL)


async def test_every_byte_before_and_after_the_start(place: Shop) -> None:
    launch = place.launch("sh", "-c", "dd if=/dev/zero bs=65536 count=160 2>/dev/null; echo end >&2")
    code, out, err = await place.run(launch)
    assert (code, len(out), err) == (0, 160 * 65536, b"end\n")


async def test_a_slow_reader_holds_back_and_loses_nothing(place: Shop) -> None:
    launch = place.launch("sh", "-c", "dd if=/dev/zero bs=65536 count=40 2>/dev/null")
    await place.runtime.create(launch)
    console = await place.runtime.attach(launch.id)
    await place.runtime.start(launch.id)
    total, first = 0, True
    async for _, data in console.output():
        total += len(data)
        if first:
            await asyncio.sleep(0.3)
            assert place.runtime.exit_of(launch.id) is None  # held back
            first = False
    console.close()
    assert total == 40 * 65536


async def test_input_to_its_end(place: Shop) -> None:
    launch = place.launch("wc", "-c", stdin=True, once=True)
    await place.runtime.create(launch)
    console = await place.runtime.attach(launch.id)
    await place.runtime.start(launch.id)
    await console.write(b"x" * 1_000_000)
    console.close_input()
    assert await drain(console) == (b"1000000\n", b"")
    assert await place.exit_code(launch.id) == 0


async def test_input_stays_open_for_the_next(place: Shop) -> None:
    launch = place.launch("sh", "-c", "read a; echo $a; read b; echo $b", stdin=True, once=False)
    await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    first = await place.runtime.attach(launch.id)
    await first.write(b"one\n")
    first.close_input()
    await until(first, b"one\n")
    first.close()
    second = await place.runtime.attach(launch.id)
    await second.write(b"two\n")
    out, _ = await drain(second)
    assert out.endswith(b"two\n")


async def test_input_that_the_container_closed(place: Shop) -> None:
    launch = place.launch("sh", "-c", "exec 0<&-; echo closed; sleep 50", stdin=True)
    launched = await place.runtime.create(launch)
    console = await place.runtime.attach(launch.id)
    await place.runtime.start(launch.id)
    await until(console, b"closed")
    await asyncio.wait_for(console.write(b"x" * 3_000_000), 30)
    before = ticks(launched.conmon_pid)
    await asyncio.sleep(0.3)
    assert ticks(launched.conmon_pid) - before < 5  # of 30: the monitor does not spin
    console.close()


async def test_input_of_a_container_from_before(place: Shop) -> None:
    launch = place.launch("cat", stdin=True, once=True)
    await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    await place.restart()
    console = await place.runtime.attach(launch.id)
    await console.write(b"still there\n")
    await until(console, b"still there")
    console.close_input()
    assert await place.exit_code(launch.id) == 0
    console.close()


async def test_input_that_waits_lets_go(place: Shop) -> None:
    launch = place.launch("sleep", "50", stdin=True)
    await place.runtime.create(launch)
    console = await place.runtime.attach(launch.id)
    await place.runtime.start(launch.id)
    writing = asyncio.create_task(console.write(b"x" * 3_000_000))
    await asyncio.sleep(0.05)
    assert not writing.done()
    console.close()
    await asyncio.wait_for(writing, 30)


async def test_without_input_the_process_reads_nothing(place: Shop) -> None:
    assert await place.run(place.launch("cat")) == (0, b"", b"")


async def test_terminal_with_its_size(any_shop: Shop) -> None:
    launch = any_shop.launch("sh", tty=True, stdin=True)
    await any_shop.runtime.create(launch)
    any_shop.runtime.resize(launch.id, 33, 99)
    console = await any_shop.runtime.attach(launch.id)
    await any_shop.runtime.start(launch.id)
    await asyncio.sleep(0.05)
    await console.write(b"stty size; tty\n")
    assert b"33 99\r\n" in await until(console, b"/dev/pts/0\r\n")
    for height in range(40, 60):  # the last of many counts
        any_shop.runtime.resize(launch.id, height, 100)
    await console.write(b"until stty size | grep -q ^59; do usleep 9999; done; stty size; exit 5\n")
    out, _ = await drain(console)
    assert b"59 100\r\n" in out
    assert await any_shop.exit_code(launch.id) == 5


@pytest.mark.parametrize(
    ("command", "error", "text"),
    [
        ("nosuchthing", CommandNotFound, 'exec: "nosuchthing": executable file not found in $PATH: unknown'),
        ("/no/such", CommandNotFound, 'exec: "/no/such": stat /no/such: no such file or directory: unknown'),
        ("/noexec", CommandNotRunnable, 'exec: "/noexec": permission denied: unknown'),
        ("/etc", CommandNotRunnable, 'exec: "/etc": permission denied: unknown'),
    ],
)
async def test_failed_create_says_why_and_leaves_nothing(
    any_shop: Shop, command: str, error: type[RuntimeFailed], text: str
) -> None:
    launch = any_shop.launch(command)
    with pytest.raises(error) as caught:
        await any_shop.runtime.create(launch)
    said = str(caught.value).replace(": is a directory:", ": permission denied:")  # runc from 1.1.15 on is more exact
    assert said.endswith(text)
    assert any_shop.runtime.present() == {}
    assert any_shop.runtime.exit_of(launch.id) is None
    assert not any_shop.cgroups.exists(f"{any_shop.cgroup_parent}/{launch.id}")


async def test_cancelled_create_leaves_nothing(place: Shop) -> None:
    launch = place.launch("true")
    for delay in (0, 0.002, 0.005, 0.008):
        task = asyncio.create_task(place.runtime.create(launch))
        await asyncio.sleep(delay)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
            await place.runtime.delete(launch.id)
            place.runtime.forget(launch.id)
        assert place.runtime.present() == {}
        assert not place.cgroups.exists(f"{place.cgroup_parent}/{launch.id}")


async def test_a_created_container_can_be_dropped(any_shop: Shop) -> None:
    launch = any_shop.launch("true")
    launched = await any_shop.runtime.create(launch)
    await any_shop.runtime.delete(launch.id)
    any_shop.runtime.forget(launch.id)
    for pid in (launched.pid, launched.conmon_pid):
        assert not process.alive(pid)


async def test_running_is_deleted_by_force(place: Shop) -> None:
    launch = place.launch("sh", "-c", "sleep 100 & sleep 100")
    await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    await place.runtime.delete(launch.id)
    await place.runtime.delete(launch.id)
    assert place.runtime.exit_of(launch.id) is None


async def test_the_same_container_runs_again(place: Shop) -> None:
    launch = place.launch("sh", "-c", "exit 3")
    for _ in range(3):
        await place.runtime.create(launch)
        await place.runtime.start(launch.id)
        assert await place.exit_code(launch.id) == 3
        await place.runtime.delete(launch.id)


async def test_the_next_daemon_finds_everything(any_shop: Shop) -> None:
    runs, waits, ends = (any_shop.launch(*words) for words in (("sleep", "50"), ("true",), ("sh", "-c", "exit 9")))
    launched = [await any_shop.runtime.create(launch) for launch in (runs, waits, ends)]
    await any_shop.runtime.start(runs.id)
    await any_shop.restart()
    await any_shop.runtime.start(ends.id)  # nobody listens
    await ended(launched[-1].conmon_pid)
    await any_shop.restart()
    seen = any_shop.runtime.present()
    assert {id: (p.running, p.started, p.conmon_pid is not None) for id, p in seen.items()} == {
        runs.id: (True, True, True),
        waits.id: (True, False, True),
        ends.id: (False, True, False),
    }
    assert await any_shop.exit_code(ends.id) == 9
    pid = seen[runs.id].pid
    assert pid
    assert any_shop.runtime.signal(runs.id, pid, signal.SIGKILL)
    assert await any_shop.exit_code(runs.id) == 137


async def test_a_daemon_that_died_while_creating(place: Shop) -> None:
    launch = place.launch("sleep", "50")
    launched = await place.runtime.create(launch)
    os.unlink(f"{place.runtime.bundle(launch.id)}/record.json")
    await place.restart()
    seen = place.runtime.present()[launch.id]
    assert (seen.pid, seen.running, seen.started, seen.conmon_pid) == (
        launched.pid,
        True,
        False,
        launched.conmon_pid,
    )
    await place.runtime.delete(launch.id)
    assert not place.cgroups.exists(f"{place.cgroup_parent}/{launch.id}")


@pytest.mark.parametrize("later", [False, True], ids=["own child", "adopted"])
async def test_a_dead_monitor_is_an_exit(place: Shop, later: bool) -> None:
    launch = place.launch("sleep", "50")
    launched = await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    if later:
        await place.restart()
    waiting = asyncio.create_task(place.exit_code(launch.id))
    await asyncio.sleep(0.02)
    os.kill(launched.conmon_pid, signal.SIGKILL)
    assert await waiting == 137


async def test_exits_are_told_once_and_with_their_time(place: Shop) -> None:
    launch = place.launch("true")
    await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    await place.exit_code(launch.id)
    seen = place.runtime.exit_of(launch.id)
    assert seen is not None
    assert (seen.code, seen.oom) == (0, False)
    assert seen.time_ns > os.stat(place.runtime.bundle(launch.id)).st_ctime_ns - 10**9


async def test_want_of_memory_is_told(place: Shop) -> None:
    launch = place.launch("sh", "-c", "x=$(cat /dev/zero | tr '\\0' x)", memory=16 << 20, memory_swap=16 << 20)
    await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    await place.exit_code(launch.id)
    seen = place.runtime.exit_of(launch.id)
    assert seen is not None
    assert seen.oom
    assert not os.path.exists("oom")


async def test_log_can_be_moved_away(place: Shop) -> None:
    launch = place.launch("sh", "-c", "read x; echo one; read x; echo two; read x", stdin=True)
    await place.runtime.create(launch)
    console = await place.runtime.attach(launch.id)
    await place.runtime.start(launch.id)
    await console.write(b"\n")
    await until(console, b"one\n")
    path = str(place.root / "logs" / launch.id)
    os.rename(path, path + ".1")
    place.runtime.reopen_log(launch.id)
    async with asyncio.timeout(60):
        while not os.path.exists(path):  # noqa: ASYNC110, the monitor does it
            await asyncio.sleep(0.01)
    await console.write(b"\n")
    await until(console, b"two\n")
    assert b"F one\n" in Path(path + ".1").read_bytes()
    assert b"F two\n" in Path(path).read_bytes()
    console.close()


async def test_pause_and_resume(place: Shop) -> None:
    launch = place.launch("sh", "-c", "while read x; do echo got; done", stdin=True)
    await place.runtime.create(launch)
    console = await place.runtime.attach(launch.id)
    await place.runtime.start(launch.id)
    await place.runtime.pause(launch.id)
    await console.write(b"\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(until(console, b"got"), 0.1)
    await place.runtime.resume(launch.id)
    await asyncio.wait_for(until(console, b"got"), 30)
    console.close()


async def test_limits_of_a_running_container(any_shop: Shop) -> None:
    launch = any_shop.launch("sleep", "50", memory=64 << 20)
    await any_shop.runtime.create(launch)
    await any_shop.runtime.start(launch.id)
    await any_shop.runtime.update(launch.id, {"memory": {"limit": 128 << 20, "swap": 256 << 20}})
    memory = any_shop.cgroups.stats(f"{any_shop.cgroup_parent}/{launch.id}").memory
    assert memory is not None
    assert memory.limit == 128 << 20


async def ended(pid: int) -> None:
    async with asyncio.timeout(60):
        while process.alive(pid):  # noqa: ASYNC110, a process of its own
            await asyncio.sleep(0.01)


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_attach_to_nothing(place: Shop) -> None:
    with pytest.raises(NotFound):
        await place.runtime.attach("0" * 64)
    with pytest.raises(NotFound):
        place.runtime.resize("0" * 64, 1, 1)
