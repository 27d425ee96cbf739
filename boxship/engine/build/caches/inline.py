"""Caches in images: their configuration tells which steps made their layers, and whoever has one builds on from there.
Nothing secret is in a key."""

from typing import Any

from boxship.engine.build.cachedocument import INLINE
from boxship.engine.build.state import State
from boxship.engine.build.work import Work

ARGUMENT = "BUILDKIT_INLINE_CACHE"


def wanted(work: Work) -> bool:
    asked = work.spec.build_args.get(ARGUMENT) or ""
    return asked in ("1", "true") or any(cache.kind == "inline" for cache in work.spec.cache_to)


def told(state: State) -> dict[str, Any]:
    """Return what the configuration of an image is to tell besides."""
    return {INLINE: dict(state.results)}
