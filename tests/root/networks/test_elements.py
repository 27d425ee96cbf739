"""Elements packed by hand are those that the library of nftables would make: it lists what we added."""

import json
import secrets
from collections.abc import AsyncIterator

import pytest

from boxship.base.errors import KernelError
from boxship.engine.networks import rules
from boxship.host.api.network import ElementChange
from boxship.host.firewall import Nftables

pytestmark = pytest.mark.root

ELEMENTS = {
    "bridges": ['"bt-a"', '"bt-bcdefghijklm"'],
    "loops": ['"bt-a" . "bt-a"', '"bt-a" . "bt-b"'],
    "masq4": ["10.1.0.0/16", "10.2.0.0/16", "255.255.255.0/24"],
    "masq6": ["fd00::/64", "fd00:0:0:7::/64"],
    "own4": ["10.1.0.0/16 . 10.1.0.0/16", "10.2.0.0/24 . 10.2.0.0/24"],
    "own6": ["fd00::/64 . fd00::/64"],
    "routed4": ["10.1.0.2 . tcp . 80", "10.1.0.2 . udp . 100-200"],
    "routed6": ["fd00::2 . sctp . 80"],
    "any4": ["tcp . 8080 : 10.1.0.2 . 80", "udp . 53 : 10.1.0.3 . 53"],
    "any6": ["tcp . 8080 : fd00::2 . 80"],
    "host4": ["127.0.0.1 . tcp . 8080 : 10.1.0.2 . 80"],
    "host6": ["fd01::1 . tcp . 8080 : fd00::2 . 80"],
    "any4_ranges": ["udp . 20000-29999 : 10.1.0.2", "tcp . 1-65535 : 10.1.0.2"],
    "any6_ranges": ["udp . 20000-29999 : fd00::2"],
    "host4_ranges": ["127.0.0.1 . udp . 5-6 : 10.1.0.2"],
    "host6_ranges": ["fd01::1 . udp . 5-6 : fd00::2"],
    "any4_shared": ["tcp . 8080 . 0 : 10.1.0.2 . 80", "tcp . 8080 . 119 : 10.1.0.3 . 80"],
    "any6_shared": ["udp . 53 . 1 : fd00::2 . 53"],
    "host4_shared": ["127.0.0.1 . tcp . 8080 . 77 : 10.1.0.2 . 80"],
    "host6_shared": ["fd01::1 . tcp . 8080 . 7 : fd00::2 . 80"],
}


@pytest.fixture
async def nft() -> AsyncIterator[tuple[Nftables, str]]:
    made, table = Nftables(), f"boxship_t{secrets.token_hex(3)}"
    await made.run(rules.whole(table, {}))
    yield made, table
    await made.run(rules.remove(table))
    await made.aclose()


async def listed(nft: Nftables, table: str) -> dict[str, str]:
    """Set -> its elements as the library lists them, in a fixed order."""
    everything = json.loads(await nft.run(f"list table inet {table}"))["nftables"]
    sets = [each.get("set") or each.get("map") for each in everything if "set" in each or "map" in each]
    return {s["name"]: json.dumps(sorted(map(json.dumps, s.get("elem", [])))) for s in sets}


def test_every_set_is_tried() -> None:
    assert {"internal", "unprotected4", "unprotected6", *ELEMENTS} == set(rules.DECLARED)


async def test_ours_look_like_theirs(nft: tuple[Nftables, str]) -> None:
    made, table = nft
    wanted = {name: frozenset(elements) for name, elements in ELEMENTS.items()}
    await made.run(rules.whole(table, wanted))
    theirs = await listed(made, table)
    await made.run(rules.whole(table, {}))
    empty = await listed(made, table)
    await made.change(table, rules.change({}, wanted))
    assert await listed(made, table) == theirs
    await made.change(table, rules.change(wanted, {}))
    assert await listed(made, table) == empty
    await made.run(rules.whole(table, wanted))
    await made.change(table, rules.change(wanted, {}))
    assert await listed(made, table) == empty


async def test_all_or_nothing(nft: tuple[Nftables, str]) -> None:
    made, table = nft
    good = ElementChange(set="any4", declared=rules.DECLARED["any4"], elements=("tcp . 1 : 10.0.0.1 . 1",))
    missing = ElementChange(
        set="any4", declared=rules.DECLARED["any4"], elements=("tcp . 2 : 10.0.0.1 . 1",), delete=True
    )
    before = await listed(made, table)
    with pytest.raises(KernelError, match=f"delete 1 elements of {table} any4: No such file or directory"):
        await made.change(table, [good, missing])
    assert await listed(made, table) == before
    await made.change(table, [good, good])
    with pytest.raises(KernelError, match="nosuch"):
        await made.change(table, [ElementChange(set="nosuch", declared="type ifname", elements=('"x"',))])


async def test_many_elements(nft: tuple[Nftables, str]) -> None:
    made, table = nft
    many = frozenset(f"tcp . {n} : 10.0.0.1 . 80" for n in range(1, 5001))
    await made.change(table, rules.change({}, {"any4": many}))
    await made.change(table, rules.change({"any4": many}, {}))
    assert json.loads((await listed(made, table))["any4"]) == []
