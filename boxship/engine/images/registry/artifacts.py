"""Artifacts that are no images: a manifest with small files for layers, such as a compose project.

Nothing of them is stored here. Source: OCI image-spec 1.1, "Guidelines for artifact usage".
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin

from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid
from boxship.engine.images.config import digest_of
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry.client import Client, fault, said

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
NOTHING = b"{}"


class Part(NamedTuple):
    """One layer."""

    media_type: str
    annotations: dict[str, str]
    content: bytes


class Artifact(NamedTuple):
    """artifact_type: of the manifest. config_type: of its empty configuration, EMPTY where there is none to tell."""

    artifact_type: str
    parts: tuple[Part, ...]
    config_type: str = EMPTY
    annotations: Mapping[str, str] = {}


def manifest(artifact: Artifact) -> bytes:
    """Return the manifest's bytes. Pure."""
    config = {"mediaType": artifact.config_type, "digest": digest_of(NOTHING), "size": len(NOTHING), "data": "e30="}
    layers = [_descriptor(part) for part in artifact.parts]
    told: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST}
    if artifact.artifact_type:
        told["artifactType"] = artifact.artifact_type
    return encode({**told, "config": config, "layers": layers, "annotations": dict(artifact.annotations)})


def _descriptor(part: Part) -> dict[str, Any]:
    found = {"mediaType": part.media_type, "digest": digest_of(part.content), "size": len(part.content)}
    return {**found, "annotations": part.annotations} if part.annotations else found


def stamped(artifact: Artifact, now: int) -> Artifact:
    """Return the artifact with the time it was made, nanoseconds since 1970."""
    made = datetime.fromtimestamp(now / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return artifact._replace(annotations={"org.opencontainers.image.created": made, **artifact.annotations})


async def push(client: Client, reference: Reference, artifact: Artifact) -> str:
    """Upload what is missing, then the manifest; return its digest."""
    home = f"/v2/{reference.path}"
    for content in (NOTHING, *(part.content for part in artifact.parts)):
        await _blob(client, home, content)
    raw = manifest(artifact)
    path = f"{home}/manifests/{reference.tag}"
    async with await client.ask("PUT", path, body=raw, headers={"Content-Type": MANIFEST}) as response:
        if response.status not in (200, 201, 202):
            raise fault(response.status, await said(response), path)
    return digest_of(raw)


async def _blob(client: Client, home: str, content: bytes) -> None:
    digest = digest_of(content)
    if await client.exists(f"{home}/blobs/{digest}"):
        return
    async with await client.ask("POST", f"{home}/blobs/uploads/", body=b"") as response:
        if response.status != 202:
            raise fault(response.status, await said(response), home)
        location = urljoin(client.endpoint.base + "/", str(response.headers["Location"]))
    joint = "&" if "?" in location else "?"
    headers = {"Content-Type": "application/octet-stream"}
    async with await client.ask("PUT", f"{location}{joint}digest={digest}", body=content, headers=headers) as response:
        if response.status not in (201, 202, 204):
            raise fault(response.status, await said(response), home)


async def pull(client: Client, reference: Reference) -> tuple[str, Artifact]:
    """Return digest and artifact. Raises Invalid for an index, and for content that is not what its digest says."""
    path = f"/v2/{reference.path}/manifests/{reference.digest or reference.tag}"
    raw, kind, _ = await client.document(path, MANIFEST)
    found = decode(raw, dict[str, Any])
    if kind != MANIFEST or not isinstance(found.get("layers"), list):
        raise Invalid(f"{reference.familiar}: an artifact has one OCI manifest, this is {kind}")
    if reference.digest and digest_of(raw) != reference.digest:
        raise Invalid(f"{reference.familiar}: the registry answered with other content")
    parts = await asyncio.gather(*(_part(client, reference, layer) for layer in found["layers"]))
    config = found.get("config") or {}
    told = Artifact(
        str(found.get("artifactType") or ""),
        tuple(parts),
        str(config.get("mediaType") or ""),
        dict(found.get("annotations") or {}),
    )
    return digest_of(raw), told


async def _part(client: Client, reference: Reference, layer: dict[str, Any]) -> Part:
    digest = str(layer["digest"])
    content, _, _ = await client.document(f"/v2/{reference.path}/blobs/{digest}")
    if digest_of(content) != digest:
        raise Invalid(f"{reference.familiar}: blob {digest} has other content")
    return Part(str(layer.get("mediaType") or ""), dict(layer.get("annotations") or {}), content)


def check(reference: Reference, parts: Sequence[Part]) -> None:
    """Raise Invalid for what cannot be pushed."""
    if reference.digest:
        raise Invalid("cannot push a digest reference")
    if not parts:
        raise Invalid("an artifact needs at least one layer")
