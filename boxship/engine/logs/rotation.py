"""When a log begins a new file, and what becomes of the old ones. The planner is pure; the hands rename and pack.

The newest of the old files stays unpacked, so that a reader one rotation behind still finds it.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from isal import igzip

from boxship.engine.logs.files import Name
from boxship.engine.logs.options import Rotation


@dataclass(frozen=True, slots=True)
class Remove:
    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """The monitor makes a new file at the log's path."""


@dataclass(frozen=True, slots=True)
class Pack:
    path: str


Action = Remove | Rename | Reopen | Pack


def plan(path: str, listed: Sequence[Name], policy: Rotation) -> tuple[Action, ...]:
    """Return what makes room for a new file at `path`; done in this order, a crash in between loses nothing."""
    kept = policy.max_file - 1
    gone = [Remove(name.path) for name in listed if name.number >= kept]
    stay = [name for name in listed if name.number < kept]
    moves = [Rename(name.path, _moved(path, name)) for name in stay]
    packs = [Pack(_moved(path, name)) for name in stay if policy.compress and name.number and not name.packed]
    return (*gone, *moves, Reopen(), *packs)


def _moved(path: str, name: Name) -> str:
    return f"{path}.{name.number + 1}{'.gz' if name.packed else ''}"


def render(actions: Sequence[Action]) -> str:
    """One line per action, for logs and tests."""
    return "\n".join(_text(action) for action in actions)


def _text(action: Action) -> str:
    base = os.path.basename
    match action:
        case Remove(path):
            return f"remove {base(path)}"
        case Rename(path, to):
            return f"rename {base(path)} {base(to)}"
        case Reopen():
            return "reopen"
        case Pack(path):
            return f"pack {base(path)}"
        case _:
            assert_never(action)


def execute(actions: Sequence[Action], reopen: Callable[[], None]) -> None:
    """Do all but packing. Each action may be repeated."""
    for action in actions:
        match action:
            case Remove(path):
                os.unlink(path)
            case Rename(path, to):
                os.rename(path, to)
            case Reopen():
                reopen()
            case Pack():
                pass
            case _:
                assert_never(action)


def pack(path: str) -> None:
    """Replace a file by its compressed form. Slow; for a thread. Safe to repeat after a crash."""
    unfinished, done = f"{path}.gz.tmp", f"{path}.gz"
    with open(path, "rb") as plain, igzip.open(unfinished, "wb", compresslevel=1) as packed:  # type: ignore[no-untyped-call]
        shutil.copyfileobj(plain, packed, 1 << 18)
    shutil.copymode(path, unfinished)
    os.rename(unfinished, done)
    os.unlink(path)
