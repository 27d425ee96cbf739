"""What builds have pushed with statements about it.

buildx 0.13 lets the daemon push the image again, by name alone, once its build has pushed it: that would put the bare
image in the place of the index with the statements. So the first such push after a build is taken as done, if the
registry still has what the build has put there.
"""

from typing import Any

from boxship.engine.images.reference import Reference
from boxship.engine.images.registry import Registries
from boxship.engine.images.registry.auth import Credentials

KEPT = 64


class Pushed:
    """Digests of indexes by name and image; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def note(self, name: Reference, image_id: str, digest: str) -> None:
        self._known[name.canonical, image_id] = digest
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]

    async def done(
        self, name: Reference, image_id: str, registries: Registries, credentials: Credentials
    ) -> dict[str, Any] | None:
        """Return what to tell of a push that is done already, None for one that is not. Tells so once."""
        digest = self._known.pop((name.canonical, image_id), "")
        if not digest:
            return None
        there = (await registries.inspect(name, credentials)).get("Descriptor", {})
        if there.get("digest") != digest:
            return None
        size = there.get("size", 0)
        return {
            "status": f"{name.tag}: digest: {digest} size: {size}",
            "aux": {"Tag": name.tag, "Digest": digest, "Size": size},
        }
