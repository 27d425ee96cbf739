"""More processes in real containers: output, input, codes, terminals, failures; under crun and under runc."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from boxship.base.errors import CommandNotFound, CommandNotRunnable, RuntimeFailed
from boxship.host import process
from tests.root.host.containers import Shop, drain, shop, until

pytestmark = pytest.mark.root


@pytest.fixture(params=["crun", "runc"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with shop(request.param) as made:
        yield made


async def sleeper(place: Shop, **host: object) -> str:
    launch = place.launch("sleep", "1000", **host)
    await place.runtime.create(launch)
    await place.runtime.start(launch.id)
    return launch.id


async def test_output_and_code(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "sh", "-c", "echo out; echo err >&2; exit 7"))
    assert running.console is not None
    assert await drain(running.console) == (b"out\n", b"err\n")
    assert await running.wait() == 7
    assert await running.wait() == 7
    assert running.pid > 0


async def test_the_runtime_runs_from_memory(place: Shop) -> None:
    """Then it need not protect its program from the container, which takes a third of an exec."""
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "sleep", "1000"))
    assert await running.began()
    (runtime,) = [pid for pid in process.children(os.getpid()) if running.pid in process.children(pid)]
    exe = os.readlink(f"/proc/{runtime}/exe")
    running.signal(signal.SIGKILL)
    await running.wait()
    assert exe == f"/memfd:{place.default} (deleted)"


async def test_a_lot_of_output(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "dd", "if=/dev/zero", "bs=65536", "count=200"))
    assert running.console is not None
    out, err = await drain(running.console)
    assert len(out) == 200 * 65536
    assert b"200+0 records out" in err


async def test_input(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "wc", "-c", stdin=True))
    assert running.console is not None
    await running.console.write(b"x" * 1_000_000)
    running.console.close_input()
    assert await drain(running.console) == (b"1000000\n", b"")


async def test_input_nobody_reads(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "true", stdin=True))
    assert running.console is not None
    await asyncio.wait_for(running.console.write(b"x" * 1_000_000), 30)
    assert await running.wait() == 0
    running.console.close()


async def test_terminal(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "sh", tty=True, stdin=True, size=(31, 97)))
    assert running.console is not None
    await running.console.write(b"tty; stty size\n")
    assert b"/dev/pts/" in await until(running.console, b"31 97\r\n")
    running.resize(44, 55)
    await running.console.write(b"stty size; exit 4\n")
    out, err = await drain(running.console)
    assert b"44 55\r\n" in out
    assert err == b""
    assert await running.wait() == 4
    assert not [name for name in os.listdir(place.runtime.bundle(id)) if name.startswith("exec-")]


@pytest.mark.parametrize("how", [{}, {"tty": True}], ids=["pipes", "terminal"])
@pytest.mark.parametrize(
    ("command", "error", "text"),
    [
        ("nosuchthing", CommandNotFound, 'exec: "nosuchthing": executable file not found in $PATH: unknown'),
        ("/noexec", CommandNotRunnable, 'exec: "/noexec": permission denied: unknown'),
    ],
)
async def test_failure(place: Shop, how: dict[str, bool], command: str, error: type[RuntimeFailed], text: str) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, command, **how))
    assert running.console is not None
    await drain(running.console)
    with pytest.raises(error) as caught:
        await running.wait()
    assert str(caught.value).startswith("OCI runtime exec failed: exec failed: unable to start container process: ")
    assert str(caught.value).endswith(text)


async def test_detached(place: Shop) -> None:
    id = await sleeper(place)
    script = "echo x; until [ -e /tmp/go ]; do usleep 9999; done; exit 6"
    running = await place.runtime.exec(place.exec(id, "sh", "-c", script, detach=True))
    assert running.console is None
    assert running.pid > 0
    assert process.alive(running.pid)
    (place.rootfs / "tmp/go").touch()
    assert await running.wait() == 6
    with pytest.raises(CommandNotFound):
        await place.runtime.exec(place.exec(id, "nosuchthing", detach=True))


async def test_signal(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "sleep", "100", detach=True))
    running.signal(signal.SIGTERM)
    assert await asyncio.wait_for(running.wait(), 30) == 143
    running.signal(signal.SIGTERM)


async def test_many_at_once(place: Shop) -> None:
    id = await sleeper(place)

    async def one(number: int) -> bytes:
        running = await place.runtime.exec(place.exec(id, "echo", str(number)))
        assert running.console is not None
        out, _ = await drain(running.console)
        assert await running.wait() == 0
        return out

    found = await asyncio.gather(*(one(n) for n in range(12)))
    assert found == [b"%d\n" % n for n in range(12)]


async def test_what_stays_behind_does_not_hold_the_client() -> None:
    """Under crun; runc itself copies output and waits for whoever holds the other end."""
    async with shop("crun") as place:
        id = await sleeper(place)
        running = await place.runtime.exec(place.exec(id, "sh", "-c", "sleep 100 & echo done"))
        assert running.console is not None
        out, _ = await asyncio.wait_for(drain(running.console), 30)
        assert out == b"done\n"


async def test_no_descriptor_leaks(place: Shop) -> None:
    id = await sleeper(place)
    before = None
    for _ in range(3):
        for tty in (False, True):
            running = await place.runtime.exec(place.exec(id, "true", tty=tty, stdin=True))
            assert running.console is not None
            await drain(running.console)
            await running.wait()
        now = len(os.listdir("/proc/self/fd"))
        assert before in (None, now)
        before = now


async def test_the_containers_end_is_the_execs_end(place: Shop) -> None:
    id = await sleeper(place)
    running = await place.runtime.exec(place.exec(id, "sleep", "100"))
    assert running.console is not None
    await running.started
    await place.runtime.delete(id)
    await asyncio.wait_for(drain(running.console), 30)
    assert await asyncio.wait_for(running.wait(), 30) == 137


async def test_exec_in_nothing(place: Shop) -> None:
    id = await sleeper(place)
    launch = place.exec(id, "true")
    await place.runtime.delete(id)
    running = await place.runtime.exec(launch)
    with pytest.raises(RuntimeFailed):
        await running.wait()
    assert running.console is not None
    running.console.close()
