"""From a row of a catalogue to the command itself, and whether its arguments are as many as it takes."""

from importlib import import_module

from boxship.base.errors import Invalid
from boxship.front.cli.catalogue import Entry
from boxship.front.cli.command import Command
from boxship.front.cli.flags import Parsed


def load(entry: Entry) -> Command:
    """Import the one file that holds the command."""
    return command_of(entry.module, entry.name)


def command_of(module: str, name: str) -> Command:
    """Return the command `name` of a module below boxship.front.cli."""
    commands: dict[str, Command] = import_module(f"boxship.front.cli.{module}").COMMANDS
    return commands[name]


def count(path: str, command: Command, parsed: Parsed) -> None:
    """Raises Invalid when there are too few or too many arguments."""
    given, least, most = len(parsed.args), command.least, command.most
    if given >= least and (most is None or given <= most):
        return
    if most == 0:
        raise Invalid(f"boxship: 'boxship {path}' accepts no arguments")
    wanted = f"{least}" if least == most else f"at least {least}" if given < least else f"at most {most}"
    plural = "argument" if wanted.endswith(" 1") or wanted == "1" else "arguments"
    raise Invalid(f"boxship: 'boxship {path}' requires {wanted} {plural}")
