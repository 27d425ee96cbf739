"""Files placed from one tree into another, on the real kernel: nothing leaves either of them."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.host.api.files import Placing, Selection
from boxship.host.tree import Trees

pytestmark = pytest.mark.root


@pytest.fixture
async def trees(tmp_path: Path) -> AsyncIterator[Trees]:
    found = Trees(tmp_path / "trash")
    yield found
    await found.aclose()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "d/e").mkdir(parents=True)
    (root / "d/e/f").write_text("f")
    (root / "a").write_text("a")
    os.link(root / "a", root / "d/hard")
    (root / "d/soft").symlink_to("../a")
    (root / "out").symlink_to("/etc")
    return root


@pytest.fixture
def target(tmp_path: Path) -> Path:
    root = tmp_path / "target"
    (root / "there").mkdir(parents=True)
    (root / "inner").symlink_to("/there")
    (root / "escape").symlink_to("../../../../../../etc")
    return root


def what(*sources: str, **more: object) -> Selection:
    return Selection(sources=sources, **more)  # type: ignore[arg-type]


async def test_links_of_the_target_stay_inside(trees: Trees, source: Path, target: Path) -> None:
    await trees.place(source, what("a"), target, Placing(target="/inner/x"))
    assert (target / "there/x").read_text() == "a"
    (target / "etc").mkdir()
    await trees.place(source, what("a"), target, Placing(target="/escape/placed"))
    assert (target / "etc/placed").read_text() == "a"
    assert not Path("/etc/placed").exists()


async def test_links_of_the_source_stay_inside(trees: Trees, source: Path, target: Path) -> None:
    with pytest.raises(NotFound, match='"/out": not found'):
        await trees.place(source, what("out"), target, Placing(target="/x"))
    await trees.place(source, what("d/soft"), target, Placing(target="/x"))
    assert (target / "x").read_text() == "a"


async def test_a_tree_keeps_its_links_and_modes(trees: Trees, source: Path, target: Path) -> None:
    (source / "d/e").chmod(0o711)
    os.utime(source / "d/e/f", ns=(5, 7_000_000_000))
    await trees.place(source, what("/"), target, Placing(target="/all", owner=(3, 4)))
    placed = target / "all"
    assert os.readlink(placed / "d/soft") == "../a"
    assert os.readlink(placed / "out") == "/etc"
    assert (placed / "a").stat().st_ino == (placed / "d/hard").stat().st_ino
    assert (placed / "d/e").stat().st_mode & 0o7777 == 0o711
    assert (placed / "d/e/f").stat().st_mtime_ns == 7_000_000_000
    assert {(p.lstat().st_uid, p.lstat().st_gid) for p in placed.rglob("*")} == {(3, 4)}


async def test_what_is_in_the_way(trees: Trees, source: Path, target: Path) -> None:
    (target / "file").write_text("old")
    (target / "link").symlink_to("file")
    await trees.place(source, what("a"), target, Placing(target="/link"))
    assert (target / "file").read_text() == "old"
    assert (target / "link").read_text() == "a"
    with pytest.raises(Invalid, match="no directory"):
        await trees.place(source, what("a"), target, Placing(target="/file/x"))
    (target / "e").mkdir()
    (target / "e/f").mkdir()
    with pytest.raises(Invalid, match="cannot replace the directory"):
        await trees.place(source, what("d/e"), target, Placing(target="/e"))


async def test_parents_and_patterns(trees: Trees, source: Path, target: Path) -> None:
    await trees.place(source, what("d/e/f", "d/./e/f", parents=True), target, Placing(target="/p/"))
    assert (target / "p/d/e/f").read_text() == (target / "p/e/f").read_text() == "f"
    await trees.place(source, what("/", ignore=("d", "!d/e/f")), target, Placing(target="/i"))
    assert sorted(p.name for p in (target / "i").rglob("*")) == ["a", "d", "e", "f", "out"]
    await trees.place(source, what("d", exclude=("e",)), target, Placing(target="/x"))
    assert sorted(p.name for p in (target / "x").iterdir()) == ["hard", "soft"]


async def test_fingerprints_know_contents_not_times(trees: Trees, source: Path) -> None:
    before = await trees.fingerprint(source, what("/"), owned=False)
    os.utime(source / "a", ns=(1, 1))
    assert await trees.fingerprint(source, what("/"), owned=False) == before
    os.chown(source / "d/e/f", 9, 9)
    assert await trees.fingerprint(source, what("/"), owned=False) == before
    assert await trees.fingerprint(source, what("/"), owned=True) != before
    (source / "d/e/f").chmod(0o600)
    assert await trees.fingerprint(source, what("/"), owned=False) != before
