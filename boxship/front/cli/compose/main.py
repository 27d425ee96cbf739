"""From the words behind `boxship compose` to a command. The flags of all commands stand before the command's name."""

from typing import NamedTuple

from boxship.base.errors import Invalid
from boxship.front.cli import help as texts
from boxship.front.cli.command import HELP, Command
from boxship.front.cli.compose.catalogue import CATALOGUE, Entry, find, names
from boxship.front.cli.compose.lean import imports
from boxship.front.cli.flags import Flag, Parsed, many, nearest, number, parse, switch, text
from boxship.front.cli.loading import command_of, count

FLAGS: tuple[Flag, ...] = (
    many("file", "f", "Compose file; several are merged in this order", "stringArray"),
    text("project-name", "p", "Name of the project"),
    text("project-directory", "", "Directory that relative paths start from (default: that of the first file)"),
    many("env-file", "", "File of variables to read the compose files with", "stringArray"),
    many("profile", "", "Profile to enable", "stringArray"),
    text("progress", "", "How progress is shown: auto, tty, plain, json or quiet", default="auto"),
    text("ansi", "", "When to use colours: never, always or auto", default="auto"),
    number("parallel", "", "How many things to do at once, -1 for no limit", "-1"),
    switch("compatibility", "", "Name containers as docker-compose 1 did"),
    switch("dry-run", "", "Only show what would be done, and why"),
    switch("all-resources", "", "Include resources that no service uses"),
    Flag("workdir", "", "text", "Old name of --project-directory", "string", hidden=True),
    Flag("verbose", "", "switch", "Show more", bare="true", hidden=True),
    Flag("no-ansi", "", "switch", "Old name of --ansi never", bare="true", hidden=True),
    switch("version", "v", "Show version information"),
    HELP._replace(short="h"),
)


class Chosen(NamedTuple):
    """A command of compose, with the flags before its name and those behind it."""

    above: Parsed
    command: Command
    parsed: Parsed


def choose(words: list[str]) -> Chosen | str:
    """Return the command that `words` mean, or a text to print instead. Raises Invalid in pflag's words."""
    above = parse(FLAGS, words, interspersed=False)
    rest = ["version"] if above.on("version") else list(above.args)
    if above.on("help") or not rest or rest == ["help"]:
        return general()
    if rest[:2] == ["alpha", "publish"]:  # where docker compose 2.26 has it
        rest = rest[1:]
    if rest[0] == "help":
        rest = [*rest[1:], "--help"]
    entry = find(rest[0])
    if entry is None:
        raise _unknown(rest[0])
    return _parsed(above, entry, rest)


def _parsed(above: Parsed, entry: Entry, words: list[str]) -> Chosen | str:
    imports()
    command, path = command_of(f"compose.{entry.module}", entry.name), f"compose {words[0]}"
    try:
        parsed = parse((*command.flags, HELP), words[1:], interspersed=command.interspersed)
        if parsed.on("help"):
            others = tuple(f"compose {name}" for name in (entry.name, *entry.also) if name != words[0])
            return texts.of_command(path, entry.summary, others, command)
        count(path, command, parsed)
    except Invalid as error:
        raise Invalid(f"{error}\n{texts.usage_hint(path, command)}") from None
    return Chosen(above, command, parsed)


def _unknown(word: str) -> Invalid:
    guess = nearest(word, names())
    hint = f"Did you mean 'boxship compose {guess}'?" if guess else "Run 'boxship compose --help' for what there is."
    return Invalid(f"boxship: unknown command: compose {word}\n\n{hint}")


def general() -> str:
    """Return the help of `boxship compose` alone."""
    command = Command("[OPTIONS] COMMAND", lambda session, parsed: 0, FLAGS)
    rows = texts.rows([(entry.name, entry.summary) for entry in CATALOGUE if not entry.hidden])
    return (
        texts.of_command("compose", "Applications of many containers, described in a file.", (), command)
        + f"\n\nCommands:\n{rows}\n\nRun 'boxship compose COMMAND --help' for more information on a command."
    )
