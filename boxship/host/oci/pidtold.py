"""Learn from a runtime which process id its new process has, as soon as it runs.

crun writes into whatever `--pid-file` names, hence into a pipe; others (runc) rename a new file over it.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from boxship.host import inotify


class PidTold(Protocol):
    """Whoever gets one must `close` it.

    path: what to give as `--pid-file`.  files: descriptors the program needs for that.
    """

    path: str
    files: dict[int, int]

    def handed_over(self) -> None:
        """The program has been started, with `files`."""
        ...

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` once there may be something to read."""
        ...

    def read(self) -> int:
        """Return the process id, 0 when it is not known (yet)."""
        ...

    def close(self) -> None: ...


class ThroughPipe:
    def __init__(self, number: int) -> None:
        """number: of the descriptor in the program."""
        self._reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.path = f"/proc/self/fd/{number}"
        self.files = {number: writing}
        self._number = number

    def handed_over(self) -> None:
        os.close(self.files.pop(self._number))

    def watch(self, told: Callable[[], None]) -> None:
        asyncio.get_running_loop().add_reader(self._reading, told)

    def read(self) -> int:
        with suppress(OSError):
            return _number(os.read(self._reading, 32))
        return 0

    def close(self) -> None:
        if self._reading >= 0:
            asyncio.get_running_loop().remove_reader(self._reading)
            os.close(self._reading)
            self._reading = -1


class ThroughFile:
    def __init__(self, path: str) -> None:
        """path: of the file, which is removed in the end."""
        self.path = path
        self.files: dict[int, int] = {}
        self._inotify: inotify.Inotify | None = inotify.Inotify()
        self._inotify.add(os.path.dirname(path), inotify.MOVED_TO | inotify.CLOSE_WRITE)

    def handed_over(self) -> None:
        pass

    def watch(self, told: Callable[[], None]) -> None:
        assert self._inotify is not None
        asyncio.get_running_loop().add_reader(self._inotify.fd, self._changed, told)

    def _changed(self, told: Callable[[], None]) -> None:
        assert self._inotify is not None
        if any(change.name == os.path.basename(self.path) for change in self._inotify.read()):
            told()

    def read(self) -> int:
        with suppress(OSError), open(self.path, "rb") as file:
            return _number(file.read(32))
        return 0

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
            self._inotify.close()
            self._inotify = None
            with suppress(FileNotFoundError):
                os.unlink(self.path)


def _number(text: bytes) -> int:
    return int(text) if text.strip().isdigit() else 0
