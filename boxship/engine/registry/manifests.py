"""What a manifest says: its kind, what it needs, what it refers to. Pure; whatever bytes come, it ends in a Fault."""

from dataclasses import dataclass
from typing import Any

import msgspec

from boxship.engine.images.manifest import DOCKER_LIST, DOCKER_MANIFEST, INDEXES, MANIFESTS, OCI_INDEX, OCI_MANIFEST
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.names import digest_of, is_digest

LIMIT = 4 << 20  # bytes; the specification asks for at least this
SCHEMA1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
KNOWN = (*MANIFESTS, *INDEXES)
_SIZE_LIMIT = 1 << 62


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A descriptor as far as a registry cares."""

    media_type: str = ""
    digest: str
    size: int
    urls: tuple[str, ...] | None = None

    @property
    def elsewhere(self) -> bool:
        """Its bytes need not be here: foreign layers."""
        return bool(self.urls) or "foreign" in self.media_type or "nondistributable" in self.media_type


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: int
    media_type: str = ""
    config: Part | None = None
    layers: tuple[Part, ...] | None = None
    manifests: tuple[Part, ...] | None = None
    subject: Part | None = None
    artifact_type: str = ""
    annotations: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One manifest or index. blobs, manifests: digests that must be in its repository.  subject: "" without one.
    artifact_type: as the referrers API shows it.  size: bytes of all that it names directly, itself not counted."""

    digest: str
    media_type: str
    content: bytes
    blobs: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    subject: str = ""
    artifact_type: str = ""
    annotations: dict[str, str]
    size: int = 0


_decoder = msgspec.json.Decoder(_Body)
_loose = msgspec.json.Decoder(dict[str, Any])


def parse(content: bytes, media_type: str, digest: str = "") -> Document:
    """Return what `content` says. media_type: of the request, "" without one.  digest: that it must have, "" for any.

    Raises Fault: MANIFEST_INVALID, by name for schema 1; DIGEST_INVALID when it hashes to something else.
    """
    if len(content) > LIMIT:
        raise Fault("SIZE_INVALID", f"manifest is larger than {LIMIT} bytes", answer=413)
    found = digest_of(content, digest.partition(":")[0] or "sha256")
    if digest and found != digest:
        raise Fault("DIGEST_INVALID", "provided digest did not match uploaded content", detail={"digest": found})
    body = _decode(content, media_type)
    kind = _kind(body, media_type)
    return _index(body, kind, content, found) if kind in INDEXES else _image(body, kind, content, found)


def _decode(content: bytes, media_type: str) -> _Body:
    try:
        loose = _loose.decode(content)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as e:
        raise _invalid(f"manifest is not a JSON object: {e}") from e
    if media_type in SCHEMA1 or loose.get("schemaVersion") == 1:
        raise _invalid("manifests of schema version 1 are not supported: push the image anew with a current tool")
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as e:
        raise _invalid(f"manifest: {e}") from e


def _kind(body: _Body, asked: str) -> str:
    asked = asked.partition(";")[0].strip()
    if body.schema_version != 2:
        raise _invalid(f"manifest: schemaVersion must be 2, not {body.schema_version}")
    if asked in ("", "application/json", "application/octet-stream"):
        asked = body.media_type or (OCI_INDEX if body.manifests is not None else OCI_MANIFEST)
    if body.media_type and body.media_type != asked:
        raise _invalid(f"manifest: mediaType is {body.media_type!r}, but it was sent as {asked!r}")
    if asked not in KNOWN:
        raise _invalid(f"manifest: {asked!r} is not supported; want one of {', '.join(KNOWN)}")
    return asked


def _image(body: _Body, kind: str, content: bytes, digest: str) -> Document:
    if body.config is None or body.layers is None:
        raise _invalid("manifest: config and layers are required")
    if body.manifests is not None:
        raise _invalid("manifest: a manifest has no field manifests")
    parts = (body.config, *body.layers)
    _check([*parts, *([body.subject] if body.subject else [])])
    return Document(
        digest=digest,
        media_type=kind,
        content=content,
        blobs=tuple(dict.fromkeys(part.digest for part in parts if not part.elsewhere)),
        subject=body.subject.digest if body.subject else "",
        artifact_type=body.artifact_type or body.config.media_type,
        annotations=body.annotations or {},
        size=sum(part.size for part in parts),
    )


def _index(body: _Body, kind: str, content: bytes, digest: str) -> Document:
    if body.manifests is None:
        raise _invalid("index: manifests is required")
    if body.layers is not None or body.config is not None:
        raise _invalid("index: an index has neither config nor layers")
    _check([*body.manifests, *([body.subject] if body.subject else [])])
    return Document(
        digest=digest,
        media_type=kind,
        content=content,
        manifests=tuple(dict.fromkeys(part.digest for part in body.manifests)),
        subject=body.subject.digest if body.subject else "",
        artifact_type=body.artifact_type,
        annotations=body.annotations or {},
        size=sum(part.size for part in body.manifests),
    )


def _check(parts: list[Part]) -> None:
    for part in parts:
        if not is_digest(part.digest):
            raise _invalid(f"manifest: {part.digest[:200]!r} is not a digest")
        if not 0 <= part.size < _SIZE_LIMIT:
            raise _invalid(f"manifest: the size of {part.digest} is {part.size}")


def descriptor(document: Document) -> dict[str, Any]:
    """Return the entry that the referrers API shows for a document."""
    shown: dict[str, Any] = {
        "mediaType": document.media_type,
        "digest": document.digest,
        "size": len(document.content),
    }
    if document.artifact_type:
        shown["artifactType"] = document.artifact_type
    if document.annotations:
        shown["annotations"] = document.annotations
    return shown


def _invalid(text: str) -> Fault:
    return Fault("MANIFEST_INVALID", text)


__all__ = ["DOCKER_LIST", "DOCKER_MANIFEST", "KNOWN", "LIMIT", "OCI_INDEX", "OCI_MANIFEST", "Document", "parse"]
