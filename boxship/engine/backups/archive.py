"""Backups in a file: an OCI layout in a tar, as skopeo, podman and others read and write it."""

import tarfile
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from boxship.base.errors import Invalid
from boxship.engine.backups import artifact, blobs
from boxship.engine.backups.artifact import Saved
from boxship.engine.images.config import digest_of

MOST_DOCUMENT = 4 << 20  # bytes of an index or manifest


class Found(NamedTuple):
    """One backup in an archive, and where its blob is."""

    saved: Saved
    offset: int
    size: int


async def write(items: Sequence[tuple[Saved, Path]]) -> AsyncIterator[bytes]:
    """Yield the archive; `items` are volumes with the files that hold their blobs. The index comes first, so that who
    reads on need not read far."""
    raws = [(saved, artifact.manifest(saved)) for saved, _ in items]
    yield _file("oci-layout", artifact.LAYOUT) + _file("index.json", artifact.index(raws))
    written: set[str] = set()
    for content in (artifact.EMPTY, *(raw for _, raw in raws)):
        if (digest := digest_of(content)) not in written:
            written.add(digest)
            yield _file(_blob(digest), content)
    for saved, path in items:
        if saved.layer.digest in written:
            continue
        written.add(saved.layer.digest)
        yield _head(_blob(saved.layer.digest), saved.layer.size)
        async for piece in blobs.read(path):
            yield piece
        yield bytes(-saved.layer.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _file(name: str, content: bytes) -> bytes:
    return _head(name, len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _head(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(tarfile.PAX_FORMAT)


def find(path: Path) -> list[Found]:
    """Return the backups in an archive. Raises Invalid for one that is none, or holds something else."""
    try:
        with tarfile.open(path, "r:") as tar:
            places = {entry.name.removeprefix("./"): entry for entry in tar if entry.isreg()}
            return list(_found(tar, places))
    except tarfile.TarError as e:
        raise Invalid(f"this is no backup: {e}") from e


def _found(tar: tarfile.TarFile, places: dict[str, tarfile.TarInfo]) -> Iterable[Found]:
    for digest in artifact.manifests(_document(tar, places, "index.json")):
        raw = _document(tar, places, _blob(digest))
        if digest_of(raw) != digest:
            raise Invalid(f"the backup is damaged: manifest {digest} is another one")
        saved = artifact.parse(raw)
        place = places.get(_blob(saved.layer.digest))
        if place is None:
            raise Invalid(f"the backup is damaged: blob {saved.layer.digest} is missing")
        yield Found(saved, place.offset_data, place.size)


def _document(tar: tarfile.TarFile, places: dict[str, tarfile.TarInfo], name: str) -> bytes:
    entry = places.get(name)
    content = tar.extractfile(entry) if entry is not None and entry.size <= MOST_DOCUMENT else None
    if content is None:
        raise Invalid(f"this is no backup: it has no {name}")
    with content:
        return content.read()
