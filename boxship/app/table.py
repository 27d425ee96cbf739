"""Settings as a table: each a dataclass field that knows its flag, file key, variable, kind, default and help. Pure.

Several programs have a table of their own; how one is read is the same for all: flags win over variables, these over
the file, that over the defaults, and a key given both by flag and by file is refused.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from boxship.app.kinds import Kind
from boxship.base.errors import Invalid
from boxship.front.cli.flags import Flag, Parsed, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row. flag: long flag without dashes, "" for none.  key: in the file, "" for none.
    variable: in the environment, "" for none.  reload: SIGHUP takes a new value from the file."""

    name: str
    flag: str
    key: str
    variable: str
    short: str
    kind: Kind
    default: Any
    help: str
    group: str
    reload: bool


def row(kind: Kind, default: Any, help: str, **names: Any) -> Any:
    """A field of a settings class; `names` may give flag, key, variable, short, group and reload."""
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata={"kind": kind, "default": {}, "help": help, **names})
    return field(default=default, metadata={"kind": kind, "default": default, "help": help, **names})


def setting(entry: dataclasses.Field[Any], prefix: str) -> Setting:
    found = dict(entry.metadata)
    dashed = entry.name.replace("_", "-")
    return Setting(
        name=entry.name,
        flag=found.get("flag", dashed),
        key=found.get("key", dashed),
        variable=found.get("variable", f"{prefix}{entry.name.upper()}"),
        short=found.get("short", ""),
        kind=found["kind"],
        default=found["default"],
        help=found["help"],
        group=found["group"],
        reload=found.get("reload", False),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """rows: in the order of help.  refused: keys of other programs that make no sense here, and what to do instead.
    reference: where all keys are told."""

    rows: tuple[Setting, ...]
    refused: Mapping[str, str]
    reference: str

    def flags(self) -> tuple[Flag, ...]:
        return tuple(_flag(entry) for entry in self.rows if entry.flag)

    def values(self, parsed: Parsed, environ: Mapping[str, str], document: str | None) -> dict[str, Any]:
        """Return values by name from flags, variables and the text of the file (None when there is none).

        Raises Invalid naming the key, what is wrong with it and what would be right.
        """
        given = self._from_flags(parsed)
        stored = self._from_file(document) if document is not None else {}
        twice = sorted(given.keys() & stored.keys())
        if twice:
            clash = ", ".join(f"{r.key}: (from flag: {parsed.many(r.flag)})" for r in self.rows if r.name in twice)
            raise Invalid(f"the following settings are given both as a flag and in the configuration file: {clash}")
        return {**stored, **self._from_variables(environ), **given}

    def _from_flags(self, parsed: Parsed) -> dict[str, Any]:
        return {
            entry.name: _read(entry, f"--{entry.flag}", parsed.many(entry.flag))
            for entry in self.rows
            if entry.flag and parsed.given(entry.flag)
        }

    def _from_variables(self, environ: Mapping[str, str]) -> dict[str, Any]:
        values = {}
        for entry in self.rows:
            text = environ.get(entry.variable, "") if entry.variable else ""
            if text:
                words = text.split(";") if entry.kind.repeatable else [text]
                values[entry.name] = _read(entry, entry.variable, words)
        return values

    def _from_file(self, document: str) -> dict[str, Any]:
        try:
            content = json.loads(document)
        except ValueError as e:
            raise Invalid(f"the configuration file is not JSON: {e}") from e
        if not isinstance(content, dict):
            raise Invalid('the configuration file must hold one JSON object, as in {"debug": true}')
        return {self._row_of(key).name: _read_json(self._row_of(key), value) for key, value in content.items()}

    def _row_of(self, key: str) -> Setting:
        by_key = {entry.key: entry for entry in self.rows if entry.key}
        by_flag = {entry.flag: entry for entry in self.rows if entry.flag}
        if key in by_key:
            return by_key[key]
        if key in self.refused:
            raise Invalid(f"the configuration key {key!r} is not supported: {self.refused[key]}")
        guess = by_flag[key].key if key in by_flag else nearest(key, by_key)
        hint = f"did you mean {guess!r}?" if guess else f"{self.reference} lists what there is"
        raise Invalid(f"the configuration key {key!r} is unknown: {hint}")


def _flag(entry: Setting) -> Flag:
    kind = "switch" if entry.kind.is_switch else "list" if entry.kind.repeatable else "text"
    bare = "true" if entry.kind.is_switch else None
    return Flag(entry.flag, entry.short, kind, entry.help, entry.kind.shown, "", bare, entry.group)


def _read(entry: Setting, shown: str, words: Sequence[str]) -> Any:
    try:
        return entry.kind.from_text(words)
    except (ValueError, KeyError, TypeError, Invalid) as e:
        raise Invalid(f"{shown}: {', '.join(words)!r} is not {entry.kind.want}") from e


def _read_json(entry: Setting, value: Any) -> Any:
    try:
        return entry.kind.from_json(value)
    except (ValueError, KeyError, TypeError, AttributeError, Invalid) as e:
        raise Invalid(f"the configuration key {entry.key!r}: {json.dumps(value)} is not {entry.kind.want}") from e
