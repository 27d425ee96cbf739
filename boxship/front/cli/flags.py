"""Flags the way Docker's tools read them (pflag): bytes of a command line in, values out. Pure.

Single letters cluster (`-dit`), values stick (`-p80:80`, `--name=x`), flags repeat, `--` ends them, and a command
that runs another one stops at its first positional argument.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from boxship.base.errors import Invalid

_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}


class Flag(NamedTuple):
    """One flag of a command.

    kind:  switch, text, number, list (repeatable), words (a list that commas part too).   short: one letter or "".
    value: what the help calls its argument.          default: shown in help, and the value when not given.
    bare:  the value that stands for `--name` without an argument; None demands one.
    hidden: known, but not shown in help.
    """

    name: str
    short: str = ""
    kind: str = "text"
    help: str = ""
    value: str = ""
    default: str = ""
    bare: str | None = None
    group: str = ""
    hidden: bool = False

    @property
    def is_switch(self) -> bool:
        return self.kind == "switch"


def switch(name: str, short: str = "", help: str = "", default: bool = False) -> Flag:
    return Flag(name, short, "switch", help, "", "true" if default else "", "true")


def text(name: str, short: str = "", help: str = "", value: str = "string", default: str = "") -> Flag:
    return Flag(name, short, "text", help, value, default)


def number(name: str, short: str = "", help: str = "", default: str = "") -> Flag:
    return Flag(name, short, "number", help, "int", default)


def many(name: str, short: str = "", help: str = "", value: str = "list") -> Flag:
    return Flag(name, short, "list", help, value)


def words(name: str, short: str = "", help: str = "") -> Flag:
    return Flag(name, short, "words", help, "strings")


class Parsed:
    """Values of one command line. Asking for a flag the command does not have is a bug and raises KeyError."""

    __slots__ = ("_flags", "_given", "args")

    def __init__(self, flags: Iterable[Flag], given: dict[str, list[str]], args: Sequence[str]) -> None:
        self._flags = {flag.name: flag for flag in flags}
        self._given = given
        self.args = tuple(args)

    def knows(self, name: str) -> bool:
        return name in self._flags

    def given(self, name: str) -> bool:
        return self._flags[name].name in self._given

    def text(self, name: str) -> str:
        flag = self._flags[name]
        return self._given[name][-1] if name in self._given else flag.default

    def on(self, name: str) -> bool:
        return self.text(name) in _TRUE

    def number(self, name: str) -> int:
        """The value, or 0 where neither given nor defaulted."""
        return int(self.text(name) or "0", 0)

    def many(self, name: str) -> tuple[str, ...]:
        flag = self._flags[name]
        found = self._given.get(name, [flag.default] if flag.default else [])
        return tuple(part for word in found for part in word.split(",")) if flag.kind == "words" else tuple(found)


def parse(flags: Sequence[Flag], argv: Sequence[str], *, interspersed: bool = True) -> Parsed:
    """Return what `argv` says. Raises Invalid in pflag's words."""
    reader = _Reader(flags)
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            reader.args += rest
            break
        if word.startswith("--"):
            reader.long(word, rest)
        elif word.startswith("-") and word != "-":
            reader.cluster(word, rest)
        elif interspersed:
            reader.args.append(word)
        else:
            reader.args += [word, *rest]
            break
    return Parsed(flags, reader.given, reader.args)


class _Reader:
    def __init__(self, flags: Sequence[Flag]) -> None:
        self.by_name = {flag.name: flag for flag in flags}
        self.by_letter = {flag.short: flag for flag in flags if flag.short}
        self.given: dict[str, list[str]] = {}
        self.args: list[str] = []

    def long(self, word: str, rest: list[str]) -> None:
        name, has_value, value = word[2:].partition("=")
        flag = self.by_name.get(name)
        if flag is None:
            raise Invalid(f"unknown flag: --{name}{_meant(name, self.by_name)}")
        if not has_value:
            value = self._argument(flag, f"flag needs an argument: --{name}", rest)
        self._put(flag, value, f"-{flag.short}, --{name}" if flag.short else f"--{name}")

    def cluster(self, word: str, rest: list[str]) -> None:
        letters = word[1:]
        while letters:
            flag = self.by_letter.get(letters[0])
            if flag is None:
                raise Invalid(f"unknown shorthand flag: '{letters[0]}' in {word}{_double_dash(word, self.by_name)}")
            shown = f"-{flag.short}, --{flag.name}"
            letters = letters[1:]
            if letters.startswith("="):
                return self._put(flag, letters[1:], shown)
            if flag.bare is None and letters:
                return self._put(flag, letters, shown)
            self._put(flag, self._argument(flag, f"flag needs an argument: '{flag.short}' in {word}", rest), shown)
        return None

    @staticmethod
    def _argument(flag: Flag, complaint: str, rest: list[str]) -> str:
        if flag.bare is not None:
            return flag.bare
        if not rest:
            raise Invalid(complaint)
        return rest.pop(0)

    def _put(self, flag: Flag, value: str, shown: str) -> None:
        if flag.is_switch and value not in _TRUE | _FALSE:
            raise Invalid(f'invalid argument "{value}" for "{shown}" flag: want true or false')
        if flag.kind == "number" and not _is_number(value):
            raise Invalid(f'invalid argument "{value}" for "{shown}" flag: want a whole number')
        if flag.value == "filter" and "=" not in value:
            raise Invalid(f'invalid argument "{value}" for "{shown}" flag: bad format of filter (expected name=value)')
        self.given.setdefault(flag.name, []).append(value)


def _is_number(value: str) -> bool:
    try:
        int(value, 0)
    except ValueError:
        return False
    return True


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` most likely stands for, or ""."""
    from difflib import get_close_matches  # only where somebody has already made a mistake

    found = get_close_matches(word, list(known), n=3, cutoff=0.6)
    swapped = [other for other in found if sorted(other) == sorted(word)]  # two letters in the wrong order
    return next(iter([*swapped, *found]), "")


def _meant(name: str, known: Iterable[str]) -> str:
    guess = nearest(name, known)
    return f" (did you mean --{guess}?)" if guess else ""


def _double_dash(word: str, known: Iterable[str]) -> str:
    """`-network x` is a common slip for `--network x`."""
    name = word[1:].partition("=")[0]
    return f" (did you mean --{name}?)" if name in set(known) else ""
