"""Contexts that stay here: what must be sent again, and that what is known of files is what they are."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.clock import SystemClock
from boxship.base.errors import Invalid
from boxship.engine.build.kept import Contexts, Kept, compare, parse_listing
from boxship.front.client.building import context
from boxship.host.api.files import Selection
from boxship.host.tree import Trees

MARKS = st.dictionaries(st.text("abc/", min_size=1, max_size=5), st.sampled_from(["100644:1", "100644:2", "1~"]))


@given(MARKS, MARKS)
def test_all_that_differs_is_sent_and_nothing_else(old: dict[str, str], new: dict[str, str]) -> None:
    missing, gone = compare({path: (marks, 0, b"") for path, marks in old.items()}, new)
    assert set(missing) == {p for p, m in new.items() if m.endswith("~") or old.get(p) != m}
    assert set(gone) == old.keys() - new.keys()
    depths = [path.count("/") for path in gone]
    assert depths == sorted(depths, reverse=True)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a/.."])
def test_no_path_leads_out(path: str) -> None:
    with pytest.raises(Invalid, match="outside"):
        parse_listing(f"100644:1 {path}".encode())


class Client:
    """A directory, and what it would send."""

    def __init__(self, root: Path, trees: Trees, home: Path) -> None:
        self.root = root
        self.trees = trees
        self.contexts = Contexts(home, trees, SystemClock())
        self.spare = home.parent / "spare"

    async def bring(self) -> tuple[Kept, list[str]]:
        async with self.contexts.claim("key", "here", self.spare) as kept:
            await kept.open()
            missing = await kept.compare(context.listing(str(self.root), ()).replace(b"~", b""))
            if missing:
                await kept.take(self._archive(missing))
            return kept, missing

    async def _archive(self, paths: list[str]) -> AsyncIterator[bytes]:
        for piece in context.archive(str(self.root), paths):
            yield piece

    async def agrees(self, kept: Kept) -> bool:
        known = kept.fingerprint(["."], (), (), False)
        real = await self.trees.fingerprint(kept.root, Selection(sources=(".",)), owned=False)
        return known == real == await self.trees.fingerprint(self.root, Selection(sources=(".",)), owned=False)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    trees = Trees(tmp_path / "trash")
    root = tmp_path / "context"
    (root / "deep/er").mkdir(parents=True)
    root.chmod(0o755)
    (root / "a").write_text("one")
    (root / "deep/b").write_text("two")
    (root / "deep/er/link").symlink_to("../b")
    yield Client(root, trees, tmp_path / "kept")
    await trees.aclose()


async def test_only_changes_come_again(client: Client) -> None:
    kept, missing = await client.bring()
    assert set(missing) == {"a", "deep", "deep/b", "deep/er", "deep/er/link"}
    assert await client.agrees(kept)
    assert (await client.bring())[1] == []

    (client.root / "a").write_text("ONE")
    (client.root / "new").write_text("three")
    (client.root / "deep/b").chmod(0o755)
    kept, missing = await client.bring()
    assert set(missing) == {"a", "new", "deep/b"}
    assert await client.agrees(kept)


async def test_what_has_gone_or_turned_goes(client: Client) -> None:
    await client.bring()
    (client.root / "a").unlink()
    (client.root / "deep/er/link").unlink()
    (client.root / "deep/er").rmdir()
    (client.root / "deep/er").write_text("a file now")
    (client.root / "deep/b").unlink()
    (client.root / "deep/b").mkdir()
    kept, missing = await client.bring()
    assert set(missing) == {"deep/er", "deep/b"}
    assert not (kept.root / "a").exists()
    assert await client.agrees(kept)
    (client.root / "deep/b").rmdir()
    kept, missing = await client.bring()
    assert missing == []
    assert await client.agrees(kept)


async def test_a_touched_file_with_its_old_time_comes_again(client: Client) -> None:
    await client.bring()
    before = os.stat(client.root / "a")
    (client.root / "a").write_text("two")
    os.utime(client.root / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    kept, missing = await client.bring()
    assert missing == ["a"]
    assert (kept.root / "a").read_text() == "two"


async def test_half_of_a_context_is_worth_nothing(client: Client) -> None:
    kept, _ = await client.bring()
    (kept.home / "record").unlink()
    (kept.root / "stranger").write_text("x")
    again, missing = await client.bring()
    assert len(missing) == 5
    assert not (again.root / "stranger").exists()


async def test_who_comes_second_gets_a_place_of_its_own(client: Client) -> None:
    async with client.contexts.claim("key", "", client.spare) as first:
        async with client.contexts.claim("key", "", client.spare) as second:
            assert first.home != second.home == client.spare
        key, facts = client.contexts.all()[0]
        assert client.contexts.in_use(key)
        assert facts.created
    assert not client.contexts.in_use(key)
    client.contexts.drop(key)
    await asyncio.to_thread(lambda: None)
    assert client.contexts.all() == []


async def test_a_file_written_just_now_is_not_trusted(client: Client) -> None:
    (client.root / "late").write_text("x")
    listed = parse_listing(context.listing(str(client.root), ()))
    assert listed["late"].endswith("~")
