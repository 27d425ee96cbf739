"""Words of a shell as Dockerfiles have them: quotes, escapes, `$name` and `${name…}` with all its operators. Pure.

Source: Dockerfile reference, "Environment replacement"; POSIX shell, 2.6.2 Parameter Expansion.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?\-$!]")


class ShellError(ValueError):
    """The text cannot be understood, or a variable that must be set is not."""


@dataclass(slots=True)
class Expanded:
    """text: all of it as one word, words: as several.  unset: names that were not there; used: those that were."""

    text: str
    words: tuple[str, ...]
    unset: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


def expand(text: str, env: Mapping[str, str], escape: str = "\\") -> Expanded:
    """Return `text` with variables replaced, quotes and escapes taken away. Raises ShellError."""
    scanner = _Scanner(text, env, escape)
    result, words = scanner.upto("")
    return Expanded(result, tuple(words), scanner.unset, scanner.used)


def expand_heredoc(text: str, env: Mapping[str, str], escape: str = "\\") -> Expanded:
    """The same for the text of a heredoc, in which quotes mean nothing."""
    scanner = _Scanner(text, env, escape, quotes=False)
    result, words = scanner.upto("")
    return Expanded(result, tuple(words), scanner.unset, scanner.used)


def marks(text: str, escape: str = "\\") -> tuple[str, ...]:
    """Return the words of `text` as they are written, quotes and all. Raises ShellError."""
    scanner = _Scanner(text, {}, escape, raw=True)
    return tuple(scanner.upto("")[1])


class _Words:
    """Words come apart at blanks, but not at quoted ones."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._word = ""
        self._inside = False

    def add(self, text: str) -> None:
        for c in text:
            if not c.isspace():
                self.keep(c)
            elif self._inside:
                self.finish()

    def keep(self, text: str) -> None:
        self._word += text
        self._inside = True

    def finish(self) -> list[str]:
        if self._word:
            self.done.append(self._word)
        self._word, self._inside = "", False
        return self.done


class _Scanner:
    def __init__(
        self, text: str, env: Mapping[str, str], escape: str, *, quotes: bool = True, raw: bool = False
    ) -> None:
        """raw: quotes and escapes stay, variables too."""
        self._text = text
        self._at = 0
        self._env = env
        self._escape = escape
        self._quotes = quotes
        self._raw = raw
        self.unset: set[str] = set()
        self.used: set[str] = set()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        c = self._peek()
        self._at += 1
        return c

    def upto(self, stop: str, keep_escapes: bool = False) -> tuple[str, list[str]]:
        """Read to the end, or to `stop`, which is taken. Return the text, and its words."""
        result: list[str] = []
        words = _Words()
        while c := self._peek():
            if stop and c == stop:
                self._take()
                return "".join(result), words.finish()
            if c == "$" and not self._raw:
                piece = self._dollar()
                words.add(piece)
            elif c in "'\"" and self._quotes:
                piece = self._single() if c == "'" else self._double()
                words.keep(piece)
            else:
                piece = self._plain(words, keep_escapes or self._raw)
            result.append(piece)
        if stop:
            raise ShellError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.finish()

    def _plain(self, words: _Words, keep_escapes: bool) -> str:
        c = self._take()
        if c != self._escape:
            words.add(c)
            return c
        following = self._take()
        piece = (c if keep_escapes else "") + following
        if not self._quotes and not self._raw and following not in ("$", self._escape):
            piece = c + following  # a heredoc keeps escapes of what needs none
        if piece:
            words.keep(piece)
        return piece

    def _single(self) -> str:
        """Everything up to the next single quote, as it is."""
        start = self._at
        end = self._text.find("'", start + 1)
        if end < 0:
            raise ShellError("unexpected end of statement while looking for matching single-quote")
        self._at = end + 1
        return self._text[start : end + 1] if self._raw else self._text[start + 1 : end]

    def _double(self) -> str:
        result = [self._take()] if self._raw else [self._take()[:0]]
        while c := self._peek():
            if c == '"':
                self._take()
                return "".join(result) + ('"' if self._raw else "")
            if c == "$" and not self._raw:
                result.append(self._dollar())
                continue
            self._take()
            if c == self._escape:
                following = self._peek()
                if self._raw:
                    c += self._take()
                elif following in ('"', "$", self._escape):
                    c = self._take()
                elif not following:
                    break
            result.append(c)
        raise ShellError("unexpected end of statement while looking for matching double-quote")

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _value(self, name: str) -> str | None:
        value = self._env.get(name)
        (self.unset if value is None else self.used).add(name)
        return value

    def _dollar(self) -> str:
        self._take()
        if self._peek() != "{":
            name = self._name()
            return (self._value(name) or "") if name else "$"
        self._take()
        if not self._peek():
            raise ShellError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise ShellError("syntax error: bad substitution")
        name = self._name()
        operator = self._take()
        if not operator:
            raise ShellError("syntax error: missing '}'")
        if operator == "}":
            return self._value(name) or ""
        return self._operation(name, operator)

    def _operation(self, name: str, operator: str) -> str:
        if operator == "/":
            return self._replaced(name)
        colon = operator == ":"
        if colon:
            operator = self._take()
        if operator not in set("-+?") | (set() if colon else set("#%")) or not operator:
            shown = (":" if colon else "") + operator
            raise ShellError(f"unsupported modifier ({shown}) in substitution")
        word = self._braced(keep_escapes=operator in "#%")
        value = self._value(name)
        if colon and value == "":
            value = None
        return _operated(name, operator, value, word)

    def _braced(self, keep_escapes: bool, stop: str = "}") -> str:
        try:
            return self.upto(stop, keep_escapes)[0]
        except ShellError:
            if not self._peek():
                raise ShellError("syntax error: missing '}'") from None
            raise

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._take()
        pattern = self._braced(True, "/")
        replacement = self._braced(True)
        value = self._value(name) or ""
        try:
            return re.sub(
                shell_pattern(pattern, greedy=True), lambda _: replacement, value, count=0 if everywhere else 1
            )
        except re.error as e:
            raise ShellError(f"invalid pattern ({pattern}) in substitution: {e}") from e


def _operated(name: str, operator: str, value: str | None, word: str) -> str:
    if operator == "-":
        return word if value is None else value
    if operator == "+":
        return "" if value is None else word
    if operator == "?":
        if value is None:
            raise ShellError(f"{name}: {word or 'is not allowed to be unset'}")
        return value
    greedy = word.startswith(operator)
    return trimmed(value or "", word[1:] if greedy else word, suffix=operator == "%", greedy=greedy)


def trimmed(value: str, pattern: str, *, suffix: bool, greedy: bool) -> str:
    """Return `value` without the shortest, or with `greedy` the longest, beginning or end that fits the pattern."""
    try:
        fits = re.compile(shell_pattern(pattern, greedy=True), re.DOTALL)
    except re.error as e:
        raise ShellError(f"invalid pattern ({pattern}) in substitution: {e}") from e
    lengths = range(len(value), -1, -1) if greedy else range(len(value) + 1)
    for length in lengths:
        part = value[len(value) - length :] if suffix else value[:length]
        if fits.fullmatch(part):
            return value[: len(value) - length] if suffix else value[length:]
    return value


def shell_pattern(pattern: str, *, greedy: bool) -> str:
    """Return a shell's pattern (`*`, `?`, escapes) as a regular expression. Raises ShellError."""
    result, at = [], 0
    while at < len(pattern):
        c = pattern[at]
        at += 1
        if c == "*":
            result.append(".*" if greedy else ".*?")
        elif c == "?":
            result.append(".")
        elif c == "\\":
            if at == len(pattern):
                raise ShellError(f"invalid pattern ({pattern}) in substitution: it ends with an escape")
            result.append(re.escape(pattern[at]))
            at += 1
        else:
            result.append(re.escape(c))
    return "".join(result)
