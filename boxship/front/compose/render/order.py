"""The order of keys in YAML that Go's encoder chooses: A2 before A10, letters behind everything else. Pure."""

from collections.abc import Iterable
from functools import cmp_to_key
from typing import TypeVar

V = TypeVar("V")


def natural(pairs: Iterable[tuple[str, V]]) -> list[tuple[str, V]]:
    """Return `pairs` in the order of their keys. Source: yaml.v3, sorter.go."""
    found = list(pairs)
    return found if len(found) < 2 else sorted(found, key=lambda pair: _key(pair[0]))


def _compare(left: str, right: str) -> int:
    in_digits = False
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            in_digits = a.isdigit()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if (a if in_digits else b).isalpha() else 1
        return _numbers(left, right, index)
    return len(left) - len(right)


def _numbers(left: str, right: str, index: int) -> int:
    """Compare as numbers what begins at `index`; a zero continues the number before it."""
    start = ""
    if "0" in (left[index], right[index]):
        before = left[:index]
        digits = before[len(before.rstrip("0123456789")) :]
        start = "1" if digits.strip("0") else ""
    a, b = _digits(left, index), _digits(right, index)
    by_value = int(start + a or "0") - int(start + b or "0")
    if by_value:
        return by_value
    return len(a) - len(b) or (-1 if left[index] < right[index] else 1)


def _digits(text: str, index: int) -> str:
    end = index
    while end < len(text) and text[end].isdigit():
        end += 1
    return text[index:end]


_key = cmp_to_key(_compare)
