"""Man pages and the reference of the command line, from the command tables. Pure but for the last function.

`python -m boxship.front.cli.pages DIRECTORY` writes the man pages, with `--reference` instead it prints docs/cli.md.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from boxship import __version__
from boxship.front.cli import help as texts
from boxship.front.cli.catalogue import CATALOGUE, NOUNS
from boxship.front.cli.command import Command
from boxship.front.cli.compose.catalogue import CATALOGUE as COMPOSE
from boxship.front.cli.compose.main import FLAGS as COMPOSE_FLAGS
from boxship.front.cli.flags import Flag
from boxship.front.cli.loading import command_of, load


class Page(NamedTuple):
    """One command. also: other names of it."""

    path: str
    summary: str
    also: tuple[str, ...]
    command: Command

    @property
    def file(self) -> str:
        return f"boxship-{self.path.replace(' ', '-')}.1"


def pages() -> list[Page]:
    """Return every command, by name, those of compose too."""
    found = [Page(entry.path, entry.summary, entry.also, load(entry)) for entry in CATALOGUE]
    found += [
        Page(f"compose {entry.name}", entry.summary, tuple(f"compose {name}" for name in entry.also),
             command_of(f"compose.{entry.module}", entry.name))
        for entry in COMPOSE if not entry.hidden
    ]  # fmt: skip
    return sorted(found)


def shown(flags: tuple[Flag, ...]) -> list[Flag]:
    return sorted((flag for flag in flags if not flag.hidden), key=lambda flag: flag.name)


def reference() -> str:
    """Return docs/cli.md: every command with its flags and examples."""
    lines = [
        "# The command line",
        "",
        "Written from the command tables by `make reference`. `boxship COMMAND --help` tells the same.",
        "",
        "## Global options",
        "",
        *_table(list(texts.GLOBAL_FLAGS)),
        "",
        "The daemon is chosen by `-H`, else `-c`, else `BOXSHIP_HOST` or `DOCKER_HOST`, else `DOCKER_CONTEXT`, else",
        "`currentContext` in `config.json`, else `unix:///run/boxship.sock`. `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`",
        "and `DOCKER_CONFIG`, the directory of `config.json`, are obeyed.",
        "",
        "`boxship run` and `exec` end with the exit code of the process; 125 when it could not be run, 126 when its",
        "command cannot be executed, 127 when that was not found.",
        "",
        "## Options of `boxship compose`",
        "",
        *_table(shown(COMPOSE_FLAGS)),
    ]
    for page in pages():
        lines += _section(page)
    return "\n".join(lines).rstrip() + "\n"


def _section(page: Page) -> Iterator[str]:
    yield from ("", f"## boxship {page.path}", "", f"{page.summary}.", "")
    usage = [f"boxship {page.path} {page.command.usage}".rstrip()]
    yield from ("```", *usage, "```")
    if page.also:
        yield from ("", "Also: " + ", ".join(f"`boxship {name}`" for name in page.also) + ".")
    if flags := shown(page.command.flags):
        yield from ("", *_table(flags))
    if examples := texts.examples_of(page.path, page.command):
        yield from ("", "```console", *examples, "```")


def _table(flags: list[Flag]) -> Iterator[str]:
    yield from ("| Option | Meaning |", "|---|---|")
    for flag in flags:
        written, meaning = texts.flag_row(flag)
        yield f"| `{written.strip()}` | {meaning.replace('|', chr(92) + '|')} |"


def manual(page: Page) -> str:
    """Return a man page in the man macros."""
    title = f"boxship-{page.path.replace(' ', '-')}"
    lines = [
        f'.TH "{title.upper()}" 1 "" "Boxship {__version__}" "User Commands"',
        ".SH NAME",
        f"{_roff(title)} \\- {_roff(page.summary[:1].lower() + page.summary[1:])}",
        ".SH SYNOPSIS",
    ]
    usage = f"boxship {page.path} {page.command.usage}".splitlines()
    lines += [line for one in usage for line in (f".B {_roff(one.strip())}", ".br")][:-1]
    if page.also:
        lines += [".SH ALIASES", _roff(", ".join(f"boxship {name}" for name in page.also))]
    if flags := shown(page.command.flags):
        lines += [".SH OPTIONS", *(line for flag in flags for line in _option(flag))]
    if examples := texts.examples_of(page.path, page.command):
        lines += [".SH EXAMPLES", ".nf", *(_roff(line) for line in examples), ".fi"]
    lines += [".SH SEE ALSO", ".BR boxship (1)"]
    return "\n".join(lines) + "\n"


def overview() -> str:
    """Return boxship(1)."""
    lines = [
        f'.TH "BOXSHIP" 1 "" "Boxship {__version__}" "User Commands"',
        ".SH NAME",
        "boxship \\- build, ship and run containers",
        ".SH SYNOPSIS",
        ".B boxship",
        "[OPTIONS] COMMAND",
        ".SH DESCRIPTION",
        "Speaks to a Boxship or Docker daemon with Docker's commands.",
        ".SH OPTIONS",
        *(line for flag in texts.GLOBAL_FLAGS for line in _option(flag)),
        ".SH COMMANDS",
    ]
    for page in pages():
        lines += [".TP", f".BR {page.file.removesuffix('.1').replace('-', chr(92) + '-')} (1)", _roff(page.summary)]
    nouns = ", ".join(sorted(NOUNS))
    lines += [".SH NOUNS", _roff(nouns), ".SH EXIT STATUS"]
    lines += ["That of the container's process; 125 when it could not be run, 126 when its command cannot be executed,"]
    lines += ["127 when it was not found."]
    return "\n".join(lines) + "\n"


def _option(flag: Flag) -> Iterator[str]:
    written, meaning = texts.flag_row(flag)
    yield from (".TP", f".B {_roff(written.strip())}", _roff(meaning or flag.name))


def _roff(text: str) -> str:
    """A backslash, a dash, and a dot or quote at the start of a line mean something to roff."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "\\[u2026]").replace("'", "\\(aq")
    return f"\\&{safe}" if safe.startswith((".", "\\(aq")) else safe


def write(folder: Path) -> None:
    """Write all man pages into a directory, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "boxship.1").write_text(overview())
    for page in pages():
        (folder / page.file).write_text(manual(page))


if __name__ == "__main__":
    if sys.argv[1:] == ["--reference"]:
        sys.stdout.write(reference())
    else:
        write(Path(sys.argv[1]))
