import asyncio
import os
import resource
import signal
import subprocess
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.base.errors import KernelError, PlatformError
from boxship.host import process

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS.values(), ids=LOOPS)
def run(request: pytest.FixtureRequest) -> Any:
    def work(body: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(body)

    return work


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_output_errors_and_codes(run: Any) -> None:
    done = run(process.run(["sh", "-c", "echo out; echo err >&2; exit 3"]))
    assert done == process.Completed(3, b"out\n", b"err\n")


def test_a_signal_is_128_and_more(run: Any) -> None:
    assert run(process.run(["sh", "-c", "kill -9 $$"])).code == 137


def test_much_goes_in_and_out(run: Any) -> None:
    content = os.urandom(3_000_000)
    assert run(process.run(["cat"], input=content)).out == content


def test_input_that_nobody_reads(run: Any) -> None:
    assert run(process.run(["true"], input=b"x" * 1_000_000)).code == 0


def test_without_input_there_is_none(run: Any) -> None:
    assert run(process.run(["cat"])).out == b""


def test_environment_is_the_one_given(run: Any) -> None:
    assert run(process.run(["/usr/bin/env"], env={"A": "1"})).out == b"A=1\n"


def test_no_such_program(run: Any) -> None:
    before = descriptors()
    with pytest.raises(KernelError, match="start /no/such: no such file or directory") as caught:
        run(process.run(["/no/such"]))
    assert caught.value.code == 2
    assert descriptors() == before


def test_grandchildren_are_not_waited_for(run: Any) -> None:
    """A daemon that a program leaves behind holds its pipes open."""
    began = time.monotonic()
    done = run(process.run(["sh", "-c", "sleep 5 & echo $!"]))
    os.kill(int(done.out), signal.SIGKILL)
    assert time.monotonic() - began < 3


def test_too_slow(run: Any) -> None:
    before = descriptors()
    with pytest.raises(PlatformError, match=r"sleep did not end within 0\.05 seconds"):
        run(process.run(["sleep", "9"], timeout=0.05))
    assert descriptors() == before


def test_cancelled_means_killed(run: Any) -> None:
    async def body() -> None:
        task = asyncio.create_task(process.run(["sleep", "4711"]))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)

    run(body())
    assert subprocess.run(["pgrep", "-f", "^sleep 4711$", "-P", str(os.getpid())], capture_output=True).stdout == b""


def test_descriptors_ours_and_theirs(run: Any, tmp_path: Path) -> None:
    """Theirs are exactly those asked for, whatever overlaps; signals and the mask are as at login."""

    process.keep_descriptors()

    async def body() -> str:
        kept = os.open("/dev/null", os.O_RDONLY)  # not passed on
        out = os.open(tmp_path / "out", os.O_CREAT | os.O_WRONLY)
        child = process.spawn(
            ["sh", "-c", "ls -l /proc/self/fd; grep -E 'Sig(Ign|Blk)' /proc/self/status; pwd"],
            files={1: out, 7: out}, cwd=str(tmp_path),
        )  # fmt: skip
        assert await child.wait() == 0
        os.close(out)
        os.close(kept)
        return (tmp_path / "out").read_text()

    text = run(body())
    names = [line.split()[8] for line in text.splitlines() if " -> " in line]
    assert sorted(names) == ["0", "1", "2", "3", "7"]  # 3 is the directory being listed
    assert int(text.partition("SigIgn:")[2].split()[0], 16) & 0x7FFFFFFF == 0  # above are the C library's own two
    assert "SigBlk:\t0000000000000000" in text
    assert text.rstrip().endswith(str(tmp_path))


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.integers(0, 9), st.integers(0, 5), max_size=6))
def test_file_actions_deliver_what_was_asked(wanted: dict[int, int]) -> None:
    """Carried out one after the other on a model of a descriptor table, each of theirs is the one of ours we meant."""
    ours = [os.memfd_create(f"f{n}") for n in range(6)]
    try:
        files = {ours[0] + theirs - 3: ours[n] for theirs, n in wanted.items()}
        if min(files, default=0) < 0:
            return
        actions, spare = process.file_actions(files)
        table = {fd: os.fstat(fd).st_ino for fd in [*ours, *spare]}
        for action in actions:
            if action[0] == os.POSIX_SPAWN_DUP2:
                table[action[2]] = table[action[1]]  # type: ignore[index]
        assert {theirs: table[theirs] for theirs in files} == {t: os.fstat(o).st_ino for t, o in files.items()}
    finally:
        for fd in {*ours, *spare}:
            os.close(fd)


def test_ends_are_collected_though_nobody_waits(run: Any) -> None:
    before = descriptors()

    async def body() -> int:
        children = [process.spawn(["true"]) for _ in range(20)]
        await asyncio.sleep(0.3)
        assert all(child.ended for child in children)
        children[0].signal(signal.SIGTERM)  # no harm, though its pid may be another's by now
        return children[0].pid

    assert process.stat(run(body())) is None
    assert descriptors() == before


def test_many_wait_for_one(run: Any) -> None:
    async def body() -> list[int]:
        child = process.spawn(["sh", "-c", "exit 7"])
        return [*await asyncio.gather(child.wait(), child.wait()), await child.wait()]

    assert run(body()) == [7, 7, 7]


def test_a_session_of_its_own(run: Any) -> None:
    async def body() -> None:
        child = process.spawn(["sleep", "5"], session=True)
        assert os.getsid(child.pid) == child.pid
        child.signal(signal.SIGKILL)
        assert await child.wait() == 137

    run(body())


def test_spawning_is_quick(run: Any) -> None:
    async def body() -> float:
        times = []
        for _ in range(20):
            began = time.perf_counter()
            child = process.spawn(["true"])
            times.append(time.perf_counter() - began)
            await child.wait()
        return min(times)

    assert run(body()) < 0.005  # about 0.5 ms on an idle machine


STATS = {
    "plain": ("42 (sh) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987 1 1", (42, "sh", "S", 7, 987)),
    "a wicked name": ("43 (a) R 1 (b) Z 8 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 988 1 1", (43, "a) R 1 (b", "Z", 8, 988)),
}


@pytest.mark.parametrize(("text", "expected"), STATS.values(), ids=STATS)
def test_stat(text: str, expected: tuple[object, ...]) -> None:
    seen = process.parse_stat(text)
    assert (seen.pid, seen.name, seen.state, seen.parent, seen.start) == expected


def test_signals_reach_only_whom_they_mean(run: Any) -> None:
    async def body() -> None:
        child = process.spawn(["sleep", "5"])
        seen = process.stat(child.pid)
        assert seen is not None
        assert child.pid in process.children(os.getpid())
        assert process.alive(child.pid, seen.start)
        assert not process.signal(child.pid, signal.SIGKILL, seen.start + 1)  # somebody else by now
        assert process.signal(child.pid, 0, seen.start)
        assert process.signal(child.pid, signal.SIGTERM, seen.start)
        assert await child.wait() == 143
        assert not process.signal(child.pid, signal.SIGTERM, seen.start)
        assert not process.alive(child.pid)

    run(body())


def test_limits_are_inherited(run: Any) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert int(run(process.run(["sh", "-c", "ulimit -n"])).out) == soft
