"""The daemon is killed while it makes room on a full disk: what stays is whole, what goes goes whole, what is in use
or pinned never goes."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.base.bus import Bus
from boxship.base.clock import SystemClock
from boxship.engine.events import Events
from boxship.engine.images.evictor import Evictor
from boxship.engine.images.pressure import Disk, Limits
from boxship.engine.images.reference import parse
from boxship.model.container import ContainerSpec
from boxship.model.status import Container, ContainerStatus, State
from tests.root.images.test_layers import Home, archive, inspect, pieces

pytestmark = pytest.mark.root
USED, PINNED = "used:1", "pinned:1"
WORK = """
import asyncio, sys
sys.path.insert(0, {here!r})
from tests.root.images.test_collection import work
asyncio.run(work({root!r}, {seed}))
"""


@pytest.fixture
def directory() -> Iterator[Home]:
    home = Home()
    yield home
    subprocess.run(["rm", "-rf", str(home.root)], check=True)


async def work(root: str, seed: int) -> None:
    """Pull and collect at once, without end; somebody kills us. The disk is always too full."""
    home = Home.__new__(Home)
    home.root, home._open = Path(root), []
    running: list[Container] = []
    images = await home.daemon(lambda: running)
    bus, clock = Bus(), SystemClock()
    limits = Limits(high=80, low=10, pinned=(PINNED,))
    evictor = Evictor(images, Events(bus, clock), clock, limits, lambda: Disk(total=1 << 40, free=1 << 36))

    async def had(number: int, *names: str) -> None:
        """What can be had again has a digest beside its name."""
        await images.load(pieces(archive(number)), lambda *_: None)
        image = images.get(f"i{number % 3}:1")
        for name in names:
            await images.tag(image.id, name)
        await images.point(parse("from/registry").with_digest(image.id), image.id)

    await had(100, USED)
    running.append(
        Container(
            id="c" * 64, name="c", created=0, image_id=images.get(USED).id, group="",
            spec=ContainerSpec(image=USED, cmd=("run",)), status=ContainerStatus(state=State.RUNNING),
        )
    )  # fmt: skip
    await had(101, PINNED)
    print("ready", flush=True)
    chance, gone = random.Random(seed), 0

    async def collect() -> None:
        nonlocal gone
        while True:
            gone += len(await evictor.look())
            if gone:
                print("collected", flush=True)
            await asyncio.sleep(0)

    collecting = asyncio.create_task(collect())
    while not collecting.done():
        await had(chance.randrange(6))
    await collecting


async def test_killed_while_it_makes_room(directory: Home) -> None:
    here = str(Path(__file__).parents[3])
    for seed in range(5):
        code = WORK.format(here=here, root=str(directory.root), seed=seed)
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            assert child.stdout.readline() == b"collected\n"
            time.sleep(random.Random(seed).uniform(0.0, 0.2))
            child.send_signal(signal.SIGKILL)
        assert await inspect(directory) >= {USED, PINNED}
