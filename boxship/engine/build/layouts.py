"""Images in OCI layouts at the client's, as base images and contexts: brought here for the time of one build."""

import json
import tarfile
from collections.abc import AsyncIterator
from typing import Any

from boxship.base.codec import decode
from boxship.base.errors import Invalid
from boxship.engine.build.api import Blobs
from boxship.engine.images import Images
from boxship.engine.images.config import digest_of
from boxship.engine.images.manifest import Platform, shown, suits, wanted_platform

PREFIX = "oci-layout://"
BLOCK = 512
DEEPEST = 4  # indexes in indexes
SMALL = 16 << 20  # bytes of a manifest


def split(where: str) -> tuple[str, str, str]:
    """Return (store, tag, digest) of `oci-layout://STORE[:TAG][@DIGEST]`. Raises Invalid."""
    name, at, digest = where.removeprefix(PREFIX).partition("@")
    store, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        store, tag = name, ""
    if not store or (at and not digest.startswith("sha256:")):
        raise Invalid(f"{where}: want oci-layout://DIRECTORY[:TAG][@sha256:…]")
    return store, tag, digest


async def brought(blobs: Blobs, where: str, platform: str, images: Images) -> str:
    """Return the id of the image at a place of the client's, which is here from now on. Raises NotFound, Invalid."""
    raw = await blobs.manifest()
    manifest = decode(raw, dict[str, Any])
    for _ in range(DEEPEST):
        if not manifest.get("manifests"):
            break
        chosen = _chosen(manifest["manifests"], platform, where)
        size = int(chosen.get("size", 0))
        if size > SMALL:
            raise Invalid(f"{where}: the manifest {chosen['digest']} is too large")
        raw = b"".join([piece async for piece in blobs.read(chosen["digest"], size)])
        manifest = decode(raw, dict[str, Any])
    config = manifest.get("config") or {}
    if not config.get("digest"):
        raise Invalid(f"{where}: the manifest is none of an image")
    await images.load(_archive(blobs, raw, digest_of(raw), manifest), lambda _, current, total: None)
    return str(config["digest"])


def _chosen(listed: list[dict[str, Any]], platform: str, where: str) -> dict[str, Any]:
    wanted = wanted_platform(platform)
    for each in listed:
        said = each.get("platform") or {}
        offered = Platform(said.get("architecture", ""), said.get("os", ""), said.get("variant", ""))
        if not said.get("architecture") or suits(offered, wanted):
            return each
    raise Invalid(f"{where}: no match for platform {shown(wanted)}")


async def _archive(blobs: Blobs, raw: bytes, digest: str, manifest: dict[str, Any]) -> AsyncIterator[bytes]:
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
