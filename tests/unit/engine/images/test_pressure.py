"""What goes when the disk is full: tables, laws, and the hands over real files."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.events import Events
from boxship.engine.images import pressure
from boxship.engine.images.evictor import Evictor, measured
from boxship.engine.images.making import ImportWish
from boxship.engine.images.pressure import Disk, Limits, Seen, plan, render
from boxship.engine.images.reference import parse
from boxship.model.container import ContainerSpec
from boxship.model.image import Image, ImageConfig
from boxship.model.status import Container, ContainerStatus, State
from tests.unit.engine.images.fakes import World, in_pieces, make_tar

LIMITS = Limits(high=90, low=80, age=10)
FULL, ROOMY = Disk(total=1000, free=50), Disk(total=1000, free=200)


def image(name: str, *, tag: bool = True, here_only: bool = False, parent: str = "", pin: str | None = None) -> Image:
    return Image(
        id=name,
        created=0,
        tags=(f"{name}:1",) if tag else (),
        digests=() if here_only or not tag else (f"{name}@sha256:x",),
        parent=parent,
        config=ImageConfig(labels={} if pin is None else {pressure.PIN: pin}),
    )


def evicted(disk: Disk, images: list[Image], limits: Limits = LIMITS, now: int = 1000, **more: Any) -> str:
    used = {i.id: number for number, i in enumerate(images)} | more.get("used", {})
    seen = Seen(images=images, used=used, busy=more.get("busy", ()), sizes={i.id: 100 for i in images})
    return " ".join(action.image_id for action in plan(disk, seen, limits, now))


A, B, C = image("a"), image("b"), image("c")
CASES: dict[str, tuple[str, str]] = {
    "oldest first, no more than needed": (evicted(FULL, [A, B, C]), "a b"),
    "a disk with room": (evicted(ROOMY, [A, B, C]), ""),
    "turned off": (evicted(FULL, [A], Limits()), ""),
    "in use": (evicted(FULL, [A, B, C], busy={"a"}), "b c"),
    "used just now": (evicted(FULL, [A, B, C], used={"a": 995}), "b c"),
    "a parent": (evicted(FULL, [A, image("k", parent="a")]), "k"),
    "here only": (evicted(FULL, [image("a", here_only=True), B]), "b"),
    "without a name": (evicted(FULL, [image("a", tag=False), B]), "a b"),
    "pinned by its label": (evicted(FULL, [image("a", pin="true"), image("b", pin="false")]), "b"),
    "pinned by name": (evicted(FULL, [A, B], Limits(high=90, low=80, pinned=("a:*",))), "b"),
}


@pytest.mark.parametrize(("got", "want"), CASES.values(), ids=CASES)
def test_plan(got: str, want: str) -> None:
    assert got == want


def test_the_plan_says_why() -> None:
    seen = Seen(images=[A], used={"a": 0}, busy=(), sizes={})
    text = render(plan(FULL, seen, LIMITS, 3_000_000_000))
    assert text == "evict a: disk is 95% full, 50B free, limit 90%; not used for 3 s and to be had again"


@given(st.integers(0, 100), st.lists(st.booleans(), max_size=6), st.sets(st.sampled_from("012345")))
def test_what_is_in_use_or_only_here_never_goes(free: int, only: list[bool], busy: set[str]) -> None:
    images = [image(str(n), here_only=o) for n, o in enumerate(only)]
    gone = evicted(Disk(total=100, free=free), images, busy=busy).split()
    assert not set(gone) & busy
    assert not any(only[int(name)] for name in gone)
    assert not gone or free <= 10


def test_measured(tmp_path: Path) -> None:
    disk = measured(tmp_path)
    assert 0 < disk.free <= disk.total


async def test_evictor(tmp_path: Path) -> None:
    world = World(tmp_path)
    images = await world.daemon()
    made = []
    for name in ("reg.example/old:1", "reg.example/busy:1", "here:1"):
        layer = make_tar({name.replace("/", "_"): b"x" * 100})
        found = await images.import_(in_pieces(layer), ImportWish(reference=parse(name)))
        made.append(found.id)
        if "/" in name:
            await images.point(parse(name.partition(":")[0] + "@sha256:" + "a" * 64), found.id)
    world.containers.append(
        Container(
            id="c" * 64,
            name="c",
            created=0,
            group="c",
            spec=ContainerSpec(),
            image_id=made[1],
            status=ContainerStatus(state=State.EXITED),
        )
    )
    world.clock.advance(60_000_000_000)
    evictor = Evictor(images, Events(world.bus, world.clock), world.clock, Limits(high=90, low=1), lambda: FULL)
    assert await evictor.look() == [made[0]]
    assert {i.id for i in images.all()} == set(made[1:])
    (event,) = [event for event in world.bus.past() if event.action == "evict"]
    assert "disk is 95% full" in event.attributes["reason"]
    assert event.attributes["name"].startswith("reg.example/old:1")
    assert await evictor.look() == []
    evictor.start()
    await evictor.aclose()
