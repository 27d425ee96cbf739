"""A backup to a registry and back: two blobs and a manifest."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from boxship.base.ids import short
from boxship.engine.backups import artifact, blobs
from boxship.engine.backups.artifact import Saved
from boxship.engine.images.config import digest_of
from boxship.engine.images.manifest import OCI_MANIFEST, Descriptor
from boxship.engine.images.reference import Reference
from boxship.engine.images.registry.client import Body, Client, fault, said

Tell = Callable[[dict[str, Any]], None]


class Shipping:
    """One repository of one registry."""

    def __init__(self, client: Client, reference: Reference, tell: Tell) -> None:
        self._client = client
        self._reference = reference
        self._home = f"/v2/{reference.path}"
        self._tell = tell

    async def push(self, saved: Saved, file: Path) -> str:
        """Bring a backup there under the reference's tag; return the digest of its manifest."""
        digest = saved.layer.digest
        if await self._client.exists(f"{self._home}/blobs/{digest}"):
            self._line("Layer already exists", digest)
        else:
            await self._upload(self._shown(file, saved.layer), digest)
            self._line("Pushed", digest)
        if not await self._client.exists(f"{self._home}/blobs/{digest_of(artifact.EMPTY)}"):
            await self._upload(artifact.EMPTY, digest_of(artifact.EMPTY))
        raw = artifact.manifest(saved)
        path = f"{self._home}/manifests/{self._reference.tag}"
        await self._ask("PUT", path, raw, {"Content-Type": OCI_MANIFEST})
        return digest_of(raw)

    async def _upload(self, body: Body, digest: str) -> None:
        where = await self._ask("POST", f"{self._home}/blobs/uploads/", b"")
        where = await self._ask("PATCH", where, body, {"Content-Type": "application/octet-stream"})
        await self._ask("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", b"")

    async def _ask(self, method: str, path: str, body: Body, headers: dict[str, str] | None = None) -> str:
        """Return where the registry says that it goes on. Raises what the registry's refusal stands for."""
        async with await self._client.ask(method, path, body=body, headers=headers) as response:
            if response.status >= 300:
                raise fault(response.status, await said(response), path)
            return urljoin(self._client.endpoint.base + "/", response.headers.get("Location", path))

    async def _shown(self, file: Path, layer: Descriptor) -> AsyncIterator[bytes]:
        done = 0
        async for piece in blobs.read(file):
            done += len(piece)
            self._line("Pushing", layer.digest, done, layer.size)
            yield piece

    async def find(self) -> Saved:
        """Return what the reference stands for. Raises NotFound, Unauthorized; Invalid when it is no backup."""
        name = self._reference.digest or self._reference.tag
        raw, _, _ = await self._client.document(f"{self._home}/manifests/{name}", OCI_MANIFEST)
        return artifact.parse(raw)

    def blob(self, layer: Descriptor) -> AsyncIterator[bytes]:
        def note(done: int) -> None:
            self._line("Downloading", layer.digest, done, layer.size)

        return self._client.blob(f"{self._home}/blobs/{layer.digest}", layer.size, note)

    def _line(self, status: str, digest: str, done: int | None = None, total: int = 0) -> None:
        detail = {} if done is None else {"current": done, "total": total}
        self._tell({"status": status, "progressDetail": detail, "id": short(digest)})
