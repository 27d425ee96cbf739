"""Processes that run once in a container of their own, without a monitor: steps of a build. Types and a Protocol only.

They do not survive the daemon: what one that was killed has left is taken away by `sweep`.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from boxship.host.api.runtime import Launch


class Running(Protocol):
    """One such process. Either `wait` or `kill` must be called, once all output was read: they take away what is
    left of it."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (STDOUT or STDERR, bytes) until all of it was yielded. Once."""
        ...

    async def wait(self) -> int:
        """Return the exit code (128 + signal) once nothing of the container is left.
        Raises RuntimeFailed when the program could not be started."""
        ...

    async def kill(self) -> None:
        """End it now; return once nothing is left. Nothing happens if it is gone."""
        ...


class Once(Protocol):
    def run(self, launch: Launch) -> Running:
        """Begin to run; standard input is empty. Of `launch` only id, config and runtime count. Raises KernelError
        when there is no such runtime."""
        ...

    async def sweep(self) -> None:
        """Kill and remove what an earlier daemon left. Once, at the start."""
        ...
