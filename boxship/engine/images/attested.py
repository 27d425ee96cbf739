"""Attestations as registries and OCI layouts carry them: in a manifest of their own beside the image's. Pure.

Source: BuildKit, docs/attestations/attestation-storage.md.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from boxship.base.codec import encode
from boxship.engine.images import manifest as manifests
from boxship.engine.images.config import digest_of
from boxship.model.image import Image

STATEMENT = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"
REFERENCE = {"type": "vnd.docker.reference.type", "digest": "vnd.docker.reference.digest"}


class Stated(NamedTuple):
    """One statement. kind: its predicate's type.  raw: JSON.  file: what it is called in a directory."""

    kind: str
    raw: bytes
    file: str


class Attested(NamedTuple):
    """All of it must be there before `top`, an index, is. config: of the manifest that carries the statements."""

    top: bytes
    manifest: bytes
    config: bytes
    statements: tuple[Stated, ...]

    @property
    def blobs(self) -> tuple[bytes, ...]:
        return (self.config, *(each.raw for each in self.statements))


Attest = Callable[[Image, dict[str, Any]], Attested]
"""Gives what goes with an image, once the descriptor of its manifest is known."""


def attested(image: Image, subject: dict[str, Any], stated: Sequence[Stated]) -> Attested:
    """Return the index for one image. subject: descriptor of its manifest."""
    layers = [
        {
            "mediaType": STATEMENT,
            "digest": digest_of(each.raw),
            "size": len(each.raw),
            "annotations": {PREDICATE_TYPE: each.kind},
        }
        for each in stated
    ]
    config = encode(
        {
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in layers]},
        }
    )
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": manifests.OCI_MANIFEST,
            "config": {"mediaType": manifests.OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": layers,
        }
    )
    platform = {"architecture": image.architecture, "os": image.os, "variant": image.variant}
    entries = [
        {**subject, "platform": {key: value for key, value in platform.items() if value}},
        {
            "mediaType": manifests.OCI_MANIFEST,
            "digest": digest_of(manifest),
            "size": len(manifest),
            "annotations": {
                REFERENCE["digest"]: subject["digest"],
                REFERENCE["type"]: "attestation-manifest",
            },
            "platform": {"architecture": "unknown", "os": "unknown"},
        },
    ]
    index = encode({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": entries})
    return Attested(index, manifest, config, tuple(stated))
