import asyncio

from boxship.base.bus import Bus, Event


def event(number: int) -> Event:
    return Event(kind="container", action="start", id=str(number), time=number)


async def test_listeners_get_all_events_in_order() -> None:
    bus = Bus()
    with bus.listen() as first, bus.listen() as second:
        for number in range(3):
            bus.publish(event(number))
        for queue in (first, second):
            assert [queue.get_nowait().id for _ in range(3)] == ["0", "1", "2"]


async def test_a_closed_listener_hears_nothing_more() -> None:
    bus = Bus()
    with bus.listen() as queue:
        pass
    bus.publish(event(1))
    assert queue.empty()


async def test_the_ring_keeps_the_last_events() -> None:
    bus = Bus(replay=2)
    for number in range(4):
        bus.publish(event(number))
    assert [e.id for e in bus.past()] == ["2", "3"]


async def test_follow_starts_with_the_next_event() -> None:
    bus = Bus()
    bus.publish(event(1))
    follower = asyncio.create_task(anext(bus.follow()))
    await asyncio.sleep(0)
    bus.publish(event(2))
    assert (await follower).id == "2"
