"""Backups of volumes by the API: written to files, read from them. The archive is an OCI layout in a tar."""

import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from boxship.base.errors import Invalid
from boxship.front.client.api import Client

NAME, LABELS = "boxship.volume.name", "boxship.volume.labels"
CHUNK = 1 << 18


def save(client: Client, volumes: Iterable[str], path: str, *, pause: bool = True) -> int:
    """Write a backup of volumes; return its size. The file is there whole or not at all. Raises ApiError."""
    part, size = f"{path}.part", 0
    reply = client.stream("GET", "/boxship/volumes/backup", {"volume": list(volumes), "pause": "1" if pause else "0"})
    try:
        with open(part, "wb") as file:
            for piece in reply.parts():
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise
    return size


def contents(path: str) -> dict[str, dict[str, str]]:
    """Return volume -> its labels, of what a backup holds. Raises Invalid for a file that is none."""
    try:
        with tarfile.open(path, "r:") as tar:
            found = tar.extractfile("index.json")
            index: dict[str, Any] = json.load(found) if found is not None else {}
    except (tarfile.TarError, KeyError, ValueError) as e:
        raise Invalid(f"{path} is no backup: {e}") from e
    notes = [entry.get("annotations") or {} for entry in index.get("manifests") or ()]
    return {note[NAME]: json.loads(note.get(LABELS) or "{}") for note in notes if note.get(NAME)}


def load(client: Client, path: str, wanted: Mapping[str, str]) -> list[str]:
    """Restore volumes from a file; return their names. wanted: name in the backup ("" for the only one) -> name of the
    volume; {} is all, by their own names. Raises ApiError."""
    query = {"volume": [f"{name}:{target}" for name, target in wanted.items()]}
    headers = {"Content-Type": "application/x-tar"}
    answer = client.stream("POST", "/boxship/volumes/restore", query, body=_pieces(path), headers=headers).body()
    return [str(volume["Name"]) for volume in json.loads(answer)["Volumes"]]


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            yield piece
