"""What a cache elsewhere says of itself. Pure.

It is an OCI manifest: its layers are those of steps, then archives of cache mounts; its configuration tells which step
made which, by the steps' keys. A key tells nothing of what went into it. Images may carry the same in theirs (inline).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid
from boxship.engine.images.config import digest_of
from boxship.engine.images.manifest import OCI_MANIFEST, Descriptor, Manifest

CONFIG = "application/vnd.boxship.cache.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MOUNT = "application/vnd.boxship.cache.mount.v1.tar+gzip"
INLINE = "boxship.cache.v1"


class Blob(msgspec.Struct, frozen=True):
    digest: str
    size: int


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """steps: diff ids of the layers that steps made, by their keys; "" made none.  layers: compressed, by diff id.
    mounts: archives of cache mounts, by their ids."""

    steps: dict[str, str] = {}
    layers: dict[str, Blob] = {}
    mounts: dict[str, Blob] = {}


def render(contents: Contents) -> tuple[bytes, bytes]:
    """Return manifest and configuration. The same contents give the same bytes."""
    ordered = Contents(
        steps=dict(sorted(contents.steps.items())),
        layers=dict(sorted(contents.layers.items())),
        mounts=dict(sorted(contents.mounts.items())),
    )
    config = encode(ordered)
    described = [_described(LAYER, blob) for blob in ordered.layers.values()]
    described += [_described(MOUNT, blob, {"id": id}) for id, blob in ordered.mounts.items()]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _described(CONFIG, Blob(digest_of(config), len(config))),
        "layers": described,
    }
    return encode(manifest), config


def _described(kind: str, blob: Blob, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"mediaType": kind, "digest": blob.digest, "size": blob.size}
    return found | ({"annotations": annotations} if annotations else {})


def is_cache(manifest: Manifest) -> bool:
    return manifest.config.media_type == CONFIG


def parse(config: bytes) -> Contents:
    """Return what a cache's configuration tells. Raises Invalid."""
    found = decode(config, Contents)
    missing = {diff_id for diff_id in found.steps.values() if diff_id} - found.layers.keys()
    if missing:
        raise Invalid(f"the cache has no layer {min(missing)}, which a step of it has made")
    return found


def parse_image(config: bytes, layers: tuple[Descriptor, ...]) -> Contents:
    """Return what an image's configuration tells of its steps; nothing when it has no inline cache. Raises Invalid."""
    document = decode(config, dict[str, Any])
    told = document.get(INLINE)
    if not isinstance(told, dict):
        return Contents()
    diff_ids = (document.get("rootfs") or {}).get("diff_ids") or ()
    if len(diff_ids) != len(layers):
        raise Invalid("the manifest's layers are not those of the image configuration")
    known = {diff_id: Blob(layer.digest, layer.size) for diff_id, layer in zip(diff_ids, layers, strict=True)}
    steps = {key: diff_id for key, diff_id in told.items() if isinstance(diff_id, str)}
    return Contents(steps={key: d for key, d in steps.items() if not d or d in known}, layers=known)
