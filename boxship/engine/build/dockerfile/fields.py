"""What follows an instruction's keyword: flags, words, lists, pairs. Pure."""

import re
from collections.abc import Mapping

import msgspec

from boxship.engine.build.dockerfile.source import DockerfileError, Line, nearest, wrong

_TRUE, _FALSE = frozenset(("1", "t", "true")), frozenset(("0", "f", "false"))


class Flags:
    """The `--name=value` in front of an instruction's arguments."""

    def __init__(self, line: Line, given: list[tuple[str, str | None]]) -> None:
        self._line = line
        self._given = given

    def check(self, known: Mapping[str, bool]) -> None:
        """Raise for a flag that is not known, or is there twice; `known` tells which may be repeated."""
        seen = set()
        for name, _ in self._given:
            if name not in known:
                hint = nearest(name, known)
                raise wrong(self._line, f"unknown flag: --{name}", part=f"--{name}", hint=f"--{hint}" if hint else "")
            if name in seen and not known[name]:
                raise wrong(self._line, f"duplicate flag specified: --{name}", part=f"--{name}")
            seen.add(name)

    def text(self, name: str) -> str:
        values = self.many(name)
        return values[-1] if values else ""

    def many(self, name: str) -> tuple[str, ...]:
        found = []
        for given, value in self._given:
            if given == name:
                if value is None:
                    raise wrong(self._line, f"missing a value on flag: --{name}", part=f"--{name}")
                found.append(value)
        return tuple(found)

    def boolean(self, name: str) -> bool:
        return self.optional(name) or False

    def optional(self, name: str) -> bool | None:
        """Return a flag's truth, None when it is not there."""
        found = [value for given, value in self._given if given == name]
        if not found:
            return None
        if found[-1] is None or found[-1].lower() in _TRUE:
            return True
        if found[-1].lower() in _FALSE:
            return False
        raise wrong(
            self._line, f"expecting boolean value for flag --{name}, not: {found[-1]}", part=f"--{name}={found[-1]}"
        )


def split_flags(line: Line, text: str, escape: str) -> tuple[Flags, str]:
    """Return the flags in front, and the rest. `--` alone ends them."""
    given: list[tuple[str, str | None]] = []
    while match := re.match(r"\s*--", text):
        start = match.end()
        word, end = _flag_word(text, start, escape)
        if not word:
            return Flags(line, given), text[end:].lstrip()
        name, equals, value = word.partition("=")
        given.append((name, value if equals else None))
        text = text[end:].lstrip()
    return Flags(line, given), text


def _flag_word(text: str, at: int, escape: str) -> tuple[str, int]:
    """Return the word at `at` without its quotes, and where it ends."""
    word, quote = "", ""
    while at < len(text):
        c = text[at]
        at += 1
        if c == escape and at < len(text) and (not quote or text[at] in (quote, escape)):
            word += text[at]
            at += 1
        elif quote:
            quote, word = ("", word) if c == quote else (quote, word + c)
        elif c in "'\"":
            quote = c
        elif c.isspace():
            return word, at
        else:
            word += c
    return word, at


def words(text: str, escape: str) -> list[str]:
    """Split at blanks outside quotes; quotes and escapes stay."""
    found: list[str] = []
    word, quote, at = "", "", 0
    while at < len(text):
        c = text[at]
        at += 1
        if c == escape and quote != "'" and at < len(text):
            word += c + text[at]
            at += 1
        elif quote:
            word += c
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote, word = c, word + c
        elif c.isspace():
            found += [word] if word else []
            word = ""
        else:
            word += c
    return [*found, word] if word else found


def json_words(text: str) -> tuple[str, ...] | None:
    """Return a JSON list of texts; None for anything else, which is a shell's line then."""
    if not text.lstrip().startswith("["):
        return None
    try:
        return tuple(msgspec.json.decode(text.strip(), type=list[str]))
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError):
        return None


def pairs(line: Line, text: str, escape: str) -> tuple[tuple[str, str], ...]:
    """Return `a=b c="d e"`, or the old form `name the whole rest`. Values keep their quotes."""
    found = words(text, escape)
    if not found:
        raise wrong(line, f"{line.keyword} requires at least one argument")
    if "=" not in found[0]:
        name, _, value = [*re.split(r"(\s+)", text.strip(), maxsplit=1), "", ""][:3]
        if not value:
            raise wrong(line, f"{line.keyword} must have two arguments", part=name)
        return ((name, value),)
    result = []
    for word in found:
        name, equals, value = word.partition("=")
        if not equals:
            message = f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
            raise wrong(line, message, part=word)
        if not name:
            raise wrong(line, f"{line.keyword} names can not be blank", part=word)
        result.append((name, value))
    return tuple(result)


def one(line: Line, text: str) -> str:
    """Return the only argument. Raises DockerfileError for none or several."""
    if len(text.split()) != 1:
        raise wrong(line, f"{line.keyword} requires exactly one argument")
    return text.strip()


def some(line: Line, text: str) -> str:
    if not text.strip():
        raise wrong(line, f"{line.keyword} requires at least one argument")
    return text


__all__ = ["DockerfileError", "Flags", "json_words", "one", "pairs", "some", "split_flags", "words"]
