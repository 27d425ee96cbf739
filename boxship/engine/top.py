"""Processes of a container as the host's `ps` shows them."""

import re
import shutil
from collections.abc import Callable, Collection, Sequence

import msgspec

from boxship.base.errors import Conflict, Invalid, PlatformError
from boxship.engine.events import Events
from boxship.host import process
from boxship.model.status import Container, State

TIMEOUT = 10.0  # seconds
_RENAMED = re.compile(r"\s+(\S*)=\s*(PID\S*)")


class ProcessTable(msgspec.Struct, frozen=True):
    titles: list[str]
    processes: list[list[str]]


class Top:
    """pids: give the process ids, on the host, of all that runs in a container."""

    def __init__(self, pids: Callable[[Container], Collection[int]], events: Events) -> None:
        self._pids = pids
        self._events = events

    async def top(self, container: Container, arguments: str = "") -> ProcessTable:
        """Raises Conflict unless it runs, Invalid for arguments that hide the PID column."""
        _require_running(container)
        words = (arguments or "-ef").split()
        if renamed := _RENAMED.search(" " + arguments):
            raise Invalid(f'specifying "{renamed[1]}={renamed[2]}" is not allowed')
        pids = self._pids(container)
        table = parse(await self._ps(words, pids), pids)
        self._events.container(container, "top")
        return table

    async def _ps(self, words: list[str], pids: Collection[int]) -> str:
        """Ask for our processes only; some arguments do not go with that, then ask for all."""
        program = shutil.which("ps")
        if program is None:
            raise PlatformError('exec: "ps": executable file not found in $PATH')
        chosen = ",".join(map(str, pids))
        done = await process.run([program, *words, f"-q{chosen}"], timeout=TIMEOUT)
        if done.code:
            done = await process.run([program, *words], timeout=TIMEOUT)
        if done.code:
            raise PlatformError(f"ps: {done.err.decode(errors='replace').strip() or done.code}")
        return done.out.decode(errors="replace")


def parse(output: str, pids: Collection[int]) -> ProcessTable:
    """Return the rows of `pids`, each with as many cells as there are titles. Raises Invalid without a PID column."""
    lines = output.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise Invalid("Couldn't find PID field in ps output")
    return ProcessTable(titles, list(_rows(lines[1:], titles.index("PID"), len(titles), set(pids))))


def _rows(lines: Sequence[str], column: int, width: int, pids: set[int]) -> Sequence[list[str]]:
    """Rows of `pids`; threads, which have `-` for their PID, follow their process."""
    rows, ours = [], False
    for line in lines:
        cells = line.split(None, width - 1)
        if len(cells) <= column:
            continue
        if cells[column] != "-":
            ours = cells[column].isdecimal() and int(cells[column]) in pids
        if ours:
            rows.append([cell.rstrip() for cell in cells])
    return rows


def _require_running(container: Container) -> None:
    state = container.status.state
    if state is State.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if state not in (State.RUNNING, State.PAUSED):
        raise Conflict(f"container {container.id} is not running")
