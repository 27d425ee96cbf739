"""`--cache-to`: steps' results and cache mounts, packed and put where others find them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from isal import isal_zlib

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.engine.build import cachedocument as document
from boxship.engine.build.api import Blobs, CacheRef
from boxship.engine.build.cachedocument import Blob, Contents
from boxship.engine.build.cachemounts import CacheMounts
from boxship.engine.build.progress import Telling
from boxship.engine.build.work import Work
from boxship.engine.images.config import digest_of
from boxship.engine.images.inflate import GZIP
from boxship.engine.images.layers import Packed
from boxship.engine.images.manifest import OCI_MANIFEST
from boxship.engine.images.reference import parse
from boxship.host.api.files import Packing

LEVEL = 1
_GZIP = 31  # window bits: 32 KiB, with gzip's header
CHUNK = 1 << 20
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
KNOWN = {
    "registry": {"ref", "mode", "mounts", "ignore-error", "image-manifest", "oci-mediatypes"},
    "local": {"dest", "mode", "mounts", "ignore-error", "image-manifest", "oci-mediatypes", "store", "tag"},
    "inline": set[str](),
}


def check(caches: tuple[CacheRef, ...]) -> None:
    """Raise Invalid for caches that cannot be written."""
    for cache in caches:
        if cache.kind not in KNOWN:
            raise Invalid(f"unknown cache exporter: {cache.kind}: want registry, local or inline")
        given = cache.attributes
        for name in given.keys() - KNOWN[cache.kind]:
            raise Invalid(f"unknown attribute {name} of the cache exporter {cache.kind}")
        if given.get("mode", "min") not in ("min", "max"):
            raise Invalid(f"cache mode {given['mode']!r}: want min or max")
        for name in ("image-manifest", "oci-mediatypes"):
            if not _truth(given, name, True):
                raise Invalid(f"caches are written as OCI image manifests: {name}=false cannot be had")
        _truth(given, "ignore-error", False)
        wanted_mount(given, "")


def _truth(given: Mapping[str, str], name: str, default: bool) -> bool:
    text = given.get(name, "").lower()
    if text and text not in _TRUTHS:
        raise Invalid(f"cache attribute {name}={given[name]}: want true or false")
    return _TRUTHS.get(text, default)


def wanted_mount(given: Mapping[str, str], id: str) -> bool:
    """`mounts` is true, false, or ids parted by semicolons."""
    text = given.get("mounts", "true")
    return _TRUTHS[text.lower()] if text.lower() in _TRUTHS else id in text.split(";")


class Exports:
    """All caches that one build writes. steps: results of the wanted stage, and of all stages."""

    def __init__(self, work: Work, mounts: CacheMounts, least: Mapping[str, str], most: Mapping[str, str]) -> None:
        self._work = work
        self._mounts = mounts
        self._least = least
        self._most = most
        self._packed: dict[str, tuple[Blob, Path]] = {}

    async def run(self) -> dict[str, Any]:
        """Return what `--metadata-file` shows of them. Raises what the one that fails raises."""
        found: dict[str, Any] = {}
        for cache in self._work.spec.cache_to:
            if cache.kind == "inline":
                continue
            where = cache.attributes.get("ref") or cache.attributes.get("dest") or "the client"
            vertex = self._work.reporter.vertex(f"exporting cache to {where}")
            try:
                async with self._work.reporter.under_way(vertex) as telling:
                    found["cache.manifest"] = await self._export(cache, telling)
            except PlatformError:
                if not _truth(cache.attributes, "ignore-error", False):
                    raise
        return found

    async def _export(self, cache: CacheRef, telling: Telling) -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            if cache.kind == "local":
                blobs: Blobs = self._work.sources.blobs(cache)
            else:
                reference = parse(cache.attributes.get("ref", "")).with_default_tag()
                who = await self._work.sources.credentials(reference.domain)
                repository = self._work.parts.registries.repository(reference, who, push=True)
                blobs = await stack.enter_async_context(repository)
            steps = self._most if cache.attributes.get("mode") == "max" else self._least
            layers = {diff_id: await self._layer(diff_id, blobs, telling) for diff_id in _distinct(steps)}
            mounts = await self._all_mounts(cache, blobs, telling)
            return await self._finish(Contents(steps=dict(steps), layers=layers, mounts=mounts), blobs, telling)

    async def _finish(self, contents: Contents, blobs: Blobs, telling: Telling) -> dict[str, Any]:
        manifest, config = document.render(contents)
        await blobs.write(digest_of(config), len(config), _once(config))
        await blobs.finish(manifest, OCI_MANIFEST)
        telling.advanced("writing cache manifest", 1, 1, done=True)
        return {"mediaType": OCI_MANIFEST, "digest": digest_of(manifest), "size": len(manifest)}

    # ---- layers

    async def _layer(self, diff_id: str, blobs: Blobs, telling: Telling) -> Blob:
        images = self._work.parts.images
        for known in images.packed_forms(diff_id):
            if known.compression == GZIP and await blobs.has(known.digest):
                return Blob(known.digest, known.size)
        blob, file = await self._packed_once(diff_id, lambda: images.layer_tar(diff_id))
        await images.remember(diff_id, Packed(digest=blob.digest, size=blob.size))
        await self._write(blob, file, blobs, telling, f"writing layer {diff_id}")
        return blob

    async def _packed_once(self, name: str, pieces: Any) -> tuple[Blob, Path]:
        """Compress to a file of this build's; a second export takes the same."""
        if name not in self._packed:
            file = self._work.space.directory("packed") / "blob"
            self._packed[name] = await asyncio.to_thread(_compress, pieces(), file), file
        return self._packed[name]

    async def _write(self, blob: Blob, file: Path, blobs: Blobs, telling: Telling, said: str) -> None:
        if not await blobs.has(blob.digest):
            await blobs.write(blob.digest, blob.size, _read(file))
        telling.advanced(said, blob.size, blob.size, done=True)

    # ---- cache mounts

    async def _all_mounts(self, cache: CacheRef, blobs: Blobs, telling: Telling) -> dict[str, Blob]:
        found = {}
        for id in sorted(self._work.mounts):
            if wanted_mount(cache.attributes, id):
                blob = await self._mount(id, blobs, telling)
                if blob is not None:
                    found[id] = blob
        return found

    async def _mount(self, id: str, blobs: Blobs, telling: Telling) -> Blob | None:
        """One that no step of this build has needed may still be only where it was imported from."""
        async with self._mounts.use(id, "locked", touch=False) as (home, new):
            if new:
                return await self._passed_on(id, blobs)
            file = self._work.space.directory("mount") / "blob"
            pieces = self._work.parts.trees.packed(home, "/", Packing(name=""))
            blob = await _compress_all(pieces, file)
        await self._write(blob, file, blobs, telling, f"writing cache mount {id}")
        file.unlink()
        return blob

    async def _passed_on(self, id: str, blobs: Blobs) -> Blob | None:
        found = self._work.offers.mount(id)
        if found is None:
            return None
        blob, source = found
        try:
            if not await blobs.has(blob.digest):
                await blobs.write(blob.digest, blob.size, source.read(blob.digest, blob.size))
        except NotFound:
            return None
        return blob


def _distinct(steps: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(diff_id for diff_id in steps.values() if diff_id))


class _Sink:
    """Compresses into a file. The same bytes give the same file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._seen = hashlib.sha256()
        self._size = 0

    def feed(self, piece: bytes) -> None:
        self._put(self._packer.compress(piece))

    def _put(self, packed: bytes) -> None:
        self._seen.update(packed)
        self._size += self._file.write(packed)

    def close(self) -> Blob:
        self._put(self._packer.flush())
        self._file.close()
        return Blob(f"sha256:{self._seen.hexdigest()}", self._size)


def _compress(pieces: Iterator[bytes], path: Path) -> Blob:
    sink = _Sink(path)
    for piece in pieces:
        sink.feed(piece)
    return sink.close()


async def _compress_all(pieces: AsyncIterator[bytes], path: Path) -> Blob:
    sink = _Sink(path)
    async for piece in pieces:
        await asyncio.to_thread(sink.feed, piece)
    return sink.close()


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
