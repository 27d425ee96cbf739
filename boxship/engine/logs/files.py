"""The files of one log: the newest at its path, older ones beside it as `.1`, `.2.gz` and so on, oldest with the
greatest number. All are held open while they are read, so that a rotation takes nothing away from a reader.
"""

import os
import re
import shutil
import tempfile
from typing import NamedTuple

from isal import igzip

from boxship.engine.logs import cri

BLOCK = 64 * 1024
_SUFFIX = re.compile(r"\.(\d+)(\.gz)?$")


class LogFile:
    """One open file of a log. `packed` says that `unpack` must come before reading."""

    def __init__(self, fd: int, packed: bool, directory: str) -> None:
        self.fd = fd
        self.packed = packed
        self._directory = directory
        self.inode = os.fstat(fd).st_ino

    def unpack(self) -> None:
        """Replace a compressed file by its contents in an unnamed file on disk. Slow; for a thread."""
        plain = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115, its descriptor outlives it
        with plain, os.fdopen(self.fd, "rb") as raw, igzip.open(raw) as source:  # type: ignore[no-untyped-call]
            shutil.copyfileobj(source, plain, 1 << 20)
            plain.flush()
            self.fd, self.packed = os.dup(plain.fileno()), False

    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def read(self, offset: int) -> bytes:
        return os.pread(self.fd, BLOCK, offset)

    def close(self) -> None:
        os.close(self.fd)


class Name(NamedTuple):
    """One file of a log by name. number: 0 for the newest."""

    number: int
    packed: bool
    path: str


def names(path: str) -> list[Name]:
    """Return the files of the log at `path`, oldest first; none when there is no such directory.

    Where a file is there packed and unpacked, its packing was cut short, and only the unpacked one counts."""
    directory, base = os.path.split(path)
    found: dict[int, Name] = {}
    try:
        entries = os.listdir(directory)
    except FileNotFoundError:
        return []
    for entry in entries:
        if entry == base:
            found[0] = Name(0, False, path)
        elif entry.startswith(base) and (match := _SUFFIX.fullmatch(entry, len(base))):
            name = Name(int(match[1]), bool(match[2]), f"{directory}/{entry}")
            if name.number not in found or not name.packed:
                found[name.number] = name
    return [found[number] for number in sorted(found, reverse=True)]


def open_all(path: str) -> list[LogFile]:
    """Open every file of the log at `path`, oldest first; begins again when a rotation comes in between."""
    while True:
        listed = names(path)
        opened: list[LogFile] = []
        for name in listed:
            try:
                fd = os.open(name.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                break
            opened.append(LogFile(fd, name.packed, os.path.dirname(path)))
        if len(opened) == len(listed) and names(path) == listed and _newest_still(path, opened, listed):
            return opened
        for file in opened:
            file.close()


def _newest_still(path: str, opened: list[LogFile], listed: list[Name]) -> bool:
    """Tell whether the newest file was not replaced by another of the same name while we opened."""
    return not listed or listed[-1].number != 0 or inode(path) in (opened[-1].inode, 0)


def inode(path: str) -> int:
    """Return the inode now at `path`; 0 if there is none."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def tail_offset(file: LogFile, count: int) -> tuple[int, int]:
    """Return where the last `count` lines of `file` begin and how many there are, fewer if the file is short.

    Reads backwards from the end, block by block. A last line without its end counts.
    """
    end, carry, seen = file.size(), b"", 0
    start, last = end, True
    while start > 0:
        size = min(BLOCK, start)
        start -= size
        lines = (os.pread(file.fd, size, start) + carry).split(b"\n")
        carry = lines[0] if start else b""
        position = start + sum(map(len, lines)) + len(lines) - 1
        for index in range(len(lines) - 1, 0 if start else -1, -1):
            line = lines[index]
            if (line and _ends_line(line)) or (last and line):
                if seen == count:
                    return position + 1 if position < end else end, seen
                seen += 1
            last = last and not line
            position -= len(line) + 1
    return 0, seen


def _ends_line(line: bytes) -> bool:
    record = cri.parse(line)
    return record is not None and record.whole


def since_offset(file: LogFile, since: int) -> int:
    """Return the offset of the first record not older than `since`; records are in the order of their times."""
    low, high = 0, file.size()
    while high - low > BLOCK:
        middle = (low + high) // 2
        record, begin = _record_after(file, middle)
        if record is not None and cri.nanoseconds(record.time) < since:
            low = begin
        else:
            high = middle
    return low


def _record_after(file: LogFile, offset: int) -> tuple[cri.Record | None, int]:
    """Return the first record that begins behind `offset`, and where."""
    block = os.pread(file.fd, BLOCK, offset)
    begin = block.find(b"\n") + 1
    end = block.find(b"\n", begin)
    return (cri.parse(block[begin:end]), offset + begin) if begin and end > 0 else (None, offset)
