"""Exit files as conmon writes them: under another name first, then renamed."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boxship.host.api.runtime import Exit
from boxship.host.conmon.exits import UNKNOWN, Exits
from boxship.host.oci.layout import Layout


class Place:
    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root))
        self.exits = Exits(self.layout)
        os.makedirs(self.layout.exits)

    def write(self, id: str, text: str, time: int = 5_000_000_000) -> None:
        path = self.layout.exit(id)
        Path(path + ".TMP123").write_text(text)
        os.utime(path + ".TMP123", ns=(time, time))
        os.rename(path + ".TMP123", path)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    yield made
    made.exits.close()


async def take(found: AsyncIterator[Exit], count: int) -> list[tuple[str, int]]:
    taken = [await asyncio.wait_for(anext(found), 2) for _ in range(count)]
    return [(seen.id, seen.code) for seen in taken]


async def test_those_of_the_past_and_then_new_ones(place: Place) -> None:
    place.write("a", "0")
    place.write("b", "137")
    found = place.exits.follow()
    assert await take(found, 2) == [("a", 0), ("b", 137)]
    place.write("c", "3")
    assert await take(found, 1) == [("c", 3)]


async def test_each_is_told_once_but_a_new_run_again(place: Place) -> None:
    found = place.exits.follow()
    place.write("a", "1")
    assert await take(found, 1) == [("a", 1)]
    place.write("b", "2")
    assert await take(found, 1) == [("b", 2)]
    place.exits.forget("a")
    place.write("a", "3", time=6_000_000_000)
    assert await take(found, 1) == [("a", 3)]


async def test_half_written_ones_are_not_seen(place: Place) -> None:
    Path(place.layout.exit("a") + ".TMP123").write_text("0")
    assert place.exits.known() == []


@pytest.mark.parametrize(("text", "code"), [("0", 0), ("137", 137), ("-1", UNKNOWN), ("", UNKNOWN), ("x", UNKNOWN)])
async def test_codes(place: Place, text: str, code: int) -> None:
    place.write("a", text)
    assert place.exits.of("a") == Exit(id="a", code=code, time_ns=5_000_000_000)


async def test_want_of_memory(place: Place) -> None:
    place.write("a", "137")
    os.makedirs(place.layout.bundle("a"))
    Path(place.layout.oom("a")).touch()
    seen = place.exits.of("a")
    assert seen is not None
    assert seen.oom


async def test_forgetting_may_be_repeated(place: Place) -> None:
    place.write("a", "0")
    place.exits.forget("a")
    place.exits.forget("a")
    assert place.exits.of("a") is None


async def test_an_exit_in_the_monitors_place(place: Place) -> None:
    found = place.exits.follow()
    place.exits.record("a", 137)
    assert await take(found, 1) == [("a", 137)]
