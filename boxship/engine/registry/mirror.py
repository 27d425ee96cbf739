"""Pull-through: what an upstream registry has is fetched when first asked for, kept, and sent on while it comes.

A tag is asked for again once it is older than its upstream's `fresh`; while the upstream is away, what is here serves.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from boxship.base.errors import NotFound, PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.images.registry.auth import Credentials
from boxship.engine.images.registry.client import CHUNK, Client, fault, said
from boxship.engine.images.registry.hosts import Endpoint
from boxship.engine.registry.catalog import Catalog, Manifest
from boxship.engine.registry.content import Blob, Content, unknown
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.manifests import KNOWN, parse
from boxship.engine.registry.names import check_digest, is_digest
from boxship.engine.registry.options import Upstream

ACCEPT = ", ".join(KNOWN)
CERTIFICATES = ("/etc/docker/certs.d",)
_LOOK = 0.05  # seconds between looks at a file that grows
log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a name leads. repository: its name here.  path: its name at the upstream, if it has one."""

    repository: str
    upstream: Upstream | None = None
    path: str = ""


def locate(name: str, namespace: str, upstreams: Sequence[Upstream], known: Callable[[str], bool]) -> Place:
    """Return the place of a name as clients write it. namespace: what a mirror is asked for, "" without.
    known: tells whether a repository is ours already. Pure."""
    for upstream in upstreams:
        if namespace and namespace == upstream.prefix:
            return Place(f"{upstream.prefix}/{name}", upstream, name)
        if name.startswith(f"{upstream.prefix}/"):
            return Place(name, upstream, name.removeprefix(f"{upstream.prefix}/"))
    default = next((upstream for upstream in upstreams if upstream.default), None)
    if default is None or known(name):
        return Place(name)
    return Place(f"{default.prefix}/{name}", default, name)


@dataclass(slots=True)
class Fetch:
    """A blob on its way from an upstream into an upload's file. size: bytes it will have."""

    digest: str
    size: int
    upload: str
    task: asyncio.Task[Blob] | None = None


class Mirror:
    """Must be closed; what is under way then begins anew the next time it is asked for."""

    def __init__(self, upstreams: Sequence[Upstream], content: Content, catalog: Catalog) -> None:
        self._upstreams = tuple(upstreams)
        self._content = content
        self._catalog = catalog
        self._tasks = Tasks()
        self._fetches: dict[tuple[str, str], Fetch] = {}
        self._beginning = asyncio.Lock()

    def locate(self, name: str, namespace: str = "") -> Place:
        return locate(name, namespace, self._upstreams, self._catalog.knows)

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def manifest(self, place: Place, reference: str) -> Manifest:
        """Return the manifest of a place. Raises Fault; PlatformError when the upstream is away and nothing is here."""
        found = self._catalog.find(place.repository, reference)
        if place.upstream is None or (found is not None and self._is_fresh(place, reference)):
            return found or self._catalog.get(place.repository, reference)
        try:
            return await self._fetched(place, reference, found)
        except NotFound:
            raise Fault("MANIFEST_UNKNOWN", "manifest unknown", detail={"reference": reference}) from None
        except PlatformError as error:
            if found is None or isinstance(error, Fault):
                raise
            log.warning("%s:%s is served as it was: %s", place.repository, reference, error)
            return found

    def _is_fresh(self, place: Place, reference: str) -> bool:
        if is_digest(reference) or place.upstream is None:
            return True
        tag = self._catalog.tag(place.repository, reference)
        return tag is not None and tag.checked + place.upstream.fresh > self._content.now()

    async def _fetched(self, place: Place, reference: str, found: Manifest | None) -> Manifest:
        path = f"/v2/{place.path}/manifests/{reference}"
        tag = "" if is_digest(reference) else reference
        client = _client(place)
        try:
            if found is not None and await _digest_at(client, path) == found.digest:
                await self._catalog.confirm(place.repository, tag, found.digest)
                return found
            raw, kind, _ = await client.document(path, ACCEPT)
        finally:
            await client.aclose()
        document = parse(raw, kind, "" if tag else reference)
        await self._catalog.keep(place.repository, tag, document)
        return Manifest(document.digest, document.media_type, raw)

    async def blob(self, place: Place, digest: str) -> Blob | Fetch:
        """Return a blob that is here, or its way to us. Raises Fault BLOB_UNKNOWN."""
        found = self._content.find(place.repository, digest)
        if found is not None or place.upstream is None:
            return found or self._content.get(place.repository, digest)
        async with self._beginning:
            key = (place.repository, digest)
            if key not in self._fetches:
                size = await self.size(place, digest)
                fetch = Fetch(digest, size, self._content.uploads.begin(place.repository))
                self._fetches[key] = fetch
                fetch.task = self._tasks.spawn(self._bring(place, fetch), f"fetch {digest}")
                fetch.task.add_done_callback(lambda _: self._fetches.pop(key, None))
            return self._fetches[key]

    async def size(self, place: Place, digest: str) -> int:
        """Return how large a blob is at its upstream. Raises Fault BLOB_UNKNOWN."""
        client = _client(place)
        try:
            async with await client.ask("HEAD", f"/v2/{place.path}/blobs/{check_digest(digest)}") as response:
                if response.status == 404:
                    raise unknown(digest)
                if response.status >= 400:
                    raise fault(response.status, await said(response), place.path)
                return int(response.headers.get("Content-Length", "0"))
        finally:
            await client.aclose()

    async def _bring(self, place: Place, fetch: Fetch) -> Blob:
        client = _client(place)
        try:
            pieces = client.blob(f"/v2/{place.path}/blobs/{fetch.digest}", fetch.size, lambda _: None)
            await self._content.uploads.append(place.repository, fetch.upload, pieces)
            return await self._content.commit(place.repository, fetch.upload, fetch.digest)
        finally:
            await client.aclose()

    async def follow(self, place: Place, fetch: Fetch) -> AsyncIterator[bytes]:
        """Yield a blob's bytes as they come. Ends early, by an error, when the upstream breaks off."""
        assert fetch.task is not None
        file = self._content.uploads.open(place.repository, fetch.upload)
        try:
            position = 0
            while position < fetch.size:
                piece = await asyncio.to_thread(os.pread, file, CHUNK, position)
                position += len(piece)
                if piece:
                    yield piece
                elif fetch.task.done() and position >= os.fstat(file).st_size:
                    fetch.task.result()
                    raise PlatformError(f"{place.repository}: {fetch.digest} is shorter than the upstream said")
                else:
                    await asyncio.wait([fetch.task], timeout=_LOOK)
        finally:
            os.close(file)


def _client(place: Place) -> Client:
    upstream = place.upstream
    assert upstream is not None
    endpoint = Endpoint(base=upstream.url.rstrip("/"), host=urlsplit(upstream.url).netloc, verify=not upstream.insecure)
    known = Credentials(username=upstream.username, password=upstream.password)
    return Client(endpoint, known, f"repository:{place.path}:pull", CERTIFICATES)


async def _digest_at(client: Client, path: str) -> str:
    async with await client.ask("HEAD", path, headers={"Accept": ACCEPT}) as response:
        if response.status >= 400:
            raise fault(response.status, "", path)
        return response.headers.get("Docker-Content-Digest", "")
