"""The `filters` parameter of lists, prunes and events. Pure but for reading the request.

Both forms are read: `{"status": {"exited": true}}`, which Go clients send, and `{"status": ["exited"]}`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from boxship.base.errors import Invalid


class HasQuery(Protocol):
    """What we need of a request."""

    @property
    def query(self) -> Mapping[str, str]: ...


class Filters:
    """Values by key. Several values of one key are alternatives, several keys must all hold; labels must all hold."""

    def __init__(self, values: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._values = {key: found for key, found in (values or {}).items() if found}

    def __bool__(self) -> bool:
        return bool(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> tuple[str, ...]:
        return self._values.get(key, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def allow(self, keys: Collection[str]) -> "Filters":
        """Return self. Raises Invalid for a key that is not among `keys`."""
        for key in self._values:
            if key not in keys:
                raise Invalid(f"invalid filter '{key}'")
        return self

    def one(self, key: str) -> str | None:
        """Return the only value of `key`. Raises Invalid for several."""
        found = self.get(key)
        if len(found) > 1:
            raise invalid_value(key, found)
        return found[0] if found else None

    def boolean(self, key: str, default: bool = False) -> bool:
        """Return the truth of `key`. Raises Invalid for what is neither true nor false, or both."""
        found = self.get(key)
        truths = {_TRUTHS.get(value) for value in found}
        if not found:
            return default
        if len(truths) != 1 or None in truths:
            raise invalid_value(key, found)
        return bool(truths.pop())

    def exact(self, key: str, value: str) -> bool:
        """Tell whether `value` is one of those asked for, or none was."""
        found = self._values.get(key)
        return found is None or value in found

    def fuzzy(self, key: str, value: str) -> bool:
        """As `exact`, by beginning."""
        found = self._values.get(key)
        return found is None or any(value.startswith(prefix) for prefix in found)

    def matches(self, key: str, value: str) -> bool:
        """As `exact`, by regular expression anywhere in `value`; a broken expression is compared as it stands."""
        found = self._values.get(key)
        return found is None or any(_search(pattern, value) for pattern in found)

    def labels(self, have: Mapping[str, str], key: str = "label") -> bool:
        """Tell whether `have` holds every `name` and `name=value` of the filter."""
        return all(_has(have, wanted) for wanted in self._values.get(key, ()))

    def not_labels(self, have: Mapping[str, str], key: str = "label!") -> bool:
        """Tell whether `have` holds none of the filter's labels."""
        return not any(_has(have, wanted) for wanted in self._values.get(key, ()))


_TRUTHS = {"1": True, "true": True, "True": True, "TRUE": True, "t": True, "T": True} | dict.fromkeys(
    ("0", "false", "False", "FALSE", "f", "F"), False
)


def invalid_value(key: str, values: Iterable[str]) -> Invalid:
    shown = " ".join(values)
    return Invalid(f"invalid filter '{key}=[{shown}]'")


def _search(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return pattern == value


def _has(have: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in have and (not equals or have[name] == value)


def parse(text: str) -> Filters:
    """Return the filters of a query value, none for "". Raises Invalid for what is neither of the two forms."""
    if not text:
        return Filters()
    try:
        found: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise Invalid("invalid filter") from None
    if found is None:
        return Filters()
    if not isinstance(found, dict):
        raise Invalid("invalid filter")
    return Filters({key: _values(values) for key, values in found.items()})


def _values(values: Any) -> tuple[str, ...]:
    if isinstance(values, dict):
        return tuple(key for key, wanted in values.items() if wanted)
    if isinstance(values, list):
        return tuple(_word(value) for value in values)
    raise Invalid("invalid filter")


def _word(value: Any) -> str:
    """Clients in dynamic languages send numbers and truths as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise Invalid("invalid filter")


def of(request: HasQuery, allowed: Collection[str]) -> Filters:
    """Return the request's filters. Raises Invalid for unknown keys."""
    return parse(request.query.get("filters", "")).allow(allowed)
