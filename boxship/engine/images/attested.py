"""Images as registries and OCI layouts carry them in an index: several platforms, and what is stated about each in a
manifest of its own. Pure.

Source: OCI image-spec, image-index.md; BuildKit, docs/attestations/attestation-storage.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from boxship.base.codec import decode, encode
from boxship.engine.images import manifest as manifests
from boxship.engine.images.config import digest_of
from boxship.model.image import Image, Statement

STATEMENT = "application/vnd.in-toto+json"
PREDICATE_TYPE = "in-toto.io/predicate-type"
REFERENCE = {"type": "vnd.docker.reference.type", "digest": "vnd.docker.reference.digest"}
Descriptor = Mapping[str, Any]


class Member(NamedTuple):
    """One image of those that a name stands for. raw: its configuration.  statements: about it."""

    image: Image
    raw: bytes
    statements: tuple[Statement, ...] = ()


class Whole(NamedTuple):
    """What a name stands for. main: the image that containers are made from, and whoever knows no indexes gets.
    members: all images of the index that it is, () if it is none; an image with statements becomes one on its way."""

    main: Member
    members: tuple[Member, ...] = ()

    @property
    def all(self) -> tuple[Member, ...]:
        return self.members or (self.main,)

    @property
    def plain(self) -> bool:
        """Tell whether a manifest alone says everything."""
        return not self.members and not self.main.statements


class Carried(NamedTuple):
    """The statements about one image. config and the statements must be there before `manifest` is."""

    manifest: bytes
    config: bytes
    statements: tuple[bytes, ...]
    descriptor: Descriptor

    @property
    def blobs(self) -> tuple[bytes, ...]:
        return (self.config, *self.statements)


def carried(member: Member, subject: Descriptor) -> Carried:
    """Return what carries the statements about an image. subject: descriptor of its manifest."""
    raws = tuple(
        about(each, [(name, subject["digest"]) for name in each.names or ("_",)]) for each in member.statements
    )
    layers = [
        {"mediaType": STATEMENT, "digest": digest_of(raw), "size": len(raw), "annotations": {PREDICATE_TYPE: each.kind}}
        for raw, each in zip(raws, member.statements, strict=True)
    ]
    rootfs = {"type": "layers", "diff_ids": [each["digest"] for each in layers]}
    config = encode({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": rootfs})
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": manifests.OCI_MANIFEST,
            "config": {"mediaType": manifests.OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": layers,
        }
    )
    descriptor = {
        "mediaType": manifests.OCI_MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "annotations": {REFERENCE["digest"]: subject["digest"], REFERENCE["type"]: "attestation-manifest"},
        "platform": {"architecture": "unknown", "os": "unknown"},
    }
    return Carried(manifest, config, raws, descriptor)


def is_statement(descriptor: manifests.Descriptor, subject: str = "") -> bool:
    """Tell whether an entry of an index carries statements. subject: digest of the manifest that they must be about."""
    said = descriptor.annotations or {}
    return said.get(REFERENCE["type"]) == "attestation-manifest" and subject in ("", said.get(REFERENCE["digest"]))


def statement(kind: str, raw: bytes) -> Statement:
    """Return a statement that came with an image. Raises Invalid for what is none."""
    subjects = decode(raw, dict[str, Any]).get("subject") or []
    names = tuple(str(each.get("name", "")) for each in subjects if isinstance(each, dict))
    return Statement(kind=kind, raw=raw, names=tuple(name for name in names if name not in ("", "_")))


def about(statement: Statement, subjects: Iterable[tuple[str, str]]) -> bytes:
    """Return a statement about subjects: name and digest of each."""
    told = [{"name": name, "digest": dict([digest.split(":", 1)])} for name, digest in subjects]
    return encode({**decode(statement.raw, dict[str, Any]), "subject": told})


def described(image: Image, manifest: Descriptor) -> dict[str, Any]:
    """Return the entry of an image in an index. manifest: descriptor of its manifest."""
    platform = {"architecture": image.architecture, "os": image.os, "variant": image.variant}
    return {**manifest, "platform": {key: value for key, value in platform.items() if value}}


def index(images: Sequence[Descriptor], statements: Sequence[Descriptor] = ()) -> bytes:
    """Return the index of images and of what is stated about them."""
    return encode({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [*images, *statements]})
