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
from boxship.engine.images import manifest as manifests
from boxship.engine.images.attested import Attest
from boxship.engine.images.config import digest_of
from boxship.engine.images.layers import Layers
from boxship.engine.images.reference import Reference
from boxship.engine.images.tarhead import BLOCK, padded
from boxship.model.image import Described, Image

_END = bytes(2 * BLOCK)
_DIRS = ("blobs", "blobs/sha256")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One image to write, under these names; `raw` is its configuration. attest: gives what is stated about it."""

    image: Image
    raw: bytes
    references: tuple[Reference, ...]
    attest: Attest | None = None


def write_archive(wanted: Sequence[Wanted], layers: Layers) -> Callable[[], Iterator[bytes]]:
    """Return what yields the archive in pieces; it reads files, so run it in a thread."""
    return lambda: _write(wanted, layers)


def described(image: Image, raw: bytes, layers: Layers) -> Described:
    """Return the manifest that an archive of the image has."""
    content = _manifest(Wanted(image, raw, ()), layers)
    return Described(media_type=manifests.OCI_MANIFEST, digest=digest_of(content), size=len(content))


def _write(wanted: Sequence[Wanted], layers: Layers) -> Iterator[bytes]:
    for directory in _DIRS:
        yield _header(f"{directory}/", 0, directory=True)
    written: set[str] = set()
    index: list[dict[str, Any]] = []
    for item in wanted:
        manifest = _manifest(item, layers)
        for content in (item.raw, manifest):
            if digest_of(content) not in written:
                written.add(digest_of(content))
                yield from _file(_blob(digest_of(content)), content)
        for diff_id in item.image.layers:
            if diff_id not in written:
                written.add(diff_id)
                yield from _layer(diff_id, layers)
        top = _descriptor(item, manifest)
        if item.attest is not None:
            with_it = item.attest(item.image, top)
            for content in (*with_it.blobs, with_it.manifest, with_it.top):
                yield from _file(_blob(digest_of(content)), content)
            top = {"mediaType": manifests.OCI_INDEX, "digest": digest_of(with_it.top), "size": len(with_it.top)}
        index += _named(item, top)
    yield from _file("index.json", encode(_index(index)))
    yield from _file("manifest.json", encode([_entry(item) for item in wanted]))
    yield from _file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield from _file("repositories", encode(_repositories(wanted)))
    yield _END


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


def _manifest(item: Wanted, layers: Layers) -> bytes:
    described = []
    for diff_id in item.image.layers:
        facts = layers.find(diff_id)
        size = facts.tar_size if facts else 0
        described.append({"mediaType": manifests.OCI_LAYER, "digest": diff_id, "size": size})
    config = {"mediaType": manifests.OCI_CONFIG, "digest": item.image.id, "size": len(item.raw)}
    return encode(
        {"schemaVersion": 2, "mediaType": manifests.OCI_MANIFEST, "config": config, "layers": described},
    )


def _descriptor(item: Wanted, manifest: bytes) -> dict[str, Any]:
    return {
        "mediaType": manifests.OCI_MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "platform": {"architecture": item.image.architecture, "os": item.image.os},
    }


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
        "Config": _blob(item.image.id),
        "RepoTags": [reference.familiar for reference in item.references] or None,
        "Layers": [_blob(diff_id) for diff_id in item.image.layers],
    }


def _repositories(wanted: Sequence[Wanted]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for item in wanted:
        top = item.image.layers[-1].removeprefix("sha256:") if item.image.layers else ""
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
