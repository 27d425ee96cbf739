"""Pull, push, search and ask registries. Which address answers is tried here; what is said is in client.py."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from boxship.base.clock import Clock
from boxship.base.codec import decode
from boxship.base.errors import Forbidden, Invalid, NotFound, PlatformError, Unauthorized
from boxship.engine.events import Events
from boxship.engine.images import manifest as manifests
from boxship.engine.images.config import digest_of
from boxship.engine.images.manifest import Descriptor, Platform
from boxship.engine.images.reference import Reference, parse
from boxship.engine.images.registry import artifacts
from boxship.engine.images.registry.artifacts import Artifact
from boxship.engine.images.registry.auth import NOBODY, Credentials, scope_of
from boxship.engine.images.registry.blobs import Repository
from boxship.engine.images.registry.client import Client, Unreachable
from boxship.engine.images.registry.hosts import DOCKER_HUB, HUB_ACCOUNT, RegistryOptions, endpoints
from boxship.engine.images.registry.pull import ACCEPT, Tell, Wanted, fetch, look_up
from boxship.engine.images.registry.push import Pusher
from boxship.engine.images.service import Images
from boxship.model.image import Image

T = TypeVar("T")
SEARCH_LIMIT = 25


class Pull:
    """A pull whose image has been found; `run` brings the rest. Must be closed."""

    def __init__(self, client: Client, wanted: Wanted, images: Images, events: Events, concurrency: int) -> None:
        self._client = client
        self._images = images
        self._events = events
        self._concurrency = concurrency
        self.wanted = wanted

    async def run(self, tell: Tell, *, tag: bool = True) -> Image:
        """Bring what is missing and name it; `tell` gets Docker's lines. A failure leaves no image.
        tag: name it as asked; else it is known by the digest of its own manifest only."""
        wanted, reference = self.wanted, self.wanted.reference
        tell({"status": f"Pulling from {reference.path}", "id": reference.tag or reference.digest})
        known = self._images.find(reference.familiar)
        here = self._images.find(wanted.image.id) is not None
        staged = [] if here else await fetch(self._client, wanted, self._images, tell, self._concurrency)
        try:
            image = await self._images.adopt(wanted.raw, staged, manifest=wanted.described)
        finally:
            for layer in staged:
                self._images.discard(layer)
        digest = wanted.digest if tag else wanted.described.digest
        await self._images.point(reference.with_digest(digest), image.id)
        if tag and reference.tag and not reference.digest:
            await self._images.point(reference, image.id)
        self._announce(reference, image.config.labels)
        tell({"status": f"Digest: {wanted.digest}"})
        old = known is not None and known.id == image.id
        said = "Image is up to date" if old else "Downloaded newer image"
        tell({"status": f"Status: {said} for {reference.familiar}"})
        return self._images.find(image.id) or image

    def _announce(self, reference: Reference, labels: dict[str, str]) -> None:
        self._events.publish("image", "pull", reference.familiar, {**labels, "name": reference.familiar_name})

    async def aclose(self) -> None:
        await self._client.aclose()


class Registries:
    """options: may be replaced at any time; what runs goes on with the old ones."""

    def __init__(self, images: Images, events: Events, options: RegistryOptions, clock: Clock) -> None:
        self._images = images
        self._clock = clock
        self._events = events
        self.options = options

    async def find(self, reference: Reference, platform: Platform, credentials: Credentials = NOBODY) -> Pull:
        """Return a pull that is ready to run. Raises NotFound, Unauthorized, … with dockerd's sentences."""
        client, wanted = await self._first(
            reference, credentials, lambda client: look_up(client, reference, platform, self._images), push=False
        )
        return Pull(client, wanted, self._images, self._events, self.options.downloads)

    async def tags(self, reference: Reference, credentials: Credentials = NOBODY) -> list[str]:
        """Return all tags of a repository, for `pull --all-tags`."""

        async def ask(client: Client) -> list[str]:
            try:
                body, _, _ = await client.document(f"/v2/{reference.path}/tags/list")
            except NotFound as e:
                raise NotFound(f"repository {reference.familiar_name} not found: {e}") from e
            return [str(tag) for tag in decode(body, dict[str, Any]).get("tags") or []]

        client, tags = await self._first(reference, credentials, ask, push=False)
        await client.aclose()
        return tags

    async def _first(
        self, reference: Reference, credentials: Credentials, work: Callable[[Client], Awaitable[T]], *, push: bool
    ) -> tuple[Client, T]:
        """Do `work` at the first address that answers; return that client, open, and the result."""
        failure: PlatformError | None = None
        for endpoint in endpoints(reference.domain, self.options, mirrors=not push):
            who = NOBODY if endpoint.is_mirror else credentials
            client = Client(endpoint, who, scope_of(reference.path, push=push), self.options.certificates)
            client.attempts = self.options.attempts
            try:
                return client, await work(client)
            except BaseException as e:
                await client.aclose()
                if not isinstance(e, Unreachable) and not (endpoint.is_mirror and isinstance(e, PlatformError)):
                    raise (e if push else _denied(e, reference)) from e.__cause__
                failure = failure if endpoint.base.startswith("http:") and failure else e
        assert failure is not None
        raise failure

    async def reach(self, reference: Reference, credentials: Credentials, *, push: bool) -> Client:
        """Return a client that the registry of `reference` has let in; it must be closed. push: to write there.
        Raises Unreachable, Unauthorized."""
        client, _ = await self._first(reference, credentials, Client.check, push=push)
        return client

    @asynccontextmanager
    async def push(
        self,
        reference: Reference,
        credentials: Credentials,
        platform: Platform | None = None,
    ) -> AsyncIterator[Callable[[Tell], Awaitable[None]]]:
        """Give a function that pushes what is named: one tag, or all of a repository, and says in its own time when
        there is none. platform: bring of an index only the image of this one. Raises NotFound when there is none."""
        references = [reference] if reference.tag else self._images.tags_of(reference.name)
        if reference.digest:
            raise Invalid("cannot push a digest reference")
        for each in references:
            image = self._images.named(each)
            if image is not None:
                self._images.get_for(each.familiar, platform)

        async def ready(client: Client) -> None:
            await client.check()

        async def run(tell: Tell) -> None:
            tell({"status": f"The push refers to repository [{reference.name}]"})
            if not references or any(self._images.named(each) is None for each in references):
                raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")
            client, _ = await self._first(reference, credentials, ready, push=True)
            try:
                for each in references:
                    await self._push_one(client, each, tell, platform)
            finally:
                await client.aclose()

        yield run

    async def _push_one(self, client: Client, reference: Reference, tell: Tell, platform: Platform | None) -> None:
        image = self._images.named(reference)
        if image is None:
            raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")
        whole = await self._images.whole(image, reference)
        if platform is not None:
            whole = await self._images.whole(self._images.get_for(reference.familiar, platform))
        pusher = Pusher(client, reference, self._images, tell)
        top, pushed = await pusher.push(whole, self.options.uploads)
        digest, size = top.digest, top.size
        members = tuple(member.image.id for member in whole.members)
        await self._images.point(reference.with_digest(digest), whole.main.image.id, members)
        for image_id, found in pushed.items():
            await self._images.describe(image_id, found)
        tell({"status": f"{reference.tag}: digest: {digest} size: {size}"})
        tell({"progressDetail": {}, "aux": {"Tag": reference.tag, "Digest": digest, "Size": size}})
        self._events.publish(
            "image", "push", reference.familiar, {**image.config.labels, "name": reference.familiar_name}
        )

    @asynccontextmanager
    async def repository(
        self, reference: Reference, credentials: Credentials = NOBODY, *, push: bool = False
    ) -> AsyncIterator[Repository]:
        """Give a repository as a store of content. Raises Unauthorized, Unreachable, …"""

        async def ready(client: Client) -> None:
            await client.check()

        client, _ = await self._first(reference, credentials, ready, push=push)
        try:
            yield Repository(client, reference)
        finally:
            await client.aclose()

    async def login(self, credentials: Credentials) -> str:
        """Return a refresh token to keep in place of the password, "" if the registry gives none.
        Raises Unauthorized when it does not take the credentials."""
        server = credentials.server or HUB_ACCOUNT
        domain = DOCKER_HUB if server == HUB_ACCOUNT else server.partition("://")[2] or server
        domain = domain.partition("/")[0]

        async def ask(client: Client) -> str:
            client.offline = True
            await client.check()
            return client.refresh_token

        client, token = await self._first(Reference(domain, ""), credentials, ask, push=True)
        await client.aclose()
        return token

    async def inspect(self, reference: Reference, credentials: Credentials = NOBODY) -> dict[str, Any]:
        """Return Docker's DistributionInspect of what a name stands for."""

        async def ask(client: Client) -> dict[str, Any]:
            name = reference.digest or reference.tag
            raw, kind, _ = await client.document(f"/v2/{reference.path}/manifests/{name}", ACCEPT)
            descriptor = {"mediaType": kind, "digest": digest_of(raw), "size": len(raw)}
            if kind in manifests.INDEXES:
                platforms = [_platform(d) for d in manifests.parse_index(raw).manifests if d.platform]
            else:
                digest = manifests.parse_manifest(raw).config.digest
                config = decode((await client.document(f"/v2/{reference.path}/blobs/{digest}"))[0], dict[str, Any])
                platforms = [{k: config[k] for k in ("architecture", "os", "variant") if config.get(k)}]
            return {"Descriptor": descriptor, "Platforms": platforms}

        client, found = await self._first(reference, credentials, ask, push=False)
        await client.aclose()
        return found

    async def artifact(self, reference: Reference, credentials: Credentials = NOBODY) -> tuple[str, Artifact]:
        """Return digest and content of an artifact that is no image."""
        client, found = await self._first(
            reference, credentials, lambda client: artifacts.pull(client, reference), push=False
        )
        await client.aclose()
        return found

    async def publish(self, reference: Reference, artifact: Artifact, credentials: Credentials) -> str:
        """Push an artifact; return its digest."""
        artifacts.check(reference, artifact.parts)
        whole = artifacts.stamped(artifact, self._clock.now())
        client, digest = await self._first(
            reference, credentials, lambda client: artifacts.push(client, reference, whole), push=True
        )
        await client.aclose()
        return digest

    async def search(self, term: str, limit: int, credentials: Credentials = NOBODY) -> list[dict[str, Any]]:
        """Return a registry's answer to a search; `host/term` asks that host."""
        domain, term = _searched(term)
        path = f"/v1/search?q={quote(term)}&n={limit or SEARCH_LIMIT}"

        async def ask(client: Client) -> list[dict[str, Any]]:
            body, _, _ = await client.document(path)
            results = decode(body, dict[str, Any]).get("results") or []
            return [result for result in results if isinstance(result, dict)][: limit or SEARCH_LIMIT]

        client, found = await self._first(Reference(domain, ""), credentials, ask, push=False)
        await client.aclose()
        return found


def _searched(term: str) -> tuple[str, str]:
    if "/" in term:
        reference = parse(term.lower())
        if reference.domain != DOCKER_HUB:
            return reference.domain, reference.path
    return "index.docker.io", term


def _platform(descriptor: Descriptor) -> dict[str, str]:
    found = descriptor.platform or Platform()
    fields = {"architecture": found.architecture, "os": found.os, "variant": found.variant}
    return {key: value for key, value in fields.items() if value}


def _denied(error: BaseException, reference: Reference) -> BaseException:
    """Return the error of a pull in dockerd's words; a registry does not tell what is not there from what is secret."""
    if not isinstance(error, (Unauthorized, Forbidden)) or not reference.path:
        return error
    return NotFound(
        f"pull access denied for {reference.familiar_name}, repository does not exist or may require 'docker login': "
        f"{error}"
    )
