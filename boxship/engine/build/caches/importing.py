"""`--cache-from`: look at the caches that are named, fetch nothing but what they say of themselves."""

import logging
from contextlib import AsyncExitStack

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.engine.build import cachedocument as document
from boxship.engine.build.api import Blobs, CacheRef
from boxship.engine.build.cachedocument import Contents
from boxship.engine.build.work import Work
from boxship.engine.images.config import digest_of
from boxship.engine.images.manifest import DOCKER_LIST, OCI_INDEX, choose, parse_index, parse_manifest, wanted_platform
from boxship.engine.images.reference import parse
from boxship.engine.images.registry.blobs import Repository
from boxship.model.image import Image

log = logging.getLogger(__name__)
SMALL = 64 << 20  # bytes of a configuration
KNOWN = {
    "registry": {"ref"},
    "local": {"src", "digest", "tag", "store", "ref"},
    "inline": {"ref"},
    "image": {"ref"},
}


def check(caches: tuple[CacheRef, ...]) -> None:
    """Raise Invalid for caches that cannot be read."""
    for cache in caches:
        if cache.kind not in KNOWN:
            raise Invalid(f"unknown cache importer: {cache.kind}: want registry, local or inline")
        for name in cache.attributes.keys() - KNOWN[cache.kind]:
            raise Invalid(f"unknown attribute {name} of the cache importer {cache.kind}")


async def take_in(work: Work, stack: AsyncExitStack) -> None:
    """Learn what caches offer. With the classic kind nothing else is used for this build. One that is not there is told
    of and passed over, as everywhere."""
    offered: set[str] = set()
    classic = False
    for cache in work.spec.cache_from:
        if cache.kind == "image":
            classic = True
            image = work.parts.images.find(cache.attributes.get("ref", ""))
            if image is not None:
                offered.update(image.layers)
                _learn(work, image)
            continue
        vertex = work.reporter.vertex(f"importing cache manifest from {_name(cache)}")
        try:
            async with work.reporter.under_way(vertex):
                await _look(work, cache, stack)
        except PlatformError as e:
            log.info("cache from %s: %s", _name(cache), e)
    if classic:
        work.offered = frozenset(offered)


def _name(cache: CacheRef) -> str:
    return cache.attributes.get("ref") or cache.attributes.get("src") or cache.kind


async def _look(work: Work, cache: CacheRef, stack: AsyncExitStack) -> None:
    if cache.kind == "local":
        blobs: Blobs = work.sources.blobs(cache)
        manifest = await blobs.manifest()
    else:
        reference = parse(cache.attributes.get("ref", "")).with_default_tag()
        image = work.parts.images.named(reference)
        if image is not None:
            _learn(work, image)
        who = await work.sources.credentials(reference.domain)
        repository = await stack.enter_async_context(work.parts.registries.repository(reference, who))
        blobs, manifest = repository, await _of_platform(repository, work.spec.platform)
    work.offers.add(await _contents(blobs, manifest), blobs)


async def _of_platform(blobs: Repository, platform: str) -> bytes:
    """Return the one manifest of an index that suits us."""
    raw = await blobs.manifest()
    if b'"manifests"' not in raw or b'"layers"' in raw:
        return raw
    index = parse_index(raw)
    if index.media_type not in ("", OCI_INDEX, DOCKER_LIST):
        raise Invalid(f"no cache: {index.media_type}")
    chosen = choose(index.manifests, wanted_platform(platform))
    if chosen is None:
        raise NotFound("no entry of the index suits the platform")
    return await blobs.document(chosen.digest)


async def _contents(blobs: Blobs, raw: bytes) -> Contents:
    manifest = parse_manifest(raw)
    if manifest.config.size > SMALL:
        raise Invalid("the cache's configuration is too large")
    config = b"".join([piece async for piece in blobs.read(manifest.config.digest, manifest.config.size)])
    if digest_of(config) != manifest.config.digest:
        raise Invalid("the cache's configuration is not what its manifest says")
    if document.is_cache(manifest):
        return document.parse(config)
    return document.parse_image(config, manifest.layers)


def _learn(work: Work, image: Image) -> None:
    """Take over what an image that is here tells of its steps."""
    told = work.parts.images.document(image.id).get(document.INLINE)
    if not isinstance(told, dict):
        return
    for key, diff_id in told.items():
        known = isinstance(diff_id, str) and (not diff_id or diff_id in image.layers)
        if known and work.parts.cache.find(key, work.parts.images.has_layer) is None:
            size = work.parts.images.layer_size(diff_id) if diff_id else 0
            work.parts.cache.note(key, diff_id, size, f"from {image.id}")
