"""Single values as the model wants them: numbers out of text, text out of numbers, sizes, durations, commands. Pure.

Every function takes the value and its place, and raises Wrong with that place.
"""

from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import parse_duration, parse_size
from boxship.front.compose import words
from boxship.front.compose.load.commandline import split
from boxship.front.compose.load.errors import Path, Wrong, dotted

_TRUE = {"true", "y", "yes", "on"}
_FALSE = {"false", "n", "no", "off"}


def text(value: Any, path: Path) -> str:
    if isinstance(value, dict | list):
        raise Wrong(f"{dotted(path)} must be a string", path)
    return words.text(value)


def boolean(value: Any, path: Path) -> bool:
    if isinstance(value, bool):
        return value
    word = words.text(value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Wrong(f"{dotted(path)}: invalid boolean: {words.text(value)} (want true or false)", path)


def whole(value: Any, path: Path) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return int(str(value), 10)
    except ValueError:
        raise Wrong(f"{dotted(path)}: invalid number: {value} (want a whole number)", path) from None


def fraction(value: Any, path: Path) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Wrong(f"{dotted(path)}: invalid number: {value}", path) from None


def size(value: Any, path: Path) -> int:
    """Bytes: a number, or text with a unit as in 64m."""
    if isinstance(value, int | float) and value == int(value):
        return int(value)
    try:
        return parse_size(str(value)) if isinstance(value, str) else whole(value, path)
    except Invalid as e:
        raise Wrong(f"{dotted(path)}: {e}", path) from None


def duration(value: Any, path: Path) -> int:
    """Nanoseconds of `1m30s`."""
    try:
        return parse_duration(words.text(value))
    except Invalid as e:
        raise Wrong(f"{dotted(path)}: {e}", path) from None


def count(value: Any, path: Path) -> int:
    """How many devices; -1 for all."""
    if isinstance(value, str) and value.lower() == "all":
        return -1
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Wrong(
            f"{dotted(path)}: invalid value \"{value}\", the only value allowed is 'all' or a number", path
        ) from None


def strings(value: Any, path: Path) -> tuple[str, ...]:
    """A list of texts, or one text alone."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(text(item, (*path, index)) for index, item in enumerate(items))


def command(value: Any, path: Path) -> tuple[str, ...] | None:
    """The words of a command; None where nothing is said. A single text is split as a shell does."""
    if value is None or isinstance(value, list):
        return None if value is None else strings(value, path)
    try:
        return tuple(split(str(value)))
    except ValueError as e:
        raise Wrong(f"{dotted(path)}: {e}", path) from None


def health_test(value: Any, path: Path) -> tuple[str, ...]:
    return ("CMD-SHELL", value) if isinstance(value, str) else strings(value, path)


def pairs(value: Any, path: Path) -> dict[str, str]:
    """A mapping, or `key=value` entries; without a value it is the empty text."""
    if isinstance(value, list):
        parts = (text(item, (*path, index)).partition("=") for index, item in enumerate(value))
        return {key: rest for key, _, rest in parts}
    return {key: text(item, (*path, key)) for key, item in (value or {}).items()}


def variables(value: Any, path: Path) -> dict[str, str | None]:
    """Like pairs, but without a value it is None: to be taken from elsewhere."""
    if isinstance(value, list):
        parts = (text(item, (*path, index)).partition("=") for index, item in enumerate(value))
        return {key: rest if equals else None for key, equals, rest in parts}
    return {key: None if item is None else text(item, (*path, key)) for key, item in (value or {}).items()}


def hosts(value: Any, path: Path) -> dict[str, tuple[str, ...]]:
    """Addresses by host name, of `name=address` (or `name:address`) entries or a mapping."""
    found: dict[str, tuple[str, ...]] = {}
    if isinstance(value, dict):
        found = {key: strings(item, (*path, key)) for key, item in value.items()}
    else:
        for index, item in enumerate(value or ()):
            name, addresses = _host(text(item, (*path, index)), (*path, index))
            found[name] = (*found.get(name, ()), *addresses)
    for name in found:
        if not name or ":" in name or "=" in name:
            raise Wrong(f"bad host name '{name}'", path)
    return {name: tuple(_unbracketed(address) for address in addresses) for name, addresses in found.items()}


def _host(entry: str, path: Path) -> tuple[str, list[str]]:
    for separator in ("=", ":"):
        name, there, addresses = entry.partition(separator)
        if there:
            return name, addresses.split(",")
    raise Wrong(f"invalid additional host, missing IP: {entry}", path)


def _unbracketed(address: str) -> str:
    return address[1:-1] if len(address) > 2 and address[0] == "[" and address[-1] == "]" else address


def many_strings(value: Any, path: Path) -> dict[str, tuple[str, ...]]:
    return {key: strings(item, (*path, key)) for key, item in (value or {}).items()}


def mode(value: Any, path: Path) -> int:
    """Permission bits: a number as it is; text in base eight."""
    if isinstance(value, int):
        return int(value)
    try:
        return int(str(value), 8)
    except ValueError:
        raise Wrong(f"{dotted(path)}: invalid mode: {value} (want octal digits, as in 0440)", path) from None
