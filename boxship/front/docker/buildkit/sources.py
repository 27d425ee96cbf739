"""What a build needs of its client, taken over the session."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from boxship.base.errors import Invalid
from boxship.engine.build import layouts
from boxship.engine.build.api import CONTEXT, DOCKERFILE, IGNORE, CacheRef, Output, Tree
from boxship.engine.build.synced import Synced, SyncedContexts
from boxship.engine.build.workspace import Workspace
from boxship.engine.images.registry.auth import Credentials
from boxship.front.docker.buildkit import files, offers
from boxship.front.docker.buildkit.content import ClientBlobs
from boxship.front.docker.buildkit.pb.control_pb2 import StatusResponse
from boxship.front.docker.buildkit.session import Session
from boxship.front.docker.buildkit.wire.attrs import Asked
from boxship.front.docker.buildkit.wire.status import Telling, counted

PERIOD = 0.1  # seconds between two numbers of one transfer


class SessionSources:
    """Use it as a context manager: directories are kept for the next build when it ends.

    uploaded: a context that came on the client's standard input.  dockerfile: where the Dockerfile's directory is, once
    it was asked for.  manifests: descriptors of those that were put on top of the client's stores."""

    def __init__(
        self,
        session: Session,
        asked: Asked,
        space: Workspace,
        contexts: SyncedContexts,
        telling: Telling,
        tell: Callable[[StatusResponse], None],
        uploaded: Tree | None = None,
    ) -> None:
        self._session = session
        self._asked = asked
        self._space = space
        self._contexts = contexts
        self._telling = telling
        self._tell = tell
        self._uploaded = uploaded
        self._known: dict[str, Credentials] = {}
        self._stack = AsyncExitStack()
        self.dockerfile: Path | None = None
        self.manifests: list[dict[str, object]] = []

    async def __aenter__(self) -> "SessionSources":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def directory(self, name: str, ignore: Sequence[str], only: Sequence[str]) -> Tree:
        if name in (DOCKERFILE, IGNORE):
            return await self._few(name, only)
        if name == CONTEXT and self._uploaded is not None:
            return self._uploaded
        wanted = self._asked.context if name == CONTEXT else name
        kept = await self._stack.enter_async_context(self._contexts.borrowed(f"{self._session.key}\0{wanted}"))
        step = "[internal] load build context" if name == CONTEXT else f"[context {name}] load from local:{name}"
        await files.receive(self._session, wanted, kept, ignore=ignore, tell=self._counting(step, "context"))
        return Tree(root=kept.root, contents=kept)

    async def _few(self, name: str, only: Sequence[str]) -> Tree:
        """Bring some files of a directory, for this build alone."""
        root = self._space.directory(name)
        wanted = self._asked.dockerfile if name == DOCKERFILE else self._asked.context
        step = f"[internal] load build definition from {self._asked.spec.dockerfile}"
        tell = self._counting(step, "dockerfile" if name == DOCKERFILE else ".dockerignore")
        await files.receive(self._session, wanted, Synced(root, "", 0), only=only, tell=tell)
        if name == DOCKERFILE:
            self.dockerfile = root
        return Tree(root=root)

    def _counting(self, step: str, what: str) -> Callable[[int, bool], None]:
        """Return what tells how much has come in, within the step of that name."""
        vertex = self._telling.current.get(step)
        started, last = time.time_ns(), 0.0

        def tell(size: int, done: bool) -> None:
            nonlocal last
            if vertex is None or not (done or time.monotonic() - last > PERIOD):
                return
            last = time.monotonic()
            self._tell(counted(vertex, f"transferring {what}:", size, started, time.time_ns(), done=done))

        return tell

    async def secret(self, id: str) -> bytes | None:
        return await offers.secret(self._session, id)

    def agent(self, id: str) -> AbstractAsyncContextManager[Path | None]:
        return offers.agent(self._session, id, self._space.directory("agent"))

    async def credentials(self, domain: str) -> Credentials:
        if domain not in self._known:
            self._known[domain] = await offers.credentials(self._session, domain)
        return self._known[domain]

    def blobs(self, cache: CacheRef) -> ClientBlobs:
        """The client knows a store by the place it was given on its command line."""
        place = cache.attributes.get("src", "") or cache.attributes.get("dest", "")
        if not place:
            raise Invalid("a cache of kind local wants src or dest")
        top = cache.attributes.get("digest", "")
        return ClientBlobs(self._session, f"local:{place}", top, self.manifests.append)

    def layout(self, where: str) -> ClientBlobs:
        """The client has said the digest, which it alone can know of a tag."""
        store, _, digest = layouts.split(where)
        if not digest:
            raise Invalid(f"{where}: clients name an image of an OCI layout by digest")
        return ClientBlobs(self._session, f"oci:{store}", digest)

    async def receive(self, output: Output, pieces: AsyncIterator[bytes]) -> None:
        await files.send_archive(self._session, output.id, pieces)

    async def receive_tree(self, output: Output, root: Path) -> None:
        await files.send_tree(self._session, output.id, root)
