"""Rows to text: aligned tables, `--format` in its three forms (table, json, template), and what cells hold."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
GAP, NARROWEST = 3, 10


def listing(
    rows: Sequence[Row],
    columns: Mapping[str, str],
    form: str,
    *,
    quiet: str = "",
    more: Mapping[str, str] | None = None,
    raw: Mapping[str, str] | None = None,
) -> str:
    """Return what a list command prints. `columns`: field -> heading, in order; `more`: what only templates name.

    form: "", "table", "table TEMPLATE", "json", "raw" or a template; quiet: the field that -q prints alone;
    raw: name -> field, for the form that prints a block of lines for each.
    """
    if quiet and form in ("", "table"):
        return "\n".join(str(row[quiet]) for row in rows)
    if form == "json":
        return "\n".join(compact(fields(row)) for row in rows)
    if form == "raw" and raw:
        chosen = {name: field for name, field in raw.items() if not quiet or field == quiet}
        lines = [[f"{name}: {row[field]}".rstrip() for name, field in chosen.items()] for row in rows]
        return "\n".join("\n".join([*block, ""]) for block in lines)

    if form.startswith("table "):
        return _template_table(rows, {**columns, **(more or {})}, form[6:])
    if form not in ("", "table"):
        return _template_lines(rows, {**columns, **(more or {})}, form)
    return aligned([list(columns.values()), *([str(row[field]) for field in columns] for row in rows)])


def fields(row: Row) -> dict[str, Any]:
    """Return a row as its JSON has it: by name, without what only templates can call."""
    return {key: row[key] for key in sorted(row) if not callable(row[key])}


def aligned(lines: Sequence[Sequence[str]], gap: int = GAP, narrowest: int = NARROWEST) -> str:
    """Return columns under each other, three blanks apart and at least ten wide, as Docker's tables are."""
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(max(len(line) for line in lines))]
    return "\n".join(
        "".join(cell.ljust(max(widths[i] + gap, narrowest)) for i, cell in enumerate(line[:-1])) + "".join(line[-1:])
        for line in lines
    )


class _Headings(dict[str, Any]):
    """The first line of a table: each field is its heading, and so is what a function of it would tell."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        super().__init__(columns)
        self.setdefault("Label", lambda name: name.rpartition(".")[2])


def _template_lines(rows: Sequence[Row], columns: Mapping[str, str], form: str) -> str:
    from boxship.front.cli.template import parse, render  # only who gives a template pays for it

    tree = parse(unescape(form))
    if not rows:
        render(tree, _Headings(columns))  # a field that does not exist is a mistake even where there is nothing to show
    return "\n".join(render(tree, row) for row in rows)


def _template_table(rows: Sequence[Row], columns: Mapping[str, str], form: str) -> str:
    from boxship.front.cli.template import parse, render

    tree = parse(unescape(form))
    return aligned([render(tree, row).split("\t") for row in (_Headings(columns), *rows)])


def unescape(form: str) -> str:
    """A shell's single quotes keep \\t and \\n as two characters; Docker turns them into what they stand for."""
    return form.replace("\\t", "\t").replace("\\n", "\n")


def ellipsis(text: str, width: int) -> str:
    """Return `text` cut to `width` with … at the end."""
    return text if len(text) <= width else text[: width - 1] + "…"


def short_id(identifier: str) -> str:
    return identifier.removeprefix("sha256:")[:12]


def pretty(value: Any) -> str:
    """Return JSON as `inspect` prints it."""
    return json.dumps(value, indent=4, ensure_ascii=False)


def compact(value: Any, *, html: bool = True) -> str:
    """Return JSON on one line; `html`: with the escapes that Go's encoder makes where it writes what it knows."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not html:
        return line
    return line.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def labels(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the two fields that templates have for labels: all of them, and one by its name."""
    found = entry.get("Labels") or {}
    return {
        "Labels": ",".join(f"{key}={found[key]}" for key in sorted(found)),
        "Label": lambda name: found.get(name, ""),
    }


def go_time(word: str) -> str:
    """Return `2026-11-28T16:10:41.050Z` as Go prints it, `2026-11-28 16:10:41.05 +0000 UTC`."""
    stamp, zulu, _ = word.partition("Z")
    whole, dot, part = stamp.replace("T", " ").partition(".")
    shown = f"{whole}.{part}".rstrip("0").rstrip(".") if dot else whole
    return f"{shown} +0000 UTC" if zulu else word
