"""Files of variables: `.env`, `env_file`, `label_file`. Pure: text in, variables out.

Three readings: compose's own (quotes, `export`, comments, escapes, variables in values), `raw` (values as they stand)
and legacy, that of docker-compose up to 1.25 (no quotes, no comments behind a value, no variables).
"""

import re
from collections.abc import Callable

from boxship.front.compose.load.errors import Unreadable
from boxship.front.compose.load.interpolate import Lookup, Malformed, Missing, substitute

_ESCAPE = re.compile(r'\\(?:([abcfnrtv$"\\])|0(\d{0,3}))')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_BLANK = " \t\v\f\r\x85\xa0"
_EXPORT = re.compile(r"export\s+")


def parse(text: str, lookup: Lookup, name: str = ".env") -> dict[str, str]:
    """Return the variables of `text`. A line with a name alone takes its value from `lookup`, or says nothing.

    Values see `lookup` first and then the lines before them. Raises Unreadable with `name` and the line.
    """
    reader = _Reader(text.removeprefix("\ufeff"), lookup, name)
    while reader.statement():
        pass
    return reader.found


class _Reader:
    def __init__(self, text: str, lookup: Lookup, name: str) -> None:
        self._text = text
        self._at = 0
        self._lookup = lookup
        self._name = name
        self.found: dict[str, str] = {}

    def statement(self) -> bool:
        """Read one assignment; False at the end of the text."""
        self._skip()
        if self._at >= len(self._text):
            return False
        exported = _EXPORT.match(self._text, self._at)
        if exported:
            self._at = exported.end()
        key, has_value = self._key()
        if has_value:
            self.found[key] = self._value()
            return True
        value = self._lookup(key)
        if value is not None:
            self.found[key] = value
        return True

    def _skip(self) -> None:
        text = self._text
        while self._at < len(text):
            if text[self._at].isspace():
                self._at += 1
            elif text[self._at] == "#":
                self._at = self._line_end()
            else:
                return

    def _line_end(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _key(self) -> tuple[str, bool]:
        start = self._at
        for index in range(start, len(self._text)):
            char = self._text[index]
            if char in "=:\n":
                self._at = index + 1
                return self._checked(self._text[start:index].rstrip()), char != "\n"
            if char not in _BLANK and char not in "_.-[]" and not char.isalnum():
                line = self._text[start:].partition("\n")[0]
                raise self._wrong(f'unexpected character "{char}" in variable name "{line}"', start)
        self._at = len(self._text)
        return self._checked(self._text[start:].rstrip()), False

    def _checked(self, key: str) -> str:
        if " " in key:
            raise self._wrong("key cannot contain a space", self._at - 1)
        return key

    def _value(self) -> str:
        while self._text[self._at : self._at + 1] and self._text[self._at] in _BLANK:
            self._at += 1
        quote = self._text[self._at : self._at + 1]
        if quote not in ("'", '"'):
            return self._bare()
        start = self._at
        chars = self._quoted(quote)
        return self._expand(_escapes(chars), start) if quote == '"' else chars

    def _bare(self) -> str:
        start, end = self._at, self._line_end()
        self._at = end
        return self._expand(self._text[start:end].partition(" #")[0].rstrip(), start)

    def _quoted(self, quote: str) -> str:
        start = self._at
        chars: list[str] = []
        index = start + 1
        while index < len(self._text):
            char = self._text[index]
            if char == quote:
                self._at = index + 1
                return "".join(chars)
            if char == "\\" and index + 1 < len(self._text):
                following = self._text[index + 1]
                chars.append(following if following == quote else char + following)
                index += 2
                continue
            chars.append(char)
            index += 1
        raise self._wrong(f"unterminated quoted value {self._text[start:].partition(chr(10))[0]}", start)

    def _expand(self, value: str, start: int) -> str:
        try:
            return substitute(value, self._known)
        except Malformed:
            raise self._wrong(f'Invalid template: "{value}"', start) from None
        except Missing as e:
            raise self._wrong(str(e), start) from None

    def _known(self, name: str) -> str | None:
        value = self._lookup(name)
        return self.found.get(name) if value is None else value

    def _wrong(self, text: str, at: int) -> Unreadable:
        line = self._text.count("\n", 0, max(at, 0)) + 1
        return Unreadable(f"failed to read {self._name}: line {line}: {text}")


def _escapes(value: str) -> str:
    def shown(match: re.Match[str]) -> str:
        letter, octal = match[1], match[2]
        if letter == "$":
            return "$$"
        if letter:
            return _ESCAPED.get(letter, match[0])
        return chr(int(octal, 8)) if len(octal) == 3 and octal.isdigit() and max(octal) <= "7" else match[0]

    return _ESCAPE.sub(shown, value)


def raw(text: str, lookup: Lookup, name: str = ".env") -> dict[str, str]:
    """Return the variables with everything behind `=` as it stands, as `docker run --env-file` does."""
    found = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        key, has_value, value = line.partition("=")
        if not key or " " in key.strip() or key != key.rstrip():
            raise Unreadable(f"failed to read {name}: line {number}: variable '{key}' contains whitespaces")
        inherited = None if has_value else lookup(key)
        if has_value or inherited is not None:
            found[key] = value if has_value else str(inherited)
    return found


def legacy(text: str, lookup: Lookup, name: str = ".env") -> dict[str, str]:
    """Return the variables as docker-compose up to 1.25 read them: quotes are part of the value."""
    found = {}
    for line in text.removeprefix("\ufeff").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, has_value, value = line.partition("=")
        inherited = None if has_value else lookup(key)
        if has_value or inherited is not None:
            found[key] = value if has_value else str(inherited)
    return found


Reading = Callable[[str, Lookup, str], dict[str, str]]
READINGS: dict[str, Reading] = {"": parse, "raw": raw, "legacy": legacy}
