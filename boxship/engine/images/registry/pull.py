"""Bring an image here: manifest, configuration, then the layers we lack, several at once, extracted as they come."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from boxship.base.errors import Invalid, NotFound
from boxship.base.ids import short
from boxship.engine.images import config as image_config
from boxship.engine.images import manifest as manifests
from boxship.engine.images.config import digest_of
from boxship.engine.images.layers import Staged
from boxship.engine.images.manifest import Descriptor, Manifest, Platform
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry.client import Client
from boxship.engine.images.service import Images
from boxship.model.image import Described, Image

ACCEPT = ", ".join((*manifests.MANIFESTS, *manifests.INDEXES))
Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One image of a registry, its documents fetched and checked. digest: of what the name stands for, which may be
    an index; described: the image's own; `raw` is the configuration."""

    reference: Reference
    digest: str
    described: Described
    manifest: Manifest
    raw: bytes
    image: Image


async def look_up(client: Client, reference: Reference, platform: Platform, images: Images) -> Wanted:
    """Return what a name stands for on this platform. Raises NotFound with dockerd's sentence, Invalid."""
    home = f"/v2/{reference.path}"
    raw, kind, _ = await _manifest(client, reference, reference.digest or reference.tag)
    digest = digest_of(raw)
    if reference.digest and digest != reference.digest:
        raise Invalid(f"manifest verification failed for digest {reference.digest}")
    if kind in manifests.INDEXES or (b'"manifests"' in raw and b'"layers"' not in raw):
        raw, kind = await _chosen(client, reference, raw, platform)
    described = Described(media_type=kind, digest=digest_of(raw), size=len(raw))
    manifest = manifests.parse_manifest(raw)
    config = await _config(client, f"{home}/blobs/{manifest.config.digest}", manifest.config.digest, images)
    image = image_config.parse(config)
    if len(image.layers) != len(manifest.layers):
        raise Invalid("the manifest's layers are not those of the image configuration")
    return Wanted(reference, digest, described, manifest, config, image)


async def _config(client: Client, path: str, digest: str, images: Images) -> bytes:
    """Return a configuration; its digest is the image's id, so one that is here need not be asked for."""
    known = images.find(digest)
    if known is not None:
        return images.raw_config(known.id)
    config, _, _ = await client.document(path)
    if digest_of(config) != digest:
        raise Invalid(f"image config verification failed for digest {digest}")
    return config


async def _manifest(client: Client, reference: Reference, name: str) -> tuple[bytes, str, str]:
    try:
        return await client.document(f"/v2/{reference.path}/manifests/{name}", ACCEPT)
    except NotFound as e:
        raise NotFound(f"manifest for {reference.familiar} not found: {e}") from e


async def _chosen(client: Client, reference: Reference, raw: bytes, platform: Platform) -> tuple[bytes, str]:
    """Return the manifest of an index that suits us, and its media type."""
    index = manifests.parse_index(raw)
    chosen = manifests.choose(index.manifests, platform)
    if chosen is None:
        raise NotFound(f"no matching manifest for {manifests.shown(platform)} in the manifest list entries")
    found, kind, _ = await _manifest(client, reference, chosen.digest)
    if digest_of(found) != chosen.digest:
        raise Invalid(f"manifest verification failed for digest {chosen.digest}")
    return found, kind


async def fetch(client: Client, wanted: Wanted, images: Images, tell: Tell, concurrency: int) -> list[Staged]:
    """Return the layers that were not here, staged; `tell` gets Docker's progress. A failure leaves nothing staged."""
    turns = asyncio.Semaphore(concurrency)
    pairs = list(zip(wanted.manifest.layers, wanted.image.layers, strict=True))
    todo: dict[str, Descriptor] = {}
    for descriptor, diff_id in pairs:
        here = images.has_layer(diff_id)
        tell(_line("Already exists" if here else "Pulling fs layer", descriptor))
        if not here:
            todo.setdefault(diff_id, descriptor)
    source = _Source(client, wanted.reference, images, tell, turns)
    work = [asyncio.create_task(source.layer(descriptor, diff_id)) for diff_id, descriptor in todo.items()]
    return await _all_or_nothing(work, images)


async def _all_or_nothing(work: Sequence["asyncio.Task[Staged]"], images: Images) -> list[Staged]:
    try:
        return list(await asyncio.gather(*work))
    except BaseException:
        for task in work:
            task.cancel()
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, Staged):
                images.discard(result)
        raise


@dataclass(frozen=True, slots=True)
class _Source:
    client: Client
    reference: Reference
    images: Images
    tell: Tell
    turns: asyncio.Semaphore

    async def layer(self, descriptor: Descriptor, diff_id: str) -> Staged:
        if self.turns.locked():
            self.tell(_line("Waiting", descriptor))
        async with self.turns:
            progress = _Progress(descriptor, self.tell)
            path = f"/v2/{self.reference.path}/blobs/{descriptor.digest}"
            staged = await self.images.stage(self.client.blob(path, descriptor.size, progress.note))
        try:
            _check(staged, descriptor, diff_id)
        except BaseException:
            self.images.discard(staged)
            raise
        for status in ("Verifying Checksum", "Download complete"):
            self.tell(_line(status, descriptor))
        self.tell(_line("Extracting", descriptor, descriptor.size))  # it was, all the time
        self.tell(_line("Pull complete", descriptor))
        return staged


def _check(staged: Staged, descriptor: Descriptor, diff_id: str) -> None:
    if staged.digest != descriptor.digest:
        raise Invalid(f"filesystem layer verification failed for digest {descriptor.digest}")
    if staged.facts.diff_id != diff_id:
        raise Invalid(f"layer {descriptor.digest}: its content is {staged.facts.diff_id}, not {diff_id}")


class _Progress:
    """Download lines, one for each percent."""

    def __init__(self, descriptor: Descriptor, tell: Tell) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._step = max(descriptor.size // 100, 1 << 19)
        self._next = 0

    def note(self, done: int) -> None:
        if done >= self._next:
            self._next = done + self._step
            self._tell(_line("Downloading", self._descriptor, done))


def _line(status: str, descriptor: Descriptor, done: int | None = None) -> dict[str, Any]:
    detail = {} if done is None else {"current": done, "total": descriptor.size}
    return {"status": status, "progressDetail": detail, "id": short(descriptor.digest)}
