"""Ends of containers: conmon writes each into a file of its own, named after the container."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress

from boxship.host import inotify
from boxship.host.api.runtime import Exit
from boxship.host.oci.layout import Layout

UNKNOWN = 255  # conmon could not tell


class Exits:
    """All exits of an exec root. Whoever makes one must `close` it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._watch: inotify.Inotify | None = None
        self._queue: asyncio.Queue[Exit] = asyncio.Queue()
        self._told: dict[str, int] = {}  # id -> time of the exit that was yielded

    async def follow(self) -> AsyncIterator[Exit]:
        """Yield those of the past, then new ones as they happen, each once. One follower at a time."""
        self._start()
        for id in self.known():
            self._tell(id)
        while True:
            yield await self._queue.get()

    def known(self) -> list[str]:
        """Ids of all recorded exits; conmon's half-written files have a dot in their names."""
        with suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self._layout.exits) if "." not in name)
        return []

    def of(self, id: str) -> Exit | None:
        path = self._layout.exit(id)
        try:
            with open(path, "rb") as file:
                text, time_ns = file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return None
        code = int(text) if text.strip().lstrip(b"-").isdigit() else UNKNOWN
        oom = os.path.exists(self._layout.oom(id))
        return Exit(id=id, code=code if code >= 0 else UNKNOWN, time_ns=time_ns, oom=oom)

    def record(self, id: str, code: int) -> None:
        """Write an exit in conmon's place, when conmon itself has died."""
        temporary = f"{self._layout.exit(id)}.ours"
        with open(temporary, "wb") as file:
            file.write(b"%d" % code)
        os.rename(temporary, self._layout.exit(id))

    def forget(self, id: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._layout.exit(id))
        self._told.pop(id, None)

    def close(self) -> None:
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch.fd)
            self._watch.close()
            self._watch = None

    def _start(self) -> None:
        if self._watch is None:
            os.makedirs(self._layout.exits, mode=0o700, exist_ok=True)
            self._watch = inotify.Inotify()
            self._watch.add(self._layout.exits, inotify.MOVED_TO)
            asyncio.get_running_loop().add_reader(self._watch.fd, self._changed)

    def _changed(self) -> None:
        assert self._watch is not None
        for change in self._watch.read():
            for id in self.known() if change.mask & inotify.OVERFLOW else [change.name]:
                self._tell(id)

    def _tell(self, id: str) -> None:
        found = self.of(id)
        if found is not None and self._told.get(id) != found.time_ns:
            self._told[id] = found.time_ns
            self._queue.put_nowait(found)
