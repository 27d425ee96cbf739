"""Bring an image to a registry: the blobs it lacks, then the manifest.

A layer's tar is put together from its files and compressed on the way, by a child for each; what it became is
remembered, so that the next push of it only asks whether it is there. The same layer always compresses to the same
bytes, so that an upload whose connection broke goes on behind what the registry says it has.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from boxship.base.codec import encode
from boxship.base.errors import PlatformError
from boxship.base.ids import short
from boxship.engine.images import manifest as manifests
from boxship.engine.images.attested import Member, Whole, carried, described, index
from boxship.engine.images.config import digest_of
from boxship.engine.images.inflate import GZIP
from boxship.engine.images.layers import Packed
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry import client
from boxship.engine.images.registry.client import ATTEMPTS, Body, Client, Expired, Unreachable, fault, said
from boxship.engine.images.service import Images
from boxship.host.api.files import Assembled
from boxship.model.image import Described, Image

Tell = Callable[[dict[str, Any]], None]
LEVEL = 1  # of gzip


@dataclass(frozen=True, slots=True)
class Held:
    """What a registry has of an upload: where to go on, and the bytes that have come."""

    location: str
    size: int


class Misplaced(PlatformError):
    """The registry does not know the upload any more, or expects another part of it."""


class Pusher:
    """One push to one repository."""

    def __init__(self, registry: Client, reference: Reference, images: Images, tell: Tell) -> None:
        self._client = registry
        self._reference = reference
        self._images = images
        self._tell = tell
        self._home = f"/v2/{reference.path}"

    async def push(self, whole: Whole, concurrency: int) -> tuple[Described, dict[str, Described]]:
        """Return what the name stands for now, and the manifest of each image by its id. Raises Unauthorized, …"""
        turns = asyncio.Semaphore(concurrency)
        packed = await self._layers([diff_id for each in whole.all for diff_id in each.image.layers], turns)
        pushed: dict[str, Described] = {}
        contents = {}
        for member in whole.all:
            image = member.image
            await self._small(image.id, member.raw)
            layers = [packed[diff_id] for diff_id in image.layers]
            kind, content = composed(image, member.raw, layers, oci=not whole.plain)
            contents[image.id] = content
            pushed[image.id] = Described(media_type=kind, digest=digest_of(content), size=len(content))
        if whole.plain:
            top = pushed[whole.main.image.id]
            await self._put(self._reference.tag, contents[whole.main.image.id], top.media_type)
            return top, pushed
        for member in whole.all:
            found = pushed[member.image.id]
            await self._put(found.digest, contents[member.image.id], found.media_type)
        return await self._index(whole.all, pushed), pushed

    async def _layers(self, diff_ids: Sequence[str], turns: asyncio.Semaphore) -> dict[str, Packed]:
        distinct = list(dict.fromkeys(diff_ids))
        for diff_id in reversed(distinct):
            self._tell(_line("Preparing", diff_id))
        work = [asyncio.create_task(self._layer(diff_id, turns)) for diff_id in distinct]
        try:
            return dict(zip(distinct, await asyncio.gather(*work), strict=True))
        except BaseException:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            raise

    async def _layer(self, diff_id: str, turns: asyncio.Semaphore) -> Packed:
        if turns.locked():
            self._tell(_line("Waiting", diff_id))
        async with turns:
            for known in self._images.packed_forms(diff_id):
                if await self._client.exists(f"{self._home}/blobs/{known.digest}"):
                    self._tell(_line("Layer already exists", diff_id))
                    return known
                if await self._mounted(known, diff_id):
                    return known
            return await self._upload(diff_id)

    async def _mounted(self, known: Packed, diff_id: str) -> bool:
        """Try to take a blob over from another repository of the registry."""
        for other in self._images.repositories_with(diff_id, self._reference.domain):
            query = f"mount={known.digest}&from={other}"
            async with await self._client.ask("POST", f"{self._home}/blobs/uploads/?{query}", body=b"") as response:
                if response.status == 201:
                    self._tell(_line(f"Mounted from {other}", diff_id))
                    return True
        return False

    async def _upload(self, diff_id: str) -> Packed:
        """A broken upload goes on where it broke; where the registry has forgotten what came, it begins again.
        Tries that bring nothing forward are counted."""
        held, failures = Held("", 0), 0
        while True:
            location = held.location or await self._begin()
            try:
                return await self._upload_from(Held(location, held.size), diff_id)
            except (Unreachable, Misplaced, Expired):
                before, held = held, await self._held(location)
                failures = 1 if held.size > before.size else failures + 1
                if failures >= ATTEMPTS:
                    raise
                await asyncio.sleep(client.FIRST_PAUSE * 2 ** (failures - 1))

    async def _held(self, location: str) -> "Held":
        """Return how much of an upload has come, Held("", 0) to begin again. Distribution-spec, resuming uploads."""
        try:
            async with await self._client.ask("GET", location) as response:
                first, _, last = response.headers.get("Range", "").removeprefix("bytes=").partition("-")
                if response.status != 204 or first != "0" or not last.isdecimal() or last == "0":
                    return Held("", 0)
                where = self._located(response.headers) if "Location" in response.headers else location
                return Held(where, int(last) + 1)
        except Unreachable:
            return Held("", 0)

    async def _upload_from(self, held: "Held", diff_id: str) -> Packed:
        """What the registry has already is made again, for the digest, but does not go out."""
        layer = self._images.packed_layer(diff_id, LEVEL)
        try:
            location = await self._send("PATCH", held.location, _behind(held.size, self._shown(layer, diff_id)))
        except Unreachable as e:
            raise layer.failure or e from None
        await self._finish(location, layer.digest)
        self._tell(_line("Pushed", diff_id))
        packed = Packed(digest=layer.digest, size=layer.size)
        await self._images.remember(diff_id, packed)
        return packed

    async def _shown(self, layer: Assembled, diff_id: str) -> AsyncIterator[bytes]:
        """Tell how much of the tar has gone, a hundred times."""
        total, shown = self._images.tar_size(diff_id), 0
        async for piece in layer.pieces():
            done = layer.passed
            if done >= shown:
                shown = done + max(total // 100, 1 << 19)
                self._tell(_line("Pushing", diff_id, done, total))
            yield piece

    async def _begin(self) -> str:
        async with await self._client.ask("POST", f"{self._home}/blobs/uploads/", body=b"") as response:
            if response.status != 202:
                raise fault(response.status, await said(response), self._home)
            return self._located(response.headers)

    async def _send(self, method: str, location: str, body: Body) -> str:
        headers = {"Content-Type": "application/octet-stream"}
        async with await self._client.ask(method, location, body=body, headers=headers) as response:
            if response.status in (404, 416):
                raise Misplaced(
                    f"{self._reference.familiar_name}: the registry lost the upload: {await said(response)}"
                )
            if response.status not in (201, 202, 204):
                raise fault(response.status, await said(response), self._home)
            return self._located(response.headers) if "Location" in response.headers else location

    async def _finish(self, location: str, digest: str) -> None:
        joint = "&" if "?" in location else "?"
        await self._send("PUT", f"{location}{joint}digest={digest}", b"")

    def _located(self, headers: Any) -> str:
        return urljoin(self._client.endpoint.base + "/", str(headers["Location"]))

    async def _small(self, digest: str, content: bytes) -> None:
        """Upload a configuration, unless it is there."""
        if not await self._client.exists(f"{self._home}/blobs/{digest}"):
            await self._finish(await self._send("PATCH", await self._begin(), content), digest)

    async def _index(self, members: Sequence[Member], pushed: Mapping[str, Described]) -> Described:
        """Bring what is stated about the images, and then the index of all."""
        images, statements = [], []
        for member in members:
            found = pushed[member.image.id]
            plain = {"mediaType": found.media_type, "digest": found.digest, "size": found.size}
            images.append(described(member.image, plain))
            if member.statements:
                made = carried(member, plain)
                for blob in made.blobs:
                    await self._small(digest_of(blob), blob)
                await self._put(digest_of(made.manifest), made.manifest, manifests.OCI_MANIFEST)
                statements.append(made.descriptor)
        content = index(images, statements)
        await self._put(self._reference.tag, content, manifests.OCI_INDEX)
        return Described(media_type=manifests.OCI_INDEX, digest=digest_of(content), size=len(content))

    async def _put(self, name: str, content: bytes, kind: str) -> None:
        path = f"{self._home}/manifests/{name}"
        async with await self._client.ask("PUT", path, body=content, headers={"Content-Type": kind}) as response:
            if response.status not in (200, 201, 202):
                raise fault(response.status, await said(response), path)


async def _behind(skip: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Leave out the first `skip` bytes."""
    async for piece in pieces:
        if skip < len(piece):
            yield piece[skip:] if skip else piece
        skip = max(0, skip - len(piece))


def composed(image: Image, raw: bytes, layers: Sequence[Packed], *, oci: bool = False) -> tuple[str, bytes]:
    """Return media type and bytes of the manifest: Docker's, unless OCI's is wanted, or a layer is packed in a way
    that only OCI knows."""
    oci = oci or any(layer.compression != GZIP for layer in layers)
    kind = manifests.OCI_MANIFEST if oci else manifests.DOCKER_MANIFEST
    described = [
        {
            "mediaType": f"{manifests.OCI_LAYER}+{layer.compression}" if oci else manifests.DOCKER_LAYER,
            "size": layer.size,
            "digest": layer.digest,
        }
        for layer in layers
    ]
    config = {
        "mediaType": manifests.OCI_CONFIG if oci else manifests.DOCKER_CONFIG,
        "size": len(raw),
        "digest": image.id,
    }
    return kind, encode({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": described})


def _line(status: str, diff_id: str, done: int | None = None, total: int = 0) -> dict[str, Any]:
    detail = {} if done is None else {"current": done, "total": total}
    return {"status": status, "progressDetail": detail, "id": short(diff_id)}
