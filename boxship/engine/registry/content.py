"""Blobs: uploads that become content, content shown in repositories, bytes to send. Knows no manifests."""

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.base.clock import Clock
from boxship.base.errors import PlatformError
from boxship.engine.registry import changes
from boxship.engine.registry.drivers.api import Blobs
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.options import Quota
from boxship.engine.registry.records import Records
from boxship.engine.registry.uploads import Uploads

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Blob:
    """key: its name in the driver."""

    digest: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What content is made of. lease: seconds."""

    records: Records
    blobs: Blobs
    uploads: Uploads
    clock: Clock
    lease: float
    quotas: Sequence[Quota] = ()


class Content:
    """The blobs of all repositories."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._records = parts.records
        self.uploads = parts.uploads

    def now(self) -> float:
        return self._parts.clock.now() / SECOND

    def find(self, repository: str, digest: str) -> Blob | None:
        found = self._find(repository, digest)
        return found[0] if found else None

    def get(self, repository: str, digest: str) -> Blob:
        """Raises Fault BLOB_UNKNOWN."""
        found = self._find(repository, digest)
        if found is None:
            raise unknown(digest)
        return found[0]

    async def promise(self, repository: str, digest: str) -> Blob:
        """Return a blob that will still be here when a push that starts now ends. Raises Fault BLOB_UNKNOWN."""
        found = self._find(repository, digest)
        if found is None:
            raise unknown(digest)
        blob, leased = found
        now = self.now()
        if leased < now + self._parts.lease / 2:
            until = now + self._parts.lease
            if not await self._records.write(lambda db: changes.renew(db, repository, digest, until)):
                raise unknown(digest)
        return blob

    def _find(self, repository: str, digest: str) -> tuple[Blob, float] | None:
        row = self._records.row(
            "SELECT size, key, leased FROM blobs JOIN links USING (digest) JOIN repositories r ON repository = r.id"
            " WHERE r.name = ? AND digest = ?",
            (repository, digest),
        )
        return (Blob(digest, row[0], row[1]), row[2]) if row else None

    def local(self, blob: Blob) -> Path | None:
        """Return the file that holds a blob, None where it is elsewhere."""
        return self._parts.blobs.local(blob.key)

    def read(self, blob: Blob, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        return self._parts.blobs.read(blob.key, start, length)

    async def commit(self, repository: str, upload: str, digest: str) -> Blob:
        """Make an upload content of a repository: on stable storage, recorded and leased when this returns.

        Raises Fault: BLOB_UPLOAD_UNKNOWN, DIGEST_INVALID, or DENIED where a quota is used up.
        """
        file, size = await self.uploads.finish(repository, upload, digest)
        return await self.take(repository, file, digest, size)

    async def take(self, repository: str, file: Path, digest: str, size: int) -> Blob:
        """Move a file whose digest has been verified in. It is gone afterwards, whatever happens."""
        key = f"{digest.partition(':')[2]}-{secrets.token_hex(4)}"
        try:
            await self._parts.blobs.take(file, key)
        finally:
            file.unlink(missing_ok=True)
        until = self.now() + self._parts.lease
        try:
            new = await self._records.write(lambda db: self._add(db, repository, Blob(digest, size, key), until))
        except PlatformError:  # nothing was recorded; when cancelled instead, the record may still come
            await self._parts.blobs.remove(key)
            raise
        if not new:
            await self._parts.blobs.remove(key)
        return self.get(repository, digest)

    def _add(self, db: changes.Connection, repository: str, blob: Blob, until: float) -> bool:
        new = changes.add_blob(db, blob.digest, blob.size, blob.key)
        changes.link(db, repository, blob.digest, until, self._parts.quotas)
        return new

    async def mount(self, repository: str, digest: str, source: str) -> bool:
        """Show a blob of `source` in `repository` too; False when it is not there. Raises Fault DENIED."""
        until = self.now() + self._parts.lease
        quotas = self._parts.quotas
        return await self._records.write(lambda db: changes.mount(db, repository, digest, source, until, quotas))

    async def delete(self, repository: str, digest: str) -> None:
        """Raises Fault: BLOB_UNKNOWN, NAME_UNKNOWN, UNSUPPORTED while a manifest uses it."""
        await self._records.write(lambda db: changes.unlink(db, repository, digest))


def unknown(digest: str) -> Fault:
    return Fault("BLOB_UNKNOWN", "blob unknown to registry", detail={"digest": digest})
