"""When a log begins a new file, and what becomes of the old ones. The planner is pure; the hands rename and pack.

The newest of the old files stays unpacked, so that a reader one rotation behind still finds it.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from isal import igzip

from boxship.base.errors import PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.logs import files, options
from boxship.engine.logs.files import Name
from boxship.engine.logs.options import Rotation
from boxship.host.api.runtime import Runtime
from boxship.model.status import Container, State

PERIOD = 1.0  # seconds between two looks at the sizes
BREATH = 64  # sizes looked at before other work gets its turn
log = logging.getLogger(__name__)


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


class Rotator:
    """Looks at the logs of all running containers and rotates those that have grown too large.

    containers: give all containers.
    """

    def __init__(self, containers: Callable[[], Iterable[Container]], runtime: Runtime) -> None:
        self._containers = containers
        self._runtime = runtime
        self._missing: set[str] = set()
        self._packing: set[str] = set()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.spawn(self._watch(), "log rotation")

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """Look at every running container's log once."""
        for number, container in enumerate(tuple(self._containers()), 1):
            if container.status.state is State.RUNNING and container.log_path:
                try:
                    self._check(container)
                except (OSError, PlatformError) as error:
                    log.warning("log of %s cannot be rotated: %s", container.id, error)
            if number % BREATH == 0:
                await asyncio.sleep(0)

    def _check(self, container: Container) -> None:
        try:
            size = os.stat(container.log_path).st_size
        except FileNotFoundError:
            self._reopen_missing(container)
            return
        self._missing.discard(container.id)
        if container.id in self._packing:
            return
        policy = options.rotation(container.spec.host.log_config)
        if size >= policy.max_size:
            self._rotate(container, policy)

    def _reopen_missing(self, container: Container) -> None:
        """A daemon ended between renaming and reopening, or the monitor has not got to it: ask it at the second look.

        Asking twice at once could make it begin a file anew that it has just begun."""
        if container.id in self._missing:
            self._missing.discard(container.id)
            self._runtime.reopen_log(container.id)
        else:
            self._missing.add(container.id)

    def _rotate(self, container: Container, policy: Rotation) -> None:
        actions = plan(container.log_path, files.names(container.log_path), policy)
        execute(actions, lambda: self._runtime.reopen_log(container.id))
        if packs := [action.path for action in actions if isinstance(action, Pack)]:
            self._packing.add(container.id)
            self._tasks.spawn(self._pack(container.id, packs), f"packing logs of {container.id}")

    async def _pack(self, container_id: str, paths: Iterable[str]) -> None:
        try:
            for path in paths:
                await asyncio.to_thread(pack, path)
        finally:
            self._packing.discard(container_id)
