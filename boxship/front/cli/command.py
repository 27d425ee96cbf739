"""What a command is: its flags, its help and the function that carries it out."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TextIO

from boxship.base.errors import PlatformError
from boxship.front.cli.flags import Flag, Parsed, switch
from boxship.front.client.api import Client

HELP = switch("help", "", "Print usage")


class Failed(PlatformError):
    """Ends the command with `code`; an empty text prints nothing."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Session:
    """What a running command may touch: the daemon, the three streams and the environment."""

    def __init__(self, client: Client, environ: Mapping[str, str] | None = None) -> None:
        self.client = client
        self.environ = os.environ if environ is None else environ
        self.out: TextIO = sys.stdout
        self.err: TextIO = sys.stderr
        self.above: Parsed | None = None  # flags between a group of commands and the command: `compose -f x config`

    def say(self, *words: object) -> None:
        print(*words, file=self.out)

    def warn(self, *words: object) -> None:
        print(*words, file=self.err)


class Command(NamedTuple):
    """One command. usage: what follows its name. least, most: how many arguments it takes.

    interspersed: flags may follow arguments; False for commands that run another one.
    """

    usage: str
    run: Callable[[Session, Parsed], int | None]
    flags: tuple[Flag, ...] = ()
    least: int = 0
    most: int | None = None
    interspersed: bool = True
    examples: str = ""


def each(session: Session, names: Sequence[str], act: Callable[[str], str]) -> int:
    """Do `act` to each of `names`, print what it returns; go on after a failure and tell it at the end."""
    code = 0
    for name in names:
        try:
            shown = act(name)
            if shown:
                session.say(shown)
        except PlatformError as error:
            session.out.flush()
            session.warn(f"Error response from daemon: {error}")
            code = 1
    return code
