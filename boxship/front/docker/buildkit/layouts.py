"""Images in OCI layouts at the client's, as base images and contexts: brought here for the time of one build."""

import json
import tarfile
from collections.abc import AsyncIterator
from typing import Any

from boxship.base.codec import decode
from boxship.base.errors import Invalid
from boxship.engine.images import Images
from boxship.engine.images.manifest import wanted_platform
from boxship.front.docker.buildkit.content import ClientBlobs
from boxship.front.docker.buildkit.session import Session

PREFIX = "oci-layout://"
BLOCK = 512


def split(where: str) -> tuple[str, str]:
    """Return (store, digest) of `oci-layout://STORE[:TAG]@DIGEST`. Raises Invalid."""
    store, at, digest = where.removeprefix(PREFIX).partition("@")
    if not at or not digest.startswith("sha256:"):
        raise Invalid(f"{where}: an OCI layout is named by digest")
    return store.partition(":")[0], digest


async def brought(session: Session, where: str, platform: str, images: Images) -> str:
    """Return the id of the image at a place of the client's, which is here from now on. Raises NotFound, Invalid."""
    store, digest = split(where)
    blobs = ClientBlobs(session, f"oci:{store}", digest)
    raw = await blobs.manifest()
    manifest = decode(raw, dict[str, Any])
    if manifest.get("manifests"):
        digest = _chosen(manifest["manifests"], platform, where)
        raw = await ClientBlobs(session, f"oci:{store}", digest).manifest()
        manifest = decode(raw, dict[str, Any])
    config = manifest.get("config") or {}
    if not config.get("digest"):
        raise Invalid(f"{where}: the manifest is none of an image")
    await images.load(_archive(blobs, raw, digest, manifest), lambda _, current, total: None)
    return str(config["digest"])


def _chosen(listed: list[dict[str, Any]], platform: str, where: str) -> str:
    wanted = wanted_platform(platform)
    for each in listed:
        said = each.get("platform") or {}
        if said.get("os", wanted.os) == wanted.os and said.get("architecture", "") in ("", wanted.architecture):
            return str(each["digest"])
    raise Invalid(f"{where}: no match for platform {wanted.os}/{wanted.architecture}")


async def _archive(blobs: ClientBlobs, raw: bytes, digest: str, manifest: dict[str, Any]) -> AsyncIterator[bytes]:
    """Yield an OCI layout as an archive, blob by blob."""
    kind = manifest.get("mediaType") or "application/vnd.oci.image.manifest.v1+json"
    index = {"schemaVersion": 2, "manifests": [{"mediaType": kind, "digest": digest, "size": len(raw)}]}
    for name, data in (
        ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        ("index.json", json.dumps(index).encode()),
        (_place(digest), raw),
    ):
        yield _head(name, len(data)) + data + _padding(len(data))
    known: set[str] = set()
    for each in (manifest["config"], *manifest.get("layers", ())):
        if each["digest"] in known:
            continue
        known.add(each["digest"])
        yield _head(_place(each["digest"]), int(each["size"]))
        async for piece in blobs.read(each["digest"], int(each["size"])):
            yield piece
        if padding := _padding(int(each["size"])):
            yield padding
    yield b"\0" * BLOCK * 2


def _place(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _head(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % BLOCK)
