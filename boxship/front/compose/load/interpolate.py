"""Variables in values: `$NAME`, `${NAME}` and `${NAME op word}` with op one of :- - :+ + :? ?; `$$` is a dollar. Pure.

A word may hold variables itself, and is only looked at when it is needed. A dollar before anything else stays as it is.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from boxship.front.compose.load.errors import Path, Wrong, dotted

Lookup = Callable[[str], str | None]
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR = re.compile(r":?[-+?]")


class Reference(NamedTuple):
    """A variable in a text. operator: "" or one of the six."""

    name: str
    operator: str = ""
    word: str = ""


class Malformed(ValueError):
    """`${` that is not followed by a name, an operator and a closing brace."""


class Missing(ValueError):
    """`${NAME:?text}` and there is no such variable."""


def pieces(text: str) -> Iterator[str | Reference]:
    """Yield the literal and the variable parts of `text` in order. Raises Malformed."""
    start = 0
    while (dollar := text.find("$", start)) >= 0:
        if dollar > start:
            yield text[start:dollar]
        following = text[dollar + 1 : dollar + 2]
        named = _NAME.match(text, dollar + 1)
        if following == "$":
            yield "$"
            start = dollar + 2
        elif named:
            yield Reference(named[0])
            start = named.end()
        elif following == "{":
            start = _closing(text, dollar + 1) + 1
            yield _braced(text[dollar + 2 : start - 1], text)
        else:
            yield "$"
            start = dollar + 1
    if start < len(text):
        yield text[start:]


def _closing(text: str, opening: int) -> int:
    depth = 0
    for index in range(opening, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise Malformed(text)


def _braced(body: str, text: str) -> Reference:
    name = _NAME.match(body)
    if not name:
        raise Malformed(text)
    if name.end() == len(body):
        return Reference(body)
    operator = _OPERATOR.match(body, name.end())
    if not operator:
        raise Malformed(text)
    return Reference(name[0], operator[0], body[operator.end() :])


def substitute(text: str, lookup: Lookup, unset: Callable[[str], None] = lambda name: None) -> str:
    """Return `text` with its variables replaced; `unset` hears of those that are not set and have no default.

    Raises Malformed and Missing.
    """
    if "$" not in text:
        return text
    return "".join(piece if isinstance(piece, str) else _value(piece, lookup, unset) for piece in pieces(text))


def _value(reference: Reference, lookup: Lookup, unset: Callable[[str], None]) -> str:
    name, operator, word = reference
    value = lookup(name)
    there = value is not None and (value != "" or not operator.startswith(":"))
    match operator[-1:]:
        case "-":
            return value if there and value is not None else substitute(word, lookup, unset)
        case "+":
            return substitute(word, lookup, unset) if there else value or ""
        case "?" if not there:
            reason = substitute(word, lookup, unset)
            raise Missing(f"required variable {name} is missing a value{': ' if reason else ''}{reason}")
    if value is None:
        unset(name)
    return value or ""


class Variable(NamedTuple):
    """What a file says of one variable."""

    name: str
    required: bool = False
    default: str = ""
    alternate: str = ""


def variables(tree: Any) -> dict[str, Variable]:
    """Return every variable that texts in `tree` mention, also in words of others, by name."""
    found: dict[str, Variable] = {}
    for text in _texts(tree):
        _collect(text, found)
    return found


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)


def _collect(text: str, found: dict[str, Variable]) -> None:
    if "$" not in text:
        return
    try:
        parts = [part for part in pieces(text) if isinstance(part, Reference)]
    except Malformed:
        return
    for name, operator, word in parts:
        kind = operator[-1:]
        found[name] = Variable(
            name,
            required=kind == "?",
            default=word if kind == "-" else "",
            alternate=word if kind == "+" else "",
        )
        _collect(word, found)


def interpolate(tree: Any, lookup: Lookup, unset: Callable[[str], None] = lambda name: None, path: Path = ()) -> Any:
    """Return a copy of `tree` with the variables of every text replaced; keys stay. Raises Wrong with the place."""
    if isinstance(tree, str):
        return _interpolated(tree, lookup, unset, path) if "$" in tree else tree
    if isinstance(tree, dict):
        return {key: interpolate(value, lookup, unset, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [interpolate(value, lookup, unset, (*path, index)) for index, value in enumerate(tree)]
    return tree


def _interpolated(text: str, lookup: Lookup, unset: Callable[[str], None], path: Path) -> str:
    try:
        return substitute(text, lookup, unset)
    except Malformed as e:
        raise Wrong(
            f"invalid interpolation format for {dotted(path)}.\nYou may need to escape any $ with another $.\n{e}", path
        ) from None
    except Missing as e:
        raise Wrong(f"error while interpolating {dotted(path)}: {e}", path) from None
