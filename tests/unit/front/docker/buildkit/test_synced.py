"""Directories that stay between builds."""

from pathlib import Path
from typing import Any, cast

from boxship.base.clock import SystemClock
from boxship.engine.build.synced import SPARE, SyncedContexts


class Trees:
    def __init__(self) -> None:
        self.gone: list[str] = []

    def trash(self, tree: Path) -> None:
        self.gone.append(tree.name)
        tree.rmdir()


async def test_each_build_has_a_directory_of_its_own(tmp_path: Path) -> None:
    contexts = SyncedContexts(tmp_path / "home", cast(Any, Trees()), SystemClock())
    async with contexts.borrowed("a") as first, contexts.borrowed("a") as second:
        assert first.root != second.root
        assert all(busy for _, busy in contexts.all())
    async with contexts.borrowed("a") as again:
        assert again in (first, second)
    async with contexts.borrowed("b") as other:
        assert other.root not in (first.root, second.root)


async def test_the_oldest_go(tmp_path: Path) -> None:
    trees = Trees()
    contexts = SyncedContexts(tmp_path, cast(Any, trees), SystemClock())
    made = []
    for number in range(SPARE + 2):
        async with contexts.borrowed(str(number)) as kept:
            made.append(kept.root.name)
    assert trees.gone == made[:2]
    contexts.drop(made[5])
    assert trees.gone[-1] == made[5]
    contexts.sweep()
    assert list(tmp_path.iterdir()) == []
