"""Put a file system that comes as a tar archive into a directory, and nowhere else."""

import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from boxship.base.errors import Invalid


class _Pieces:
    """Pieces as a file that can be read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
        part, self._held = self._held[:size], self._held[size:]
        return part


def unpack(pieces: Iterator[bytes], place: str) -> None:
    """Root gets owners and devices as they are, others what they may make. Raises Invalid for what leads out of
    `place`, also by a link that the archive has made before. Python's own filters are not in every 3.11, and 3.14 would
    change modes and owners by one: none is what is wanted."""
    os.makedirs(place, exist_ok=True)
    top = os.path.realpath(place)
    root = os.geteuid() == 0
    directories: list[tarfile.TarInfo] = []
    with tarfile.open(fileobj=cast(BinaryIO, _Pieces(pieces)), mode="r|") as tar:
        tar.extraction_filter = lambda entry, _: entry
        for entry in tar:
            _check(top, entry.name)
            if entry.islnk():
                _check(top, entry.linkname)
            if entry.isdir():
                directories.append(entry)
                os.makedirs(os.path.join(top, entry.name), mode=0o700, exist_ok=True)
            elif root or not (entry.ischr() or entry.isblk()):
                _clear(os.path.join(top, entry.name))
                tar.extract(entry, top, numeric_owner=True)
        for entry in reversed(directories):
            where = os.path.join(top, entry.name)
            if root:
                os.chown(where, entry.uid, entry.gid)
            os.chmod(where, entry.mode)
            os.utime(where, (entry.mtime, entry.mtime))


def _check(top: str, name: str) -> None:
    above = os.path.realpath(os.path.join(top, os.path.dirname(name)))
    inside = above == top or above.startswith(top.rstrip("/") + "/")
    if name.startswith("/") or ".." in name.split("/") or not inside:
        raise Invalid(f"{name}: leads out of the output directory")


def _clear(path: str) -> None:
    """What was there before is replaced; a directory is not."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
