"""Patterns of COPY: what they mean in a tree, and what they mean when nothing fits."""

from pathlib import Path

import pytest

from boxship.base.errors import NotFound
from boxship.host.jobs.select import Selector, Wish

FILES = ("a.txt", "b.log", "x/c.txt", "x/y/d.txt", "x/y/e.log")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "loop").symlink_to(".")
    return tmp_path


def chosen(tree: Path, *patterns: str, parents: bool = False) -> list[str]:
    wish = Wish(tuple(f"{tree}/./{each}" if parents else f"{tree}/{each}" for each in patterns), (), (), parents)
    return [str(Path(found.path).relative_to(tree)) for found in Selector(wish).sources()]


CASES: dict[str, tuple[tuple[str, ...], bool, list[str]]] = {
    "in one directory": (("*.txt",), False, ["a.txt"]),
    "nothing fits": (("none*", "a.txt", "[q]*"), False, ["a.txt"]),
    "any number of directories": (("**/*.txt",), True, ["a.txt", "x/c.txt", "x/y/d.txt"]),
    "none of them twice": (("**/**/d.txt",), True, ["x/y/d.txt"]),
    "at the end": (("x/**",), True, ["x/c.txt", "x/y"]),
    "one star without --parents": (("**/c.txt",), False, ["x/c.txt"]),
}


@pytest.mark.parametrize(("patterns", "parents", "found"), CASES.values(), ids=CASES)
def test_patterns(tree: Path, patterns: tuple[str, ...], parents: bool, found: list[str]) -> None:
    assert chosen(tree, *patterns, parents=parents) == found


def test_a_name_without_a_pattern_must_be_there(tree: Path) -> None:
    with pytest.raises(NotFound, match=r'none": not found'):
        chosen(tree, "none")
