"""An archive of volumes: for each one an entry `volume:KEY`, whose content is the tar archive the engine gave.

The engine's archives go in and out as they are, whatever their size, so owners, modes and links stay.
"""

import contextlib
import os
import tarfile
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from boxship.base.errors import Invalid
from boxship.front.client.api import Client
from boxship.front.compose import labels

ROOT = "/volumes"
CHUNK = 256 * 1024
PREFIX = "volume:"


class Place(NamedTuple):
    """Where in the file one volume's archive is. name: last part of its path in the container it came from."""

    offset: int
    size: int


@contextlib.contextmanager
def holder(client: Client, project: str, volumes: Iterable[str], image: str) -> Iterator[str]:
    """Yield the path of a container that never runs, and has each volume at ROOT/NAME."""
    mounts = [
        {"Type": "volume", "Source": name, "Target": f"{ROOT}/{name}", "VolumeOptions": {"NoCopy": True}}
        for name in volumes
    ]
    body = {
        "Image": image,
        "Cmd": ["nothing"],
        "Labels": {"boxship.compose.backup": project, labels.ONE_OFF: "True"},
        "HostConfig": {"Mounts": mounts, "NetworkMode": "none"},
    }
    id = client.post("/containers/create", body=body)["Id"]
    try:
        yield f"/containers/{id}"
    finally:
        client.delete(f"/containers/{id}", {"force": True})


def copy(parts: Iterable[bytes], file: BinaryIO, key: str, name: str) -> int:
    """Append one volume's archive; return its size. Its head is written last, as the size is not known before."""
    head_at = file.tell()
    file.write(bytes(tarfile.BLOCKSIZE * 3))
    size = 0
    for part in parts:
        file.write(part)
        size += len(part)
    file.write(bytes(-size % tarfile.BLOCKSIZE))
    end = file.tell()
    file.seek(head_at)
    file.write(_head(key, size))
    file.seek(end)
    return size


def _head(key: str, size: int) -> bytes:
    """Three blocks always: a record of the exact size (it may pass 8 GiB), and the entry itself."""
    entry = tarfile.TarInfo(PREFIX + key)
    entry.size, entry.mtime, entry.mode = size, int(time.time()), 0o600
    entry.pax_headers = {"comment": f"{size:020d}"}
    found = entry.tobuf(tarfile.PAX_FORMAT)
    if len(found) != tarfile.BLOCKSIZE * 3:
        raise Invalid(f"volume key {key!r} is too long")
    return found


def end(file: BinaryIO) -> None:
    file.write(bytes(tarfile.BLOCKSIZE * 2))


def contents(file: BinaryIO) -> dict[str, Place]:
    """Return volume key -> place. Raises Invalid for a file that is no backup."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            return {
                entry.name.removeprefix(PREFIX): Place(entry.offset_data, entry.size)
                for entry in tar
                if entry.name.startswith(PREFIX)
            }
    except tarfile.TarError as error:
        raise Invalid(f"this is no backup: {error}") from error


def pieces(path: str, place: Place) -> Iterator[bytes]:
    """Yield one volume's archive, its first directory left out: it becomes the volume itself."""
    reading, writing = os.pipe()
    import threading

    def rewrite() -> None:
        with open(path, "rb") as source, open(writing, "wb") as sink:
            source.seek(place.offset)
            with contextlib.suppress(BrokenPipeError):
                _rewrite(source, sink)

    threading.Thread(target=rewrite, daemon=True).start()
    with open(reading, "rb") as found:
        while part := found.read(CHUNK):
            yield part


def _rewrite(source: BinaryIO, sink: BinaryIO) -> None:
    with (
        tarfile.open(fileobj=source, mode="r|") as old,
        tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as new,
    ):
        for entry in old:
            _first, _, rest = entry.name.partition("/")
            if not rest:
                entry.name = "."
            else:
                entry.name = rest
            if entry.islnk():
                entry.linkname = entry.linkname.partition("/")[2] or entry.linkname
            new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
