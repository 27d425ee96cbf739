"""Patterns of `.dockerignore` and `--exclude`: which paths they mean. Pure.

Source: Dockerfile reference, ".dockerignore file"; where it is silent, moby/patternmatcher, whose corners count:
Go's filepath.Match for one part, `**` for any number of parts, `!` takes back, a directory takes all that is in it.
"""

import posixpath
import re
from collections.abc import Callable, Sequence

from boxship.base.errors import Invalid

Fits = Callable[[str], bool]
State = tuple[bool, ...]
"""Which patterns fit a path or a directory above it."""


class Patterns:
    """texts: one pattern each, as cleaned by `clean`; the order matters."""

    def __init__(self, texts: Sequence[str]) -> None:
        kept = [text for text in (t.strip() for t in texts) if text]
        self._rules: list[tuple[Fits, bool]] = []
        for text in kept:
            exception = text.startswith("!")
            body = posixpath.normpath(text[1:].strip() if exception else text)
            if exception and len(text) == 1:
                raise Invalid('illegal exclusion pattern: "!"')
            self._rules.append((fitting(body.removeprefix("/") if body != "/" else body), exception))
        self.has_exceptions = any(exception for _, exception in self._rules)
        self.nothing: State = (False,) * len(self._rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def step(self, above: State, path: str) -> tuple[State, bool]:
        """Return the state of `path`, whose directory has the state `above`, and whether the patterns mean it."""
        state = tuple(fits or rule(path) for fits, (rule, _) in zip(above, self._rules, strict=True))
        meant = False
        for fits, (_, exception) in zip(state, self._rules, strict=True):
            if fits and exception == meant:
                meant = not exception
        return state, meant

    def match(self, path: str) -> bool:
        """Tell whether the patterns mean `path` (relative, with slashes)."""
        state, meant, parts = self.nothing, False, path.split("/")
        for end in range(1, len(parts) + 1):
            state, meant = self.step(state, "/".join(parts[:end]))
        return meant


def clean(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns in the lines of a `.dockerignore`, comments and blanks left out."""
    found = []
    for number, line in enumerate(lines):
        text = line.removeprefix("\ufeff") if number == 0 else line
        if text.startswith("#") or not text.strip():
            continue
        text = text.strip()
        exception, body = text.startswith("!"), text.removeprefix("!").strip()
        if body:
            body = posixpath.normpath(body)
            body = body[1:] if len(body) > 1 and body.startswith("/") else body
            body = body.removeprefix("/") if body.startswith("//") else body
        found.append(("!" if exception else "") + body)
    return tuple(found)


def fitting(pattern: str) -> Fits:
    """Return what tells whether a path fits one pattern. Raises Invalid for one that is none."""
    expression, kind = _expression(pattern)
    if kind == "exact":
        return lambda path: path == pattern
    if kind == "prefix":
        start = pattern[:-2]
        return lambda path: path.startswith(start)
    if kind == "suffix":
        end = pattern[2:]
        return lambda path: path.endswith(end) or (end.startswith("/") and path == end[1:])
    try:
        compiled = re.compile(expression, re.DOTALL)
    except re.error as e:
        raise Invalid(f"syntax error in pattern {pattern!r}: {e}") from e
    return lambda path: compiled.fullmatch(path) is not None


def _expression(pattern: str) -> tuple[str, str]:
    """Return a regular expression, and which simpler test does as well: exact, prefix, suffix, or regexp for none."""
    made, kind, at = "", "exact", 0
    while at < len(pattern):
        c, start = pattern[at], at
        at += 1
        if c == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"
            if at == len(pattern):
                made, kind = made + ".*", "prefix" if kind == "exact" else "regexp"
            else:
                made, kind = made + "(.*/)?", "regexp"
            kind = "suffix" if start == 0 else kind
        elif c in "*?":
            made, kind = made + ("[^/]*" if c == "*" else "[^/]"), "regexp"
        elif c == "\\" and at < len(pattern):
            made, kind, at = made + re.escape(pattern[at]), "regexp", at + 1
        elif c == "[":
            piece, at = _bracket(pattern, at)
            made, kind = made + piece, "regexp"
        else:
            made += re.escape(c)
    return made, kind


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """Return the class that begins at `at`, behind its bracket, and where it ends. Raises Invalid."""
    end, body = at, "["
    if pattern[end : end + 1] == "^":
        body, end = "[^", end + 1
    first = end
    while end < len(pattern) and (pattern[end] != "]" or end == first):
        if pattern[end] == "\\" and end + 1 < len(pattern):
            end += 1
            body += re.escape(pattern[end])
        else:
            body += pattern[end] if pattern[end] == "-" else re.escape(pattern[end])
        end += 1
    if end >= len(pattern) or end == first:
        raise Invalid(f"syntax error in pattern {pattern!r}")
    return body + "]", end + 1


def part_pattern(pattern: str) -> re.Pattern[str]:
    """Return an expression for a pattern without `**`, as COPY has them: Go's filepath.Match. Raises Invalid."""
    expression, _ = _expression(pattern.replace("**", "*"))
    try:
        return re.compile(expression, re.DOTALL)
    except re.error as e:
        raise Invalid(f"syntax error in pattern {pattern!r}: {e}") from e


def is_wild(path: str) -> bool:
    """Tell whether a path of COPY is a pattern."""
    return any(c in path for c in "*?[\\")
