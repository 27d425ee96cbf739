"""The settings table told to people: `boxship daemon --help` and docs/settings.md. Pure."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from boxship.app.loading import EXTRA_FLAGS
from boxship.app.settings import GROUPS, REFUSED, TABLE
from boxship.app.table import Setting
from boxship.front.cli.flags import Flag

USAGE = """Usage:  boxship daemon [OPTIONS]

Run the node daemon in the foreground. It serves the Docker Engine API: point any Docker client at its socket.
"""
EXAMPLES = """Examples:
  boxship daemon                                          listen on /run/boxship.sock
  boxship daemon -H unix:///run/docker.sock               take dockerd's place
  boxship daemon --data-root /srv/b2 --exec-root /run/b2 --pidfile /run/b2.pid \\
                 --bridge b2 -H unix:///run/b2.sock       a second daemon beside the first
  boxship daemon --config-file /etc/boxship/daemon.json --validate

Every setting has a variable too (BOXSHIP_DATA_ROOT; several values are parted by ;). Flags win over variables,
variables over the file. SIGHUP reads the file again. `docs/settings.md` tells more of each.
"""


_HEAD = "| Flag | Key in the file | Variable | Default | What it does |\n|---|---|---|---|---|"


def help_text(width: int = 110) -> str:
    """Return the whole of `boxship daemon --help`, by groups."""
    return "\n".join([USAGE, *grouped(TABLE, EXTRA_FLAGS, GROUPS, width), EXAMPLES])


def grouped(table: Sequence[Setting], extra: Sequence[Flag], groups: Sequence[str], width: int = 110) -> list[str]:
    """Return the paragraphs of help that tell a table's flags, and some that are no settings."""
    rows = [(_left(row), _right(row), row.group) for row in table if row.flag]
    rows += [(f"    --{flag.name}" if not flag.short else f"-{flag.short}, --{flag.name}", flag.help, flag.group)
             for flag in extra]  # fmt: skip
    column = max(len(left) for left, _, _ in rows) + 5
    parts = []
    for group in groups:
        lines = [_wrap(left, right, column, width) for left, right, of in rows if of == group]
        parts.append(f"{group}:\n" + "\n".join(lines) + "\n")
    return parts


def _left(row: Setting) -> str:
    short = f"-{row.short}, " if row.short else "    "
    return f"{short}--{row.flag}{' ' if row.kind.shown else ''}{row.kind.shown}"


def _right(row: Setting) -> str:
    shown = default_text(row)
    return f"{row.help} (default {shown})" if shown and shown != "false" else row.help


def _wrap(left: str, right: str, column: int, width: int) -> str:
    lines = textwrap.wrap(right, max(30, width - column)) or [""]
    return "\n".join([f"  {left}".ljust(column) + lines[0], *(" " * column + line for line in lines[1:])])


def default_text(row: Setting) -> str:
    """Return the default as one would write it on the command line, "" for nothing."""
    value: Any = row.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(str(v) for v in value)
    if value in ("", {}) or (value == 0 and not row.kind.repeatable):
        return ""
    return f"{value >> 20}m" if row.kind.shown == "bytes" else str(value)


def markdown() -> str:
    """Return docs/settings.md, which a test compares with the file."""
    parts = [
        "# Settings of the daemon",
        "Made from the table in `boxship/app/settings.py` by `make reference`; change that, not this.",
        "Flags win over variables, variables over the configuration file, the file over the defaults. A key given "
        "both by flag and by file is refused. `SIGHUP` reads the file again and takes what is marked *reload*; "
        "`boxship daemon --validate` checks without starting.",
    ]
    parts += sections(TABLE, GROUPS)
    parts.append("## dockerd's keys that are refused\n\n| Key | Instead |\n|---|---|\n" + "\n".join(_refused_rows()))
    return "\n\n".join(parts) + "\n"


def sections(table: Sequence[Setting], groups: Sequence[str]) -> list[str]:
    """Return a heading and a table in Markdown for each group."""
    found = []
    for group in groups:
        rows = "\n".join(_markdown_row(row) for row in table if row.group == group)
        found.append(f"## {group}\n\n{_HEAD}\n{rows}")
    return found


def _markdown_row(row: Setting) -> str:
    flag = f"`{_left(row).strip()}`" if row.flag else ""
    default = default_text(row)
    cells = [
        flag,
        _code(row.key),
        _code(row.variable),
        _code(default),
        row.help + (" · *reload*" if row.reload else ""),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(word: str) -> str:
    return f"`{word}`" if word else ""


def _refused_rows() -> list[str]:
    return [f"| `{key}` | {why} |" for key, why in sorted(REFUSED.items())]


def example_file() -> str:
    """Return a daemon.json that shows the shapes of the more involved values."""
    shapes = {
        "hosts": ["unix:///run/boxship.sock"],
        "default-address-pools": [{"base": "10.10.0.0/16", "size": 24}],
        "runtimes": {"youki": {"path": "/usr/bin/youki"}},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 65536}},
        "log-driver": "json-file",
        "log-opts": {"max-size": "20m", "max-file": "5"},
    }
    return json.dumps(shapes, indent=2)
