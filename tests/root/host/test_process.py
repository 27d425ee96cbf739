"""Starting real programs: their end, their descriptors, their signals."""

import asyncio
import fcntl
import os
import signal

import pytest

from boxship.base.errors import KernelError
from boxship.host import process


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_run_gives_code_and_both_outputs() -> None:
    done = await process.run(["/bin/sh", "-c", "cat; echo err >&2; exit 3"], input=b"in")
    assert done == process.Completed(3, b"in", b"err\n")


async def test_large_input_and_output_do_not_block_each_other() -> None:
    data = b"x" * 3_000_000
    assert (await process.run(["/bin/cat"], input=data)).out == data


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(KernelError, match="start /no/such: No such file"):
        process.spawn(["/no/such"])


async def test_a_timeout_kills() -> None:
    with pytest.raises(TimeoutError):
        await process.run(["/bin/sleep", "50"], timeout=0.05)


async def test_descriptors_arrive_under_their_numbers_and_no_others() -> None:
    r, w = os.pipe2(os.O_CLOEXEC)
    other, last = (fcntl.fcntl(w, fcntl.F_DUPFD_CLOEXEC, 300) for _ in range(2))
    child = process.spawn(["/bin/sh", "-c", "echo through >&7; ls /proc/self/fd | tr '\\n' ' ' >&7"], files={7: w})
    os.close(w)
    assert await child.wait() == 0
    words = os.read(r, 1000).split()
    for fd in (r, other, last):
        os.close(fd)
    assert words[0] == b"through"
    assert not {str(fd).encode() for fd in (other, last)} & set(words[1:])


async def test_a_descriptor_may_keep_its_number() -> None:
    r, w = os.pipe2(os.O_CLOEXEC)
    child = process.spawn(["/bin/bash", "-c", f"echo same >&{w}"], files={w: w})
    os.close(w)
    assert await child.wait() == 0
    assert os.read(r, 10) == b"same\n"
    os.close(r)


async def test_the_code_tells_the_signal_and_nothing_is_left_open() -> None:
    before = fds()
    child = process.spawn(["/bin/sleep", "50"])
    assert child.code is None
    start = process.started_at(child.pid)
    assert not process.signal(child.pid, start + 1, signal.SIGKILL)
    assert process.signal(child.pid, start, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    assert child.code == -signal.SIGKILL
    assert process.started_at(child.pid) == 0
    assert fds() == before


async def test_many_at_once() -> None:
    codes = await asyncio.gather(*(process.run(["/bin/sh", "-c", f"exit {n}"]) for n in range(20)))
    assert [c.code for c in codes] == list(range(20))
