"""Rows to text: aligned tables, `--format` in its three forms (table, json, template), and what cells hold."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
GAP, NARROWEST = 3, 10


def listing(rows: Sequence[Row], columns: Mapping[str, str], form: str, *, quiet: str = "") -> str:
    """Return what a list command prints. `columns`: field -> heading, in order, all that templates may name.

    form: "", "table", "table TEMPLATE", "json" or a template; quiet: the field that -q prints alone.
    """
    if quiet:
        return "\n".join(str(row[quiet]) for row in rows)
    if form == "json":
        return "\n".join(json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")) for row in rows)
    if form.startswith("table "):
        return _template_table(rows, columns, form[6:])
    if form not in ("", "table"):
        return _template_lines(rows, form)
    return aligned([list(columns.values()), *([str(row[field]) for field in columns] for row in rows)])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return columns under each other, three blanks apart and at least ten wide, as Docker's tables are."""
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(max(len(line) for line in lines))]
    return "\n".join(
        "".join(cell.ljust(max(widths[i] + GAP, NARROWEST)) for i, cell in enumerate(line)).rstrip() for line in lines
    )  # fmt: skip


def _template_lines(rows: Sequence[Row], form: str) -> str:
    from boxship.front.cli.template import parse, render  # only who gives a template pays for it

    tree = parse(unescape(form))
    return "\n".join(render(tree, row) for row in rows)


def _template_table(rows: Sequence[Row], columns: Mapping[str, str], form: str) -> str:
    from boxship.front.cli.template import parse, render

    tree = parse(unescape(form))
    return aligned([render(tree, row).split("\t") for row in (dict(columns), *rows)])


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
