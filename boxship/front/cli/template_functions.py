"""Functions of `--format` templates: Go's own and the ones Docker adds. Pure.

Source: Docker documentation, "Format command and log output".
"""

import json as _json
import re
from collections.abc import Callable, Mapping
from typing import Any

_VERB = re.compile(r"%([-+ 0#]*)(\d*)(?:\.(\d+))?([vsdqtxXfeg%])")


def show(value: Any) -> str:
    """Return `value` as Go's %v prints it."""
    if value is None:
        return "<no value>"
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{show(key)}:{show(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(show(entry) for entry in value) + "]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def truth(value: Any) -> bool:
    """Empty strings, lists and maps, zero, false and nil are false."""
    return bool(value)


def json(value: Any) -> str:
    return _json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_pretty(value: Any) -> str:
    return _json.dumps(value, indent=4, ensure_ascii=False)


def index(value: Any, *keys: Any) -> Any:
    """A missing key of a map is nothing; a list's position must exist."""
    for key in keys:
        value = (value.get(key, "") if isinstance(value, Mapping) else value[key]) if value is not None else ""
    return value


def slice_(value: Any, *bounds: int) -> Any:
    return value[bounds[0] if bounds else 0 : bounds[1] if len(bounds) > 1 else len(value)]


def printf(form: str, *values: Any) -> str:
    """Go's verbs v s d q t x f e g, with width and precision."""
    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        text = _verb(verb, precision, left.pop(0) if left else None)
        size = int(width or 0)
        return text.ljust(size) if "-" in flags else text.rjust(size, "0" if "0" in flags else " ")

    return _VERB.sub(one, form)


def _verb(verb: str, precision: str | None, value: Any) -> str:
    if verb == "q":
        return _json.dumps(show(value), ensure_ascii=False)
    if verb in "xX" and isinstance(value, str):
        return value.encode().hex()
    if verb in "feg":
        return format(float(value), f".{precision or 6}{verb}")
    if verb in "dxX":
        return format(int(value), verb)
    text = show(value)
    return text[: int(precision)] if precision else text


def pad(text: Any, before: int, after: int) -> str:
    return f"{' ' * before}{text}{' ' * after}" if text else ""


def truncate(text: str, length: int) -> str:
    return text[:length]


def equals(first: Any, *others: Any) -> bool:
    return any(first == other for other in others)


def and_(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def or_(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


def title(text: Any) -> str:
    """Capitals begin words; the other letters stay as they are."""
    return re.sub(r"(?<![\w'])\w", lambda match: match[0].upper(), show(text))


def html(*values: Any) -> str:
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
    return "".join(escapes.get(letter, letter) for letter in sprint(*values))


def js(*values: Any) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "'": "\\'", "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(escapes.get(letter, letter) for letter in sprint(*values))


def urlquery(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(sprint(*values))


def sprint(*values: Any) -> str:
    """Blanks stand only between operands that are no text. Source: Go, fmt.Sprint."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(show(value))
    return "".join(parts)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": and_,
    "eq": equals,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "html": html,
    "index": index,
    "join": lambda words, separator: separator.join(show(word) for word in words or ()),
    "js": js,
    "json": json,
    "jsonPretty": json_pretty,
    "le": lambda a, b: a <= b,
    "len": lambda value: len(value or ()),
    "lower": lambda text: show(text).lower(),
    "lt": lambda a, b: a < b,
    "ne": lambda a, b: a != b,
    "not": lambda value: not truth(value),
    "or": or_,
    "pad": pad,
    "print": sprint,
    "printf": printf,
    "println": lambda *values: " ".join(show(value) for value in values) + "\n",
    "slice": slice_,
    "split": lambda text, separator: show(text).split(separator),
    "table": lambda *values: "".join(show(value) for value in values),
    "title": title,
    "truncate": truncate,
    "upper": lambda text: show(text).upper(),
    "urlquery": urlquery,
}
