"""A backup as an OCI artifact: one gzipped tar of the volume's files, and a manifest that says what it is. Pure.

Any registry that holds OCI manifests holds it. Source: OCI image-spec 1.1, "Guidelines for Artifact Usage".
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid
from boxship.base.units import rfc3339
from boxship.engine.images.config import digest_of
from boxship.engine.images.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor

ARTIFACT = "application/vnd.boxship.volume.v1"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
NAME, LABELS = "boxship.volume.name", "boxship.volume.labels"
CREATED, REF_NAME = "org.opencontainers.image.created", "org.opencontainers.image.ref.name"


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """One volume in a backup. layer: its files, a gzipped tar.  created: nanoseconds since 1970, of the backup."""

    name: str
    labels: dict[str, str]
    layer: Descriptor
    created: int = 0


def layer(digest: str, size: int) -> Descriptor:
    return Descriptor(media_type=LAYER, digest=digest, size=size)


def manifest(saved: Saved) -> bytes:
    """Return the manifest of one backup; the same volume at the same time gives the same bytes."""
    annotations = {CREATED: rfc3339(saved.created), NAME: saved.name}
    if saved.labels:
        annotations[LABELS] = encode(dict(sorted(saved.labels.items()))).decode()
    return encode({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": ARTIFACT,
        "config": {"mediaType": EMPTY_CONFIG, "digest": digest_of(EMPTY), "size": len(EMPTY), "data": "e30="},
        "layers": [{"mediaType": LAYER, "digest": saved.layer.digest, "size": saved.layer.size}],
        "annotations": annotations,
    })  # fmt: skip


def parse(raw: bytes) -> Saved:
    """Return what a manifest tells. Raises Invalid for one of anything else."""
    document = decode(raw, dict[str, Any])
    layers, notes = document.get("layers") or [], document.get("annotations") or {}
    if document.get("artifactType") != ARTIFACT or len(layers) != 1 or not notes.get(NAME):
        kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType") or "of an unknown kind"
        raise Invalid(f"this is no backup of a volume but {kind}")
    labels = decode(notes[LABELS].encode(), dict[str, str]) if notes.get(LABELS) else {}
    return Saved(name=notes[NAME], labels=labels, layer=msgspec.convert(layers[0], Descriptor))


def index(manifests: Iterable[tuple[Saved, bytes]]) -> bytes:
    """Return index.json of an OCI layout that holds these."""
    return encode({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [
            {"mediaType": OCI_MANIFEST, "artifactType": ARTIFACT, "digest": digest_of(raw), "size": len(raw),
             "annotations": {REF_NAME: saved.name, NAME: saved.name,
                             LABELS: encode(dict(sorted(saved.labels.items()))).decode()}}
            for saved, raw in manifests
        ],
    })  # fmt: skip


def manifests(raw: bytes) -> list[str]:
    """Return the digests of the manifests that an index.json names. Raises Invalid."""
    found = decode(raw, dict[str, Any]).get("manifests")
    if not isinstance(found, list):
        raise Invalid("index.json names no manifests")
    return [str(entry.get("digest")) for entry in found if isinstance(entry, dict)]
