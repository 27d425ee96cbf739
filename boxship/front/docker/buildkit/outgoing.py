"""A directory as packets: first all its files are told of, then the contents of those asked for follow.

`told` and `contents` block, for a thread; the rest is for the event loop.
"""

import asyncio
import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from boxship.base.errors import PlatformError
from boxship.front.docker.buildkit.bulk import framed
from boxship.front.docker.buildkit.pb.fsutil_pb2 import Packet, Stat
from boxship.front.docker.buildkit.wire.modes import to_go

BATCH = 256 << 10  # bytes sent at once
PIECE = 32 << 10


class Outgoing:
    """finished: the client has all it wants."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._files: dict[int, str] = {}
        self._names: dict[tuple[int, int], bytes] = {}
        self._walk = self._packets()
        self._wanted: deque[int] = deque()
        self._current: tuple[int, int] | None = None  # number and descriptor of the file under way
        self._news = asyncio.Event()
        self._gone = False
        self.finished = False

    # ---- telling

    def told(self) -> bytes:
        """Return the next packets that tell of files; b"" after the last."""
        batch = bytearray()
        for packet in self._walk:
            batch += packet
            if len(batch) >= BATCH:
                break
        return bytes(batch)

    def _packets(self) -> Iterator[bytes]:
        number = 0
        for path, seen in _walk(self._root, ""):
            if stat.S_ISSOCK(seen.st_mode):
                continue
            yield framed(Packet(stat=self._stat(path, seen, number)).SerializeToString())
            number += 1
        yield framed(b"")

    def _stat(self, path: str, seen: os.stat_result, number: int) -> Stat:
        name = os.fsencode(path)
        told = Stat(path=name, mode=to_go(seen.st_mode), uid=seen.st_uid, gid=seen.st_gid, mod_time=seen.st_mtime_ns)
        if stat.S_ISREG(seen.st_mode):
            told.size = seen.st_size
            first = self._names.setdefault((seen.st_dev, seen.st_ino), name) if seen.st_nlink > 1 else name
            if first != name:
                told.linkname = first
            self._files[number] = path
        elif stat.S_ISLNK(seen.st_mode):
            told.linkname = os.readlink(os.fsencode(f"{self._root}/{path}"))
        elif not stat.S_ISDIR(seen.st_mode):
            told.devmajor, told.devminor = os.major(seen.st_rdev), os.minor(seen.st_rdev)
        return told

    # ---- being asked

    def note(self, packet: Packet) -> None:
        if packet.type == Packet.PACKET_REQ:
            self._wanted.append(packet.id)
        elif packet.type == Packet.PACKET_ERR:
            raise PlatformError(f"error from receiver: {packet.data.decode(errors='replace')}")
        elif packet.type == Packet.PACKET_FIN:
            self.finished = True
        self._news.set()

    def over(self) -> None:
        """The client will ask for nothing more."""
        self._gone = self.finished = True
        self._news.set()

    async def wait(self) -> None:
        """Return when there may be something to do."""
        await self._news.wait()
        self._news.clear()

    def contents(self) -> bytes:
        """Return the next packets of files asked for; b"" when there are none now."""
        batch = bytearray()
        while len(batch) < BATCH and (self._current or self._wanted):
            if self._current is None:
                number = self._wanted.popleft()
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                self._current = number, os.open(f"{self._root}/{self._files[number]}", flags)
            number, fd = self._current
            data = os.read(fd, PIECE)
            batch += framed(Packet(type=Packet.PACKET_DATA, id=number, data=data).SerializeToString())
            if not data:
                self.close()
        return bytes(batch)

    def close(self) -> None:
        if self._current is not None:
            os.close(self._current[1])
            self._current = None


def _walk(root: str, below: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield all files in the order of their names, directories before what is in them."""
    with os.scandir(f"{root}/{below}") as listed:
        entries = sorted(listed, key=lambda entry: os.fsencode(entry.name))
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        seen = entry.stat(follow_symlinks=False)
        yield path, seen
        if stat.S_ISDIR(seen.st_mode):
            yield from _walk(root, path)
