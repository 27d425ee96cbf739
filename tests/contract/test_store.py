"""What every store must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxship.base.errors import Conflict, PlatformError
from boxship.store.api import Change, Entry, Store
from boxship.store.memory import MemoryStore
from boxship.store.sqlite import SqliteStore

Make = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make stores with a history of eight changes; the second of sqlite is the first, opened again."""
    if request.param == "memory":
        return lambda: MemoryStore(history=8)
    return lambda: SqliteStore(tmp_path / "test.db", history=8)


@pytest.fixture
async def store(make: Make) -> AsyncIterator[Store]:
    store = make()
    yield store
    await store.close()


async def take(store: Store, prefix: str, since: int, count: int) -> list[Change]:
    taken = []
    async with asyncio.timeout(30):
        async for change in store.watch(prefix, since):
            taken.append(change)
            if len(taken) == count:
                return taken
    return taken


async def test_get_gives_what_was_put(store: Store) -> None:
    assert await store.get("a/1") is None
    revision = await store.put("a/1", b"one")
    assert await store.get("a/1") == Entry("a/1", b"one", revision)
    second = await store.put("a/1", b"two")
    assert second > revision
    assert await store.get("a/1") == Entry("a/1", b"two", second)


async def test_any_bytes_are_kept(store: Store) -> None:
    value = bytes(range(256))
    await store.put("k/ü☃", value)
    entry = await store.get("k/ü☃")
    assert entry is not None
    assert entry.value == value


async def test_list_is_ordered_and_bounded_by_its_prefix(store: Store) -> None:
    for key in ("b/2", "a/1", "b/10", "c/1", "b", "bb/1"):
        await store.put(key, key.encode())
    entries, revision = await store.list("b/")
    assert [e.key for e in entries] == ["b/10", "b/2"]
    assert revision == 6
    assert await store.list("x/") == ([], 6)


async def test_delete_removes_once(store: Store) -> None:
    await store.put("a/1", b"one")
    assert await store.delete("a/1") == 2
    assert await store.get("a/1") is None
    assert await store.delete("a/1") == 2
    assert await store.list("a/") == ([], 2)


@pytest.mark.parametrize(("expect", "fits"), [(0, False), (1, True), (2, False), (None, True)])
async def test_put_compares_the_revision(store: Store, expect: int | None, fits: bool) -> None:
    await store.put("a/1", b"one")
    if fits:
        assert await store.put("a/1", b"two", expect=expect) == 2
    else:
        with pytest.raises(Conflict, match="a/1 is at revision 1, not"):
            await store.put("a/1", b"two", expect=expect)
        assert await store.get("a/1") == Entry("a/1", b"one", 1)


async def test_put_of_what_must_not_exist(store: Store) -> None:
    assert await store.put("a/1", b"one", expect=0) == 1
    await store.delete("a/1")
    assert await store.put("a/1", b"again", expect=0) == 3


async def test_delete_compares_the_revision(store: Store) -> None:
    await store.put("a/1", b"one")
    with pytest.raises(Conflict):
        await store.delete("a/1", expect=7)
    with pytest.raises(Conflict):
        await store.delete("a/2", expect=7)
    assert await store.delete("a/2", expect=0) == 1
    assert await store.delete("a/1", expect=1) == 2


async def test_watch_replays_and_goes_on(store: Store) -> None:
    await store.put("a/1", b"one")
    await store.put("b/1", b"other")
    task = asyncio.create_task(take(store, "a/", 0, 4))
    await asyncio.sleep(0.01)
    await store.put("a/2", b"two")
    await store.delete("a/1")
    await store.put("a/2", b"three")
    assert await task == [
        Change("a/1", b"one", 1),
        Change("a/2", b"two", 3),
        Change("a/1", None, 4),
        Change("a/2", b"three", 5),
    ]


async def test_watch_from_a_list_misses_nothing_and_repeats_nothing(store: Store) -> None:
    await store.put("a/1", b"one")
    _, revision = await store.list("a/")
    await store.put("a/2", b"two")
    assert [c.key for c in await take(store, "a/", revision, 1)] == ["a/2"]


async def test_two_watchers_see_the_same(store: Store) -> None:
    tasks = [asyncio.create_task(take(store, "", 0, 5)) for _ in range(2)]
    await asyncio.sleep(0)
    for number in range(5):
        await store.put(f"k/{number}", b"")
    first, second = await asyncio.gather(*tasks)
    assert first == second
    assert [c.revision for c in first] == [1, 2, 3, 4, 5]


async def test_watching_from_before_the_history_is_refused(store: Store) -> None:
    for number in range(20):
        await store.put("k", b"%d" % number)
    with pytest.raises(Conflict, match="too old"):
        await take(store, "", 3, 1)
    assert [c.revision for c in await take(store, "", 12, 8)] == list(range(13, 21))


async def test_a_sqlite_store_survives_its_process(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "a.db")
    await first.put("a/1", b"one")
    await first.put("a/2", b"two")
    await first.delete("a/2")
    # not closed: the process was killed
    second = SqliteStore(tmp_path / "a.db")
    assert await second.list("") == ([Entry("a/1", b"one", 1)], 3)
    assert await second.put("a/3", b"three") == 4
    await second.close()
    await first.close()


async def test_a_sqlite_store_that_cannot_be_opened_says_where(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"this is no database, and long enough to be looked at" * 40)
    with pytest.raises(PlatformError, match=r"cannot open the store .*junk\.db"):
        SqliteStore(tmp_path / "junk.db")


KEYS = st.sampled_from(["a/1", "a/2", "b/1"])
OPERATIONS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3), st.none() | st.integers(0, 4)), max_size=25)


@given(OPERATIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_stores_agree_on_everything(
    tmp_path: Path, operations: list[tuple[str, bytes | None, int | None]]
) -> None:
    async def outcome(store: Store, key: str, value: bytes | None, expect: int | None) -> int | str:
        try:
            if value is None:
                return await store.delete(key, expect=expect)
            return await store.put(key, value, expect=expect)
        except Conflict as e:
            return str(e)

    async def compare() -> None:
        path = tmp_path / "law.db"
        path.unlink(missing_ok=True)
        memory, sqlite = MemoryStore(), SqliteStore(path)
        for operation in operations:
            assert await outcome(memory, *operation) == await outcome(sqlite, *operation)
        assert await memory.list("") == await sqlite.list("")
        await sqlite.close()

    asyncio.run(compare())
