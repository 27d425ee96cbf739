"""What a command is: its flags, its help and the function that carries it out."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TextIO

from boxship.base.errors import PlatformError
from boxship.front.cli.flags import Flag, Parsed, switch
from boxship.front.client.api import ApiError, Client

HELP = switch("help", "", "Print usage")


class Failed(PlatformError):
    """Ends the command with `code`; an empty text prints nothing."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Session:
    """What a running command may touch: the daemon, the three streams and the environment."""

    def __init__(self, client: Client | Callable[[], Client], environ: Mapping[str, str] | None = None) -> None:
        """client: or what makes one, for commands that may not need it."""
        self._client = client
        self.environ = os.environ if environ is None else environ
        self.failed: list[str] = []  # what `each` could not do
        self.out: TextIO = sys.stdout
        self.err: TextIO = sys.stderr
        self.given: Parsed | None = None  # flags before the command: `-c prod ps`
        self.above: Parsed | None = None  # flags between a group of commands and the command: `compose -f x config`

    @property
    def client(self) -> Client:
        """Raises Invalid or NotFound when nobody can tell which daemon is meant."""
        if callable(self._client):
            self._client = self._client()
        return self._client

    def say(self, *words: object) -> None:
        print(*words, file=self.out)

    def warn(self, *words: object) -> None:
        print(*words, file=self.err)

    def complain(self, error: PlatformError) -> None:
        """Tell what went wrong, and what to do about it where that is known."""
        self.out.flush()
        self.warn(told(self, error))


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


def told(session: Session, error: PlatformError) -> str:
    """Return the sentence for an error and, for a name that nobody has, a next step."""
    if not isinstance(error, ApiError):
        return str(error)
    from boxship.front.cli.nearby import next_step

    hint = next_step(session.client, error)
    return f"Error response from daemon: {error}" + (f"\n{hint}" if hint else "")


def each(session: Session, names: Sequence[str], act: Callable[[str], str]) -> int:
    """Do `act` to each of `names`, print what it returns; go on after a failure and tell it at the end."""
    code = 0
    for name in names:
        try:
            shown = act(name)
            if shown:
                session.say(shown)
        except PlatformError as error:
            session.complain(error)
            session.failed.append(name)
            code = 1
    return code
