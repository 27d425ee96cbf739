"""Write images as an archive that docker load, podman, skopeo and OCI tools read: an OCI layout with docker's lists.

The same images give the same bytes: nothing in it tells when or where it was written.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from boxship.base.codec import encode
from boxship.base.errors import PlatformError
from boxship.engine.images import attested
from boxship.engine.images import manifest as manifests
from boxship.engine.images.attested import Member, Whole, carried
from boxship.engine.images.config import digest_of
from boxship.engine.images.layers import Layers
from boxship.engine.images.reference import Reference
from boxship.engine.images.tarhead import BLOCK, padded
from boxship.model.image import Described, Image

_END = bytes(2 * BLOCK)
_DIRS = ("blobs", "blobs/sha256")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write, under these names."""

    whole: Whole
    references: tuple[Reference, ...]


def write_archive(wanted: Sequence[Wanted], layers: Layers) -> Callable[[], Iterator[bytes]]:
    """Return what yields the archive in pieces; it reads files, so run it in a thread."""
    return lambda: _write(wanted, layers)


def described(image: Image, raw: bytes, layers: Layers) -> Described:
    """Return the manifest that an archive of the image has."""
    content = _manifest(Member(image, raw), layers)
    return Described(media_type=manifests.OCI_MANIFEST, digest=digest_of(content), size=len(content))


def _write(wanted: Sequence[Wanted], layers: Layers) -> Iterator[bytes]:
    for directory in _DIRS:
        yield _header(f"{directory}/", 0, directory=True)
    blobs = _Blobs(layers)
    index: list[dict[str, Any]] = []
    for item in wanted:
        tops = []
        for member in item.whole.all:
            yield from blobs.image(member)
            tops.append(_descriptor(member, _manifest(member, layers)))
        if item.whole.plain:
            index += _named(item, tops[0])
            continue
        pairs = zip(item.whole.all, tops, strict=True)
        stated = [carried(member, top) for member, top in pairs if member.statements]
        whole = attested.index(tops, [each.descriptor for each in stated])
        for content in (*(blob for each in stated for blob in (*each.blobs, each.manifest)), whole):
            yield from blobs.content(content)
        index += _named(item, {"mediaType": manifests.OCI_INDEX, "digest": digest_of(whole), "size": len(whole)})
    yield from _file("index.json", encode(_index(index)))
    yield from _file("manifest.json", encode([_entry(item) for item in wanted]))
    yield from _file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield from _file("repositories", encode(_repositories(wanted)))
    yield _END


class _Blobs:
    """Each is written once."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._written: set[str] = set()

    def _new(self, digest: str) -> bool:
        if digest in self._written:
            return False
        self._written.add(digest)
        return True

    def image(self, member: Member) -> Iterator[bytes]:
        for content in (member.raw, _manifest(member, self._layers)):
            yield from self.content(content)
        for diff_id in member.image.layers:
            if self._new(diff_id):
                yield from _layer(diff_id, self._layers)

    def content(self, content: bytes) -> Iterator[bytes]:
        if self._new(digest_of(content)):
            yield from _file(_blob(digest_of(content)), content)


def _layer(diff_id: str, layers: Layers) -> Iterator[bytes]:
    facts = layers.find(diff_id)
    if facts is None:
        raise PlatformError(f"layer {diff_id} does not exist")
    yield _header(_blob(diff_id), facts.tar_size)
    seen = hashlib.sha256()
    for piece in layers.tar(diff_id):
        seen.update(piece)
        yield piece
    if f"sha256:{seen.hexdigest()}" != diff_id:
        raise PlatformError(f"layer {diff_id} cannot be put together again: its files have changed")
    yield bytes(padded(facts.tar_size) - facts.tar_size)


def _manifest(item: Member, layers: Layers) -> bytes:
    described = []
    for diff_id in item.image.layers:
        facts = layers.find(diff_id)
        size = facts.tar_size if facts else 0
        described.append({"mediaType": manifests.OCI_LAYER, "digest": diff_id, "size": size})
    config = {"mediaType": manifests.OCI_CONFIG, "digest": item.image.id, "size": len(item.raw)}
    return encode(
        {"schemaVersion": 2, "mediaType": manifests.OCI_MANIFEST, "config": config, "layers": described},
    )


def _descriptor(member: Member, manifest: bytes) -> dict[str, Any]:
    plain = {"mediaType": manifests.OCI_MANIFEST, "digest": digest_of(manifest), "size": len(manifest)}
    return attested.described(member.image, plain)


def _named(item: Wanted, plain: dict[str, Any]) -> list[dict[str, Any]]:
    if not item.references:
        return [plain]
    return [
        {
            **plain,
            "annotations": {manifests.NAME_ANNOTATION: name.canonical, manifests.TAG_ANNOTATION: name.tag},
        }
        for name in item.references
    ]


def _index(descriptors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": descriptors}


def _entry(item: Wanted) -> dict[str, Any]:
    return {
        "Config": _blob(item.whole.main.image.id),
        "RepoTags": [reference.familiar for reference in item.references] or None,
        "Layers": [_blob(diff_id) for diff_id in item.whole.main.image.layers],
    }


def _repositories(wanted: Sequence[Wanted]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for item in wanted:
        layers = item.whole.main.image.layers
        top = layers[-1].removeprefix("sha256:") if layers else ""
        for reference in item.references:
            found.setdefault(reference.familiar_name, {})[reference.tag] = top
    return found


def _file(path: str, content: bytes) -> Iterator[bytes]:
    yield _header(path, len(content)) + content + bytes(padded(len(content)) - len(content))


def _header(path: str, size: int, *, directory: bool = False) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = size, 0o755 if directory else 0o644
    entry.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    return entry.tobuf(tarfile.GNU_FORMAT)


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/", 1)
