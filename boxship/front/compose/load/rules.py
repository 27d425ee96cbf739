"""Tables of what to do at which key: `services.*.build.args`, looked up while walking a tree. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from boxship.front.compose.load.errors import Path

T = TypeVar("T")


class Rules(Generic[T]):
    """Rules at and below one place. A subtree that no rule concerns has none, so that walks can leave it out."""

    __slots__ = ("_below", "rule")

    def __init__(self, table: Mapping[str, T]) -> None:
        self.rule: T | None = table.get("")
        parts: dict[str, dict[str, T]] = {}
        for pattern, rule in table.items():
            if pattern:
                first, _, rest = pattern.partition(".")
                parts.setdefault(first, {})[rest] = rule
        self._below = {part: Rules(rest) for part, rest in parts.items()}

    def below(self, key: str) -> "Rules[T] | None":
        """Return the rules at `key` of this mapping (or of any item of this list), None where there are none."""
        return self._below.get(key) or self._below.get("*")


Change = Callable[[Any, Path], Any]


def change(tree: Any, rules: Rules[Change], path: Path = ()) -> Any:
    """Put what each rule makes of the value at its key in the value's place; rules of deeper keys go first."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            inner = rules.below(key)
            if inner is not None:
                tree[key] = change(value, inner, (*path, key))
    elif isinstance(tree, list):
        inner = rules.below("*")
        if inner is not None:
            tree[:] = [change(value, inner, (*path, index)) for index, value in enumerate(tree)]
    return rules.rule(tree, path) if rules.rule is not None else tree
