"""One repository of a registry as a store of content with a manifest on top: see engine.build.api.Blobs."""

from collections.abc import AsyncIterator
from urllib.parse import urljoin

from boxship.engine.images import manifest as manifests
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry.client import Body, Client, fault, said

ACCEPT = ", ".join((*manifests.MANIFESTS, *manifests.INDEXES))


class Repository:
    """The client stays the caller's."""

    def __init__(self, client: Client, reference: Reference) -> None:
        self._client = client
        self._reference = reference
        self._home = f"/v2/{reference.path}"

    async def manifest(self) -> bytes:
        """Return the manifest of the reference's tag or digest, whatever kind it is. Raises NotFound."""
        return await self.document(self._reference.digest or self._reference.tag)

    async def document(self, name: str) -> bytes:
        raw, _, _ = await self._client.document(f"{self._home}/manifests/{name}", ACCEPT)
        return raw

    def read(self, digest: str, size: int) -> AsyncIterator[bytes]:
        return self._client.blob(f"{self._home}/blobs/{digest}", size, lambda _: None)

    async def has(self, digest: str) -> bool:
        return await self._client.exists(f"{self._home}/blobs/{digest}")

    async def write(self, digest: str, size: int, pieces: AsyncIterator[bytes]) -> None:
        if await self.has(digest):
            return
        begun = await self._send("POST", f"{self._home}/blobs/uploads/", b"")
        location = await self._send("PATCH", begun, pieces)
        await self._send("PUT", f"{location}{'&' if '?' in location else '?'}digest={digest}", b"")

    async def _send(self, method: str, where: str, body: Body) -> str:
        """Return where to go on."""
        headers = {"Content-Type": "application/octet-stream"}
        async with await self._client.ask(method, where, body=body, headers=headers) as response:
            if response.status not in (201, 202, 204):
                raise fault(response.status, await said(response), where)
            found = response.headers.get("Location", where)
            return urljoin(self._client.endpoint.base + "/", str(found))

    async def finish(self, manifest: bytes, media_type: str) -> None:
        await self.put(self._reference.tag, manifest, media_type)

    async def put(self, name: str, manifest: bytes, media_type: str) -> None:
        """Store a manifest under a tag or its digest."""
        path = f"{self._home}/manifests/{name}"
        headers = {"Content-Type": media_type}
        async with await self._client.ask("PUT", path, body=manifest, headers=headers) as response:
            if response.status not in (200, 201, 202):
                raise fault(response.status, await said(response), path)
