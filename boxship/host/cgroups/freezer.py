"""Stopping and continuing all processes of a group at once."""

import asyncio
from collections.abc import Callable, Iterator

from boxship.base.errors import KernelError
from boxship.host.cgroups.directories import Hierarchy
from boxship.host.cgroups.parse import flat

PATIENCE = 10.0  # seconds
FIRST_LOOK = 0.001
SLOWEST_LOOK = 0.05
AGAIN = 20  # looks after which a freeze is asked for anew: a process that forks may slip through the first version's


class Freezer:
    """unified: the hierarchy is of the second version."""

    def __init__(self, hierarchy: Hierarchy, unified: bool) -> None:
        self._hierarchy = hierarchy
        self._unified = unified

    def ask(self, path: str, frozen: bool) -> None:
        """Begin to freeze or thaw."""
        if self._unified:
            self._hierarchy.write(path, "cgroup.freeze", "1" if frozen else "0")
        else:
            self._hierarchy.write(path, "freezer.state", "FROZEN" if frozen else "THAWED")

    def groups(self, path: str) -> Iterator[str]:
        return self._hierarchy.walk(path)

    def frozen(self, path: str) -> bool:
        if self._unified:
            return flat(self._hierarchy.read(path, "cgroup.events")).get("frozen") == 1
        return self._hierarchy.read(path, "freezer.state").strip() == "FROZEN"

    async def freeze(self, path: str) -> None:
        """Raises KernelError, the group then being thawed, if it does not stand still in time."""
        self.ask(path, True)
        if not await self._until(lambda: self.frozen(path), lambda: self.ask(path, True)):
            self.ask(path, False)
            raise KernelError(f"freeze {path}: its processes do not stand still within {PATIENCE:g} seconds")

    async def thaw(self, path: str) -> None:
        self.ask(path, False)
        if not await self._until(lambda: not self.frozen(path), lambda: None):
            raise KernelError(f"thaw {path}: its processes do not go on within {PATIENCE:g} seconds")

    async def _until(self, reached: Callable[[], bool], again: Callable[[], None]) -> bool:
        """The first version tells nobody when it is done, so look, ever more rarely."""
        clock = asyncio.get_running_loop().time
        deadline, pause, looks = clock() + PATIENCE, FIRST_LOOK, 0
        while not reached():
            if clock() > deadline:
                return False
            await asyncio.sleep(pause)
            pause, looks = min(pause * 2, SLOWEST_LOOK), looks + 1
            if looks % AGAIN == 0:
                again()
        return True
