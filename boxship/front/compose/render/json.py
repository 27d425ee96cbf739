"""Plain values as JSON, to the byte as Go's encoder writes it: hashes depend on it. Pure."""

import json
from typing import Any

from boxship.front.compose import words
from boxship.front.compose.render.plain import Single

_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def dump(value: Any, *, indent: str = "") -> str:
    """Return `value` as JSON; with `indent` on many lines."""
    return _value(value, indent, "\n" if indent else "")


def _value(value: Any, indent: str, line: str) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        if not value:
            return "{}"
        colon = ": " if indent else ":"
        inner = line + indent
        entries = (f"{inner}{_text(key)}{colon}{_value(item, indent, inner)}" for key, item in value.items())
        return "{" + ",".join(entries) + line + "}"
    if isinstance(value, list):
        if not value:
            return "[]"
        inner = line + indent
        return "[" + ",".join(f"{inner}{_value(item, indent, inner)}" for item in value) + line + "]"
    if value is None:
        return "null"
    if isinstance(value, float):
        return words.json_number(value, 32 if isinstance(value, Single) else 64)
    return words.text(value)


def _text(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    for char, escape in _HTML.items():
        if char in shown:
            shown = shown.replace(char, escape)
    return shown
