"""Caches from elsewhere: images that tell which steps made their layers.

An image made with `--cache-to type=inline`, or BUILDKIT_INLINE_CACHE=1, has in its configuration the keys of its steps.
Whoever has the image can build on from there. Nothing secret is in a key.
"""

import logging
from typing import Any

from boxship.base.errors import PlatformError
from boxship.engine.build.state import State
from boxship.engine.build.work import Work
from boxship.model.image import Image

log = logging.getLogger(__name__)
INLINE = "boxship.cache.v1"
ARGUMENT = "BUILDKIT_INLINE_CACHE"


def wants_inline(work: Work) -> bool:
    asked = work.spec.build_args.get(ARGUMENT) or ""
    return asked in ("1", "true") or any(cache.kind == "inline" for cache in work.spec.cache_to)


def inline(state: State) -> dict[str, Any]:
    """Return what the configuration of an image is to tell besides."""
    return {INLINE: dict(state.results)}


async def take_in(work: Work) -> None:
    """Learn from the images that `--cache-from` names. With the classic kind nothing else is used for this build. One
    that is not there is passed over, as everywhere."""
    offered: set[str] = set()
    classic = False
    for cache in work.spec.cache_from:
        if cache.kind not in ("image", "registry"):
            continue
        classic = classic or cache.kind == "image"
        image = await _image(work, cache.attributes.get("ref", ""), pull=cache.kind == "registry")
        if image is None:
            continue
        offered.update(image.layers)
        _learn(work, image)
    if classic:
        work.offered = frozenset(offered)


async def _image(work: Work, name: str, *, pull: bool) -> Image | None:
    found = work.parts.images.find(name)
    if found is not None or not pull:
        return found
    try:
        return await work.bases.find(name, work.spec.platform)
    except PlatformError as e:
        log.info("cache from %s: %s", name, e)
        return None


def _learn(work: Work, image: Image) -> None:
    told = work.parts.images.document(image.id).get(INLINE)
    if not isinstance(told, dict):
        return
    for key, diff_id in told.items():
        known = isinstance(diff_id, str) and (not diff_id or diff_id in image.layers)
        if known and work.parts.cache.find(key, work.parts.images.has_layer) is None:
            size = work.parts.images.layer_size(diff_id) if diff_id else 0
            work.parts.cache.note(key, diff_id, size, f"from {image.id}")
