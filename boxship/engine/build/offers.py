"""Results of steps that caches elsewhere offer: fetched once a build asks for them."""

import hashlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from boxship.base.errors import Invalid, PlatformError
from boxship.engine.build.api import Blobs
from boxship.engine.build.cachedocument import Blob, Contents
from boxship.engine.build.seams import Parts

log = logging.getLogger(__name__)


class Offers:
    """All caches that one build may take from, the first one first. held: layers that must not go."""

    def __init__(self, parts: Parts, held: set[str]) -> None:
        self._parts = parts
        self._held = held
        self._known: list[tuple[Contents, Blobs]] = []

    def add(self, contents: Contents, blobs: Blobs) -> None:
        self._known.append((contents, blobs))

    async def layer(self, key: str) -> str | None:
        """Return the layer that some cache has for a step, brought here; "" is none at all, None is no result.
        A cache that cannot keep its word is passed over."""
        for contents, blobs in self._known:
            diff_id = contents.steps.get(key)
            if diff_id is None:
                continue
            try:
                if diff_id:
                    await self._bring(diff_id, contents.layers[diff_id], blobs)
                return diff_id
            except PlatformError as e:
                log.warning("cache: layer %s: %s", diff_id, e)
        return None

    async def _bring(self, diff_id: str, blob: Blob, blobs: Blobs) -> None:
        self._held.add(diff_id)
        images = self._parts.images
        if images.has_layer(diff_id):
            return
        staged = await images.stage(blobs.read(blob.digest, blob.size))
        if staged.digest != blob.digest or staged.facts.diff_id != diff_id:
            images.discard(staged)
            raise Invalid(f"it came as {staged.facts.diff_id}")
        images.keep(staged)

    def mount(self, id: str) -> tuple[Blob, Blobs] | None:
        """Return the archive of a cache mount."""
        for contents, blobs in self._known:
            if id in contents.mounts:
                return contents.mounts[id], blobs
        return None

    async def mount_file(self, id: str, file: Path) -> bool:
        """Fetch the archive of a cache mount, as it is packed; tell whether there was one that is whole."""
        found = self.mount(id)
        if found is None:
            return False
        blob, blobs = found
        try:
            if await _saved(blobs.read(blob.digest, blob.size), file) == blob.digest:
                return True
            log.warning("cache: mount %s: its archive is damaged", id)
        except PlatformError as e:
            log.warning("cache: mount %s: %s", id, e)
        return False


async def _saved(pieces: AsyncIterator[bytes], path: Path) -> str:
    seen = hashlib.sha256()
    with path.open("wb") as file:
        async for piece in pieces:
            seen.update(piece)
            file.write(piece)
    return f"sha256:{seen.hexdigest()}"
