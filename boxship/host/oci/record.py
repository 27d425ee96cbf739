"""Who was started for a container, kept in its bundle so that a later daemon finds them again, and nobody else."""

import os

import msgspec

from boxship.host.process import alive, stat


class Identified(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process that cannot be mistaken for a later one with its pid. start: ticks since boot, /proc/PID/stat."""

    pid: int = 0
    start: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """runtime: its name.  cgroup: path below each hierarchy.  hooks: the runtime has something to run at the end.
    stdin: of the first process, as /proc names it; "" when it has none that can be written to."""

    runtime: str
    cgroup: str = ""
    hooks: bool = False
    stdin: str = ""
    monitor: Identified = Identified()
    first: Identified = Identified()


def write(path: str, record: Record) -> None:
    """Replace the record at `path` as a whole."""
    temporary = f"{path}.new"
    with open(temporary, "wb") as file:
        file.write(msgspec.json.encode(record))
    os.rename(temporary, path)


def read(path: str) -> Record | None:
    """Return the record at `path`, None when there is none (yet)."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=Record)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def identify(pid: int) -> Identified:
    """Return who has `pid` now; start is 0 when nobody has."""
    seen = stat(pid)
    return Identified(pid, seen.start if seen else 0)


def lives(process: Identified) -> bool:
    """True while `process` runs: same pid and same start."""
    return process.pid > 0 and process.start > 0 and alive(process.pid, process.start)
