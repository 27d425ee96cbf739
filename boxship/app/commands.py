"""The command line as a page, made from its own tables: `python -m boxship.app.commands` prints docs/cli.md."""

import sys

from boxship.front.cli import help as texts
from boxship.front.cli.catalogue import CATALOGUE
from boxship.front.cli.compose.catalogue import CATALOGUE as COMPOSE
from boxship.front.cli.loading import command_of, load


def markdown() -> str:
    """Return a section for each command, with the help that it prints itself."""
    parts = ["# Command line", "Made from the commands' own help by `make docs`.", "## boxship",
             _text(texts.general())]  # fmt: skip
    for entry in sorted(CATALOGUE, key=lambda entry: entry.path):
        parts += [f"## {entry.path}", _text(texts.of_command(entry.path, entry.summary, entry.also, load(entry)))]
    for row in sorted(COMPOSE, key=lambda row: row.name):
        if not row.hidden:
            path, command = f"compose {row.name}", command_of(f"compose.{row.module}", row.name)
            parts += [f"## {path}", _text(texts.of_command(path, row.summary, (), command))]
    return "\n\n".join(parts) + "\n"


def _text(told: str) -> str:
    return f"```text\n{told.rstrip()}\n```"


if __name__ == "__main__":
    sys.stdout.write(markdown())
