"""The keeper of the firewall table, on a fake packet filter."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import pytest

from boxship.base.errors import KernelError
from boxship.engine.networks.wall import Wall
from boxship.host.api.network import ElementChange

ONE = {"any4": frozenset({"tcp . 1 : 10.0.0.1 . 1"})}
TWO = {"any4": frozenset({"tcp . 2 : 10.0.0.1 . 2"})}


class Filter:
    """Remembers scripts; refuses those that contain `bad`."""

    def __init__(self) -> None:
        self.scripts: list[str] = []
        self.bad = "\0"
        self.changes: asyncio.Queue[None] = asyncio.Queue()

    async def run(self, script: str) -> str:
        await asyncio.sleep(0)
        if self.bad in script:
            self.bad = "\0"
            raise KernelError("nftables: no")
        self.scripts.append(script)
        return ""

    async def change(self, table: str, changes: Sequence[ElementChange]) -> None:
        lines = [f"{'delete' if c.delete else 'add'} {c.set} {' '.join(c.elements)}" for c in changes]
        await self.run("\n".join(lines))

    async def forget_udp(self, ports: Mapping[int, Collection[int]]) -> None: ...

    async def disturbed(self, table: str) -> AsyncIterator[None]:
        while True:
            yield await (self.changes.get() if table else asyncio.Event().wait())  # type: ignore[misc]

    async def aclose(self) -> None: ...


@pytest.fixture
def nft() -> Filter:
    return Filter()


@pytest.fixture
async def wall(nft: Filter) -> AsyncIterator[Wall]:
    made = Wall("t", nft)
    await made.open()
    nft.scripts.clear()
    yield made
    await made.aclose()


async def test_elements_come_and_go(wall: Wall, nft: Filter) -> None:
    await wall.put("a", ONE)
    await wall.put("a", ONE)
    await wall.put("a", TWO)
    await wall.drop("a")
    await wall.drop("a")
    assert nft.scripts == [
        "add any4 tcp . 1 : 10.0.0.1 . 1",
        "delete any4 tcp . 1 : 10.0.0.1 . 1\nadd any4 tcp . 2 : 10.0.0.1 . 2",
        "delete any4 tcp . 2 : 10.0.0.1 . 2",
    ]


async def test_changes_of_the_same_moment_are_one_transaction(wall: Wall, nft: Filter) -> None:
    await asyncio.gather(wall.put("a", ONE), wall.put("b", TWO))
    assert len(nft.scripts) == 1
    assert wall.expected() == {"any4": ONE["any4"] | TWO["any4"]}


async def test_a_refused_change_makes_the_whole_table_right(wall: Wall, nft: Filter) -> None:
    nft.bad = "add any4 tcp . 1"
    await wall.put("a", ONE)
    assert len(nft.scripts) == 1
    assert "flush map inet t any4" in nft.scripts[0]
    assert "add element inet t any4 { tcp . 1 : 10.0.0.1 . 1 }" in nft.scripts[0]


async def test_a_table_beyond_repair_is_made_anew(wall: Wall, nft: Filter) -> None:
    nft.bad = "flush"
    await wall.repair()
    assert nft.scripts[0].startswith("table inet t { }\ndelete table inet t\n")


async def test_what_others_change_is_repaired(wall: Wall, nft: Filter) -> None:
    await wall.put("a", ONE)
    nft.changes.put_nowait(None)
    for _ in range(100):
        await asyncio.sleep(0.01)
        if wall.repairs:
            break
    assert "tcp . 1 : 10.0.0.1 . 1" in nft.scripts[-1]


async def test_noted_elements_come_with_the_next_repair(wall: Wall, nft: Filter) -> None:
    wall.note("a", ONE)
    assert nft.scripts == []
    await wall.repair()
    assert "tcp . 1 : 10.0.0.1 . 1" in nft.scripts[0]
