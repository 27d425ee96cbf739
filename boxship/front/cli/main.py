"""The command line: global flags, then a command. Exit codes are Docker's: 125 for our own failures in run,
126 and 127 for commands that cannot be executed, 1 for the rest."""

import gc
import os
import sys
from collections.abc import Sequence

from boxship.base.errors import Invalid, PlatformError
from boxship.front.cli import help as texts
from boxship.front.cli.catalogue import NOUNS, find, names_below
from boxship.front.cli.command import HELP, Command, Failed, Session, told
from boxship.front.cli.endpoint import client, environment
from boxship.front.cli.flags import Parsed, nearest, parse
from boxship.front.cli.loading import count, load
from boxship.front.client.api import ApiError

USAGE_ERROR = 125


def main(argv: Sequence[str]) -> int:
    """Carry out one command line; return its exit code."""
    try:
        code = _main(argv)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


def _main(argv: Sequence[str]) -> int:
    try:
        given = parse(texts.GLOBAL_FLAGS, argv, interspersed=False)
    except Invalid as error:
        return _refuse(f"{error}\n\nUsage:  boxship [OPTIONS] COMMAND\n\nRun 'boxship --help' for more information")
    if given.on("version"):
        from boxship import __version__

        print(f"Boxship version {__version__}")
        return 0
    words = list(given.args)
    if given.on("help") or not words or words == ["help"]:
        print(texts.general())
        return 0
    if words[0] == "help":
        words = [*words[1:], "--help"]
    return _dispatch(given, words)


def _dispatch(given: Parsed, words: list[str]) -> int:
    if words[0] == "compose":
        return _compose(given, words[1:])
    entry, path, rest = find(words)
    if entry is None:
        return _unknown(words)
    command = load(entry)
    flags = (*command.flags, HELP)
    try:
        parsed = parse(flags, rest, interspersed=command.interspersed)
        if parsed.on("help"):
            others = tuple(alias for alias in (entry.path, *entry.also) if alias != path)
            print(texts.of_command(path, entry.summary, others, command))
            return 0
    except Invalid as error:
        return _refuse(f"{error}\n{texts.usage_hint(path, command)}", USAGE_ERROR)
    try:
        count(path, command, parsed)
    except Invalid as error:
        return _refuse(f"{error}\n{texts.usage_hint(path, command)}")
    return _run(given, command, parsed)


def _compose(given: Parsed, words: list[str]) -> int:
    from boxship.front.cli.compose.main import choose

    try:
        chosen = choose(words)
    except Invalid as error:
        return _refuse(str(error), USAGE_ERROR)
    if isinstance(chosen, str):
        print(chosen)
        return 0
    return _run(given, chosen.command, chosen.parsed, chosen.above)


def _run(given: Parsed, command: Command, parsed: Parsed, above: Parsed | None = None) -> int:
    environ = environment(given, os.environ)
    session = Session(lambda: client(given, environ), environ)
    session.given, session.above = given, above
    try:
        gc.freeze()  # what is imported by now stays; the entry point had turned collection off until here
        gc.enable()
        return command.run(session, parsed) or 0
    except Failed as error:
        return _refuse(str(error), error.code)
    except ApiError as error:
        return _refuse(told(session, error))
    except PlatformError as error:
        return _refuse(str(error))
    except ConnectionError as error:
        if given.on("debug"):
            raise
        return _refuse(f"The daemon went away: {error}. Look at its log, then try again.")


def _unknown(words: list[str]) -> int:
    """Say what was meant, or list what there is below a noun."""
    from boxship.front.cli.absent import absent

    if refused := absent(words):
        return _refuse(refused, 0 if words[-1] == "--help" else 1)
    noun = words[0] if words[0] in NOUNS else ""
    if noun and (len(words) == 1 or words[1] in ("--help", "-h")):
        print(texts.of_noun(noun))
        return 0
    word = words[1] if noun else words[0]
    guess = nearest(word, names_below(noun))
    prefix = f"boxship {noun} ".replace("  ", " ")
    hint = f"Did you mean '{prefix}{guess}'?" if guess else f"Run '{prefix.strip()} --help' for what there is."
    return _refuse(f"boxship: unknown command: {prefix}{word}\n\n{hint}")


def _refuse(text: str, code: int = 1) -> int:
    sys.stdout.flush()
    if text:
        print(text, file=sys.stderr)
    return code
