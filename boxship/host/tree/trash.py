"""Trees that nobody needs any more: out of sight by one rename, deleted in the background by `rm`, which copes with
whatever a tree may hold and stays out of anything mounted in it."""

import asyncio
import logging
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path

from boxship.base.errors import KernelError, PlatformError
from boxship.host import process

LINGER = 0.2  # seconds: trees thrown away together are deleted together
MOST = 200  # trees for one `rm`
log = logging.getLogger(__name__)


class Trash:
    """One directory. A killed daemon leaves trees in it, which the next one's `empty` deletes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._condemned: list[str] = []
        self._sweeping: asyncio.Task[None] | None = None
        self._rm: process.Process | None = None

    def throw(self, tree: Path) -> None:
        """May be called from any thread. Raises KernelError."""
        place = self._directory / f"{tree.name[:100]}.{secrets.token_hex(8)}"
        try:
            try:
                os.rename(tree, place)
            except FileNotFoundError:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    os.rename(tree, place)
        except OSError as e:
            raise KernelError(f"remove {tree}: {(e.strerror or str(e)).lower()}", e.errno or 0) from e
        self._notice([str(place)])

    def empty(self) -> None:
        """Begin to delete all that is there. To be called on the loop, which later throws from threads then know."""
        self._loop = asyncio.get_running_loop()
        with suppress(FileNotFoundError):
            self._notice([entry.path for entry in os.scandir(self._directory)])

    def _notice(self, trees: list[str]) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is not None:  # else the next start finds them
                self._loop.call_soon_threadsafe(self._condemn, trees)
            return
        self._condemn(trees)

    def _condemn(self, trees: list[str]) -> None:
        self._condemned += trees
        if self._condemned and self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep(), name="empty the trash")
            self._sweeping.add_done_callback(self._swept)

    def _swept(self, task: asyncio.Task[None]) -> None:
        self._sweeping = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("the trash could not be emptied: %s", error)

    async def _sweep(self) -> None:
        await asyncio.sleep(LINGER)
        while self._condemned:
            batch, self._condemned = self._condemned[:MOST], self._condemned[MOST:]
            self._rm = process.spawn(["nice", "-n", "10", "rm", "-rf", "--one-file-system", "--", *batch], files={2: 2})
            if await self._rm.wait():
                log.warning("rm left some of %s; the next start tries again", ", ".join(batch[:3]))

    async def aclose(self) -> None:
        """Stop deleting; what is left is deleted after the next start."""
        if self._rm is not None:
            self._rm.signal(signal.SIGTERM)
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError, PlatformError):
                await self._sweeping
        if self._rm is not None:
            await self._rm.wait()
