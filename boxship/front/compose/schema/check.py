"""Compare a tree with a schema. Knows the part of JSON schema that compose files need. Pure.

The first thing wrong is told at the deepest place possible, in the words of docker compose, with a suggestion.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from boxship.front.compose.schema.words import Schema

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """text: a sentence about the value at `path`, which it names. hint: what may have been meant, or ""."""

    path: Path
    text: str
    hint: str = ""


_NAMES = {"object": "mapping", "array": "list", "null": "null"}
_PATTERNS: dict[str, re.Pattern[str]] = {}


def first_fault(tree: Any, schema: Schema) -> Fault | None:
    """Return what is wrong with `tree`: of several faults the deepest, then the first; None when all is well."""
    definitions = schema.get("$defs", {})
    found = list(_faults(tree, schema, (), definitions))
    return max(found, key=lambda fault: len(fault.path)) if found else None


def _shown(path: Path) -> str:
    return ".".join(str(part) for part in path) or "(root)"


def _fault(path: Path, text: str, hint: str = "") -> Fault:
    return Fault(path, f"{_shown(path)} {text}", hint)


def _faults(value: Any, schema: Schema, path: Path, definitions: Schema) -> Iterator[Fault]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        yield from _one_of(value, schema["oneOf"], path, definitions)
        return
    kinds = schema.get("type")
    if kinds is not None and not _is_any(value, kinds):
        yield _fault(path, f"must be a {_kinds(kinds)}")
        return
    if isinstance(value, dict):
        yield from _mapping(value, schema, path, definitions)
    elif isinstance(value, list):
        yield from _list(value, schema, path, definitions)
    else:
        yield from _scalar(value, schema, path)


def _mapping(value: dict[str, Any], schema: Schema, path: Path, definitions: Schema) -> Iterator[Fault]:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    others = schema.get("additionalProperties", True)
    for key, item in value.items():
        inner = known.get(key)
        if inner is None:
            inner = next((rule for pattern, rule in patterns.items() if _matches(pattern, key)), None)
        if inner is None and others is False:
            text = f"{_shown(path)} Additional property {key} is not allowed"
            yield Fault((*path, key), text, meant(key, known))
        elif isinstance(inner or others, dict):
            yield from _faults(item, inner or others if inner is None else inner, (*path, key), definitions)
    for key in schema.get("required", ()):
        if key not in value:
            yield _fault(path, f"{key} is required")


def _list(value: list[Any], schema: Schema, path: Path, definitions: Schema) -> Iterator[Fault]:
    items = schema.get("items")
    if items:
        for index, item in enumerate(value):
            yield from _faults(item, items, (*path, index), definitions)
    if schema.get("uniqueItems"):
        twice = _twice(value)
        if twice:
            first, second = twice
            yield Fault((*path, second), f"{_shown(path)} array items[{first},{second}] must be unique")


def _twice(value: list[Any]) -> tuple[int, int] | None:
    seen: dict[str, int] = {}
    for index, item in enumerate(value):
        known = seen.setdefault(f"{type(item).__name__}{item!r}", index)
        if known != index:
            return known, index
    return None


def _scalar(value: Any, schema: Schema, path: Path) -> Iterator[Fault]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        shown = ", ".join(f'"{word}"' for word in allowed)
        yield _fault(path, f"must be one of the following: {shown}", meant(str(value), allowed))
    pattern = schema.get("pattern")
    if pattern and isinstance(value, str) and not _matches(pattern, value):
        yield _fault(path, f"does not match pattern '{pattern}'")
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            yield _fault(path, f"must be greater than or equal to {schema['minimum']}")
        if value > schema.get("maximum", value):
            yield _fault(path, f"must be less than or equal to {schema['maximum']}")


def _one_of(value: Any, kinds: list[Schema], path: Path, definitions: Schema) -> Iterator[Fault]:
    """Of several shapes, tell what is wrong with the one that is meant: the one of the value's own kind."""
    meant = [kind for kind in kinds if _is_any(value, _resolved(kind, definitions).get("type"))]
    if not meant:
        allowed = [_resolved(kind, definitions).get("type") for kind in kinds]
        yield _fault(path, f"must be a {_kinds([one for kind in allowed for one in _many(kind)])}")
        return
    tries = [list(_faults(value, kind, path, definitions)) for kind in meant]
    if all(tries):
        yield from tries[0]


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _many(kinds: Any) -> list[str]:
    return [kinds] if isinstance(kinds, str) else list(kinds or ())


def _is_any(value: Any, kinds: Any) -> bool:
    if kinds is None:
        return True
    return _IS[kinds](value) if isinstance(kinds, str) else any(_IS[kind](value) for kind in kinds)


_IS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _kinds(kinds: Any) -> str:
    names = list(dict.fromkeys(_NAMES.get(kind, kind) for kind in _many(kinds)))
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _matches(pattern: str, text: str) -> bool:
    compiled = _PATTERNS.get(pattern)
    if compiled is None:
        compiled = _PATTERNS[pattern] = re.compile(pattern)
    return bool(compiled.search(text))


def meant(word: str, known: Iterable[str]) -> str:
    """Return the one of `known` that a wrong word may stand for, "" for none."""
    from difflib import get_close_matches  # only where somebody has already made a mistake

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), "")
