"""When memory goes back to the host."""

import asyncio

from boxship.app.relief import PASSED, relieve
from boxship.base.bus import Bus, Event


async def test_memory_goes_back_after_layers_have_passed_and_only_then() -> None:
    bus, given, came = Bus(), 0, asyncio.Event()

    def give_back() -> None:
        nonlocal given
        given += 1
        if given == len(PASSED):
            loop.call_soon_threadsafe(came.set)

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(relieve(bus, give_back))
    await asyncio.sleep(0)  # it listens now
    for kind, action in [("container", "start"), ("image", "tag"), *(("image", action) for action in sorted(PASSED))]:
        bus.publish(Event(kind=kind, action=action, id="x", time=1, attributes={}))
    await asyncio.wait_for(came.wait(), 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert given == len(PASSED)
