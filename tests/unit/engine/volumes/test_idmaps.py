import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.base.facts import IdMap
from boxship.engine.volumes import idmaps, modes
from boxship.engine.volumes.parse import parse_bind

PARSED = {
    "idmap=uids=1000-0-1": ([(1000, 0, 1)], [(1000, 0, 1)]),
    "idmap=uids=0-5-2#9-0-1;gids=0-7-1": ([(0, 5, 2), (9, 0, 1)], [(0, 7, 1)]),
    "idmap=gids=0-7-1;uids=0-1-1": ([(0, 1, 1)], [(0, 7, 1)]),
}


def triples(maps: tuple[IdMap, ...]) -> list[tuple[int, int, int]]:
    return [(m.container, m.host, m.size) for m in maps]


@pytest.mark.parametrize(("text", "expected"), PARSED.items(), ids=PARSED)
def test_parse(text: str, expected: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]) -> None:
    found = idmaps.parse(text)
    assert found is not None
    assert (triples(found[0]), triples(found[1])) == expected
    assert parse_bind(f"/src:/dst:ro,{text}").id_map == text


REFUSED = (
    "idmap=", "idmap=x", "idmap=uids=1-2", "idmap=uids=a-b-c", "idmap=uids=1-2-0", "idmap=gids=0-0-1",
    "idmap=uids=0-0-2#1-5-1", "idmap=uids=0-5-2#8-6-1", "idmap=uids=4294967295-0-1", "idmap=uids=0-0-1;uids=1-1-1",
    "idmap=uids=" + "#".join(f"{n}-{n}-1" for n in range(0, 700, 2)),
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_sense(text: str) -> None:
    with pytest.raises(Invalid, match="invalid mode: idmap="):
        parse_bind(f"/src:/dst:{text}")


def test_as_a_mode() -> None:
    assert modes.is_mode("ro,idmap")
    assert not modes.is_mode("idmap,idmap=uids=0-0-1")
    assert idmaps.of_mode("ro,z") == ""
    with pytest.raises(Invalid, match="invalid mode: idmap"):
        modes.parse_source("c:idmap")


@pytest.mark.parametrize(("user", "ids"), [("", (0, 0)), ("5", (5, 5)), ("5:6", (5, 6))])
def test_user_of(user: str, ids: tuple[int, int]) -> None:
    assert idmaps.user_of(user) == ids


def test_a_user_by_name_must_be_said_by_number() -> None:
    with pytest.raises(Invalid, match="user 'redis' is a name"):
        idmaps.user_of("redis")


def seen(maps: tuple[IdMap, ...], disk: int) -> int | None:
    return next((m.host + disk - m.container for m in maps if 0 <= disk - m.container < m.size), None)


ids = st.integers(0, 1 << 20)


@given(ids, ids, ids)
def test_owner_and_user_change_places_and_all_others_stay(owner: int, user: int, other: int) -> None:
    maps, _ = idmaps.exchanged((owner, 0), (user, 0))
    assert (seen(maps, owner), seen(maps, user)) == (user, owner)
    if other not in (owner, user):
        assert seen(maps, other) == other
    assert sum(m.size for m in maps) == idmaps.EVERY


spans = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=5)


def laid_out(pairs: list[tuple[int, int]], jump: int) -> tuple[IdMap, ...]:
    found, place, host = [], 0, 1000
    for gap, size in pairs:
        found.append(IdMap(container=place + gap, host=host, size=size))
        place, host = place + gap + size, host + size + jump
    return tuple(found)


@given(spans, spans, st.integers(0, 200))
def test_a_user_namespace_comes_on_top(first: list[tuple[int, int]], second: list[tuple[int, int]], disk: int) -> None:
    inner = tuple(IdMap(container=m.container, host=m.host - 1000, size=m.size) for m in laid_out(first, 3))
    outer = laid_out(second, 7)
    inside = seen(inner, disk)
    expected = None if inside is None else seen(outer, inside) if outer else inside
    assert seen(idmaps.beyond(inner, outer), disk) == expected
