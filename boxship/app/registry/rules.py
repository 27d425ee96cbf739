"""Rules of the registry as settings: objects in the file, `key=value,key=value` on the command line. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from boxship.app.kinds import Kind
from boxship.base.units import parse_size

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw]?)")
_SPANS = {"within", "untagged", "fresh", "timeout"}
_SIZES = {"bytes"}


def seconds(value: Any) -> float:
    """`30d`, `90`, `1.5h`, 3600. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(value)
    return float(found[1]) * _UNITS[found[2] or "s"]


SECONDS = Kind(
    want="a time such as 90s, 12h or 30d",
    shown="time",
    from_text=lambda words: seconds(words[-1]),
    from_json=seconds,
)


def kind(of: type[msgspec.Struct], example: str) -> Kind:
    """Return the kind of settings that are lists of `of`. example: one of them as on the command line."""
    lists = {f.name for f in msgspec.structs.fields(of) if f.type == tuple[str, ...]}

    def from_text(words: Sequence[str]) -> tuple[Any, ...]:
        return tuple(_convert(of, _fields(word, lists)) for word in words)

    def from_json(value: Any) -> tuple[Any, ...]:
        return tuple(_convert(of, dict(entry)) for entry in (value if isinstance(value, list) else [value]))

    return Kind(want=f"as in {example}", shown="rule", from_text=from_text, from_json=from_json, repeatable=True)


def _fields(word: str, lists: set[str]) -> dict[str, Any]:
    pairs = [part.partition("=") for part in word.split(",")]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError(word)
    return {key.strip(): _several(value) if key.strip() in lists else value for key, _, value in pairs}


def _several(value: str) -> list[str]:
    return [value] if value == "+" else value.split("+")  # a lone + is a word: whoever has logged in


def _convert(of: type[msgspec.Struct], values: dict[str, Any]) -> Any:
    for name in values.keys() & _SPANS:
        values[name] = seconds(values[name]) if values[name] is not None else None
    for name in values.keys() & _SIZES:
        values[name] = parse_size(values[name]) if isinstance(values[name], str) else values[name]
    try:
        return msgspec.convert(values, of, strict=False)
    except msgspec.ValidationError as e:
        raise ValueError(str(e)) from e
