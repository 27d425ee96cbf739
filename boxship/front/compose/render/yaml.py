"""Plain values as YAML, the way Go's encoder writes it: two spaces, lists indented, nothing folded. Pure."""

import re
from typing import Any

from boxship.front.compose import words
from boxship.front.compose.load.yaml import plain as resolved
from boxship.front.compose.render.plain import Single

_INDENT = "  "
# what other readers of YAML take for booleans
_OLD_BOOLEAN = frozenset(
    [*("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), *("n", "N", "no", "No", "NO", "off", "Off", "OFF")]
)
_ORDINARY = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")  # most of a file: it is as it is, but for a few words
_WORDS = _OLD_BOOLEAN.union(("null", "Null", "NULL"), ("true", "True", "TRUE"), ("false", "False", "FALSE"))
_BASE60 = re.compile(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$")
_NUMBER = re.compile(r"^[-+]?0b[01_]+$|^[-+]?[0-9][0-9_]*$|^[-+]?0x[0-9a-fA-F_]+$|^[-+]?0o[0-7_]+$")
_TIME = re.compile(
    r"^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)?$"
)
_LONGEST_KEY = 128
_FORBIDDEN_FIRST = frozenset("#,[]{}&*!|>'\"%@`")
_ESCAPES = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"', "\\": "\\\\", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip


def dump(tree: dict[str, Any]) -> str:
    """Return `tree` as one document."""
    lines: list[str] = []
    _mapping(tree, "", lines)
    return "\n".join(lines) + "\n" if lines else "{}\n"


def _mapping(tree: dict[str, Any], indent: str, lines: list[str]) -> None:
    for key, value in tree.items():
        if len(key) > _LONGEST_KEY or "\n" in key:
            lines.append(f"{indent}? {_text(key, indent + _INDENT)}")
            _entry(f"{indent}:", value, indent, lines)
        else:
            shown = _double(key) if key == "<<" else _text(key, indent)
            _entry(f"{indent}{shown}:", value, indent, lines)


def _entry(head: str, value: Any, indent: str, lines: list[str]) -> None:
    if isinstance(value, dict) and value:
        lines.append(head)
        _mapping(value, indent + _INDENT, lines)
    elif isinstance(value, list) and value:
        lines.append(head)
        _list(value, indent + _INDENT, lines)
    else:
        lines.append(f"{head} {_scalar(value, indent + _INDENT)}")


def _list(items: list[Any], indent: str, lines: list[str]) -> None:
    """Each entry behind a dash; what is inside it stands two columns further right, its first line beside the dash."""
    for item in items:
        if isinstance(item, dict | list) and item:
            inner: list[str] = []
            (_mapping if isinstance(item, dict) else _list)(item, indent + _INDENT, inner)  # type: ignore[arg-type]
            inner[0] = f"{indent}- {inner[0][len(indent) + 2 :]}"
            lines += inner
        else:
            lines.append(f"{indent}- {_scalar(item, indent + _INDENT)}")


def _scalar(value: Any, indent: str) -> str:
    if isinstance(value, str):
        return _text(value, indent)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    if value is None:
        return "null"
    if isinstance(value, float):
        return _float(value)
    return words.text(value)


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    return words.number(value, 32 if isinstance(value, Single) else 64)


def _text(text: str, indent: str) -> str:
    """Return `text` in the first style that can hold it: as it is, a block, in single or in double quotes."""
    if _ORDINARY.fullmatch(text) and text not in _WORDS:
        return text
    if not text or _is_something_else(text):
        return _double(text)
    if "\n" in text:
        return _double(text) if not _fits_block(text) else _block(text, indent)
    if _is_plain(text):
        return text
    return _double(text) if _has_special(text) else _single(text)


def _is_something_else(text: str) -> bool:
    """Whether without quotes some reader would take this text for a boolean, number, time or nothing."""
    if text in _OLD_BOOLEAN or not isinstance(resolved(text), str):
        return True
    first = text[0]
    if first not in "-+.0123456789":
        return False
    return bool(_BASE60.match(text) or _TIME.match(text) or _NUMBER.match(text))


def _is_special(char: str) -> bool:
    """Whether Go's encoder only writes this character as an escape."""
    code = ord(char)
    if code < 0x7F:
        return code < 0x20 and code != 0x0A
    return not (0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD) or code in (0x2028, 0x2029, 0xFEFF)


def _has_special(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    return any(_is_special(char) for char in text)


def _is_plain(text: str) -> bool:
    if text[0] == " " or text[-1] == " " or text.startswith(("---", "...")):
        return False
    if text[0] in _FORBIDDEN_FIRST or _has_special(text):
        return False
    if text[0] in "-?:" and (len(text) == 1 or text[1] == " "):
        return False
    return ": " not in text and " #" not in text and text[-1] != ":"


def _fits_block(text: str) -> bool:
    if any(_is_special(char) for char in text if char != "\t"):
        return False
    return " \n" not in text and not text.endswith(" ") and text[0] != "\n"  # Go's blocks lose a first line break


def _block(text: str, indent: str) -> str:
    hint = str(len(_INDENT)) if text[0] in " \t" else ""  # readers guess the indent from the first line
    chomp = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else ""
    lines = [f"{indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n")]
    return "\n".join([f"|{hint}{chomp}", *lines])


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char) or _escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if not _is_special(char) or char == "\n":
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
