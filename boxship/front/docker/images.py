"""Docker Engine API, /images and /commit. Names may hold slashes, so routes end in what tells them apart."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from boxship.base import codec
from boxship.base.errors import Invalid, Unsupported
from boxship.engine.images import Images, download, manifest, reference
from boxship.engine.images.attested import carried
from boxship.engine.images.config import parse_settings
from boxship.engine.images.making import CommitWish, ImportWish, check
from boxship.front.docker import registries
from boxship.front.docker.keys import CLOCK, COMMITS, IMAGES
from boxship.front.docker.wire import images as wire
from boxship.front.docker.wire import imageselect, platforms
from boxship.front.rest import body, filters, jsonstream, query, versions
from boxship.model.image import Image

routes = web.RouteTableDef()
PROGRESS_PERIOD = 0.1  # seconds between two progress lines of one layer


@routes.get("/images/json")
async def listing(request: web.Request) -> web.Response:
    images, version = request.app[IMAGES], versions.of(request)
    asked = filters.of(request, imageselect.LIST_KEYS)
    if version < (1, 41) and request.query.get("filter"):
        asked = filters.Filters({"reference": (request.query["filter"],)})  # the old form of it, alone
    wanted = imageselect.Query(
        filters=asked,
        all=query.boolean(request, "all"),
        before=_image_of(request, asked, "before"),
        since=_image_of(request, asked, "since"),
        parents=frozenset(images.parents()),
        now=request.app[CLOCK].now(),
    )
    shared = images.shared_sizes() if query.boolean(request, "shared-size") else {}
    found = imageselect.select(images.all(), wanted)
    shown = [wire.summary(image, version, shared_size=shared.get(image.id, -1)) for image in found]
    if version >= (1, 47) and query.boolean(request, "manifests"):
        shown = [
            {**entry, "Manifests": await _manifests(images, image)} for entry, image in zip(shown, found, strict=True)
        ]
    return body.reply(shown)


async def _manifests(images: Images, image: Image) -> list[dict[str, Any]]:
    """One for each platform under the image's names, then those of what is stated about them."""
    found, statements = [], []
    for each in images.siblings(image):
        users = [container.id for container in images.users(each.id)]
        known = images.manifest(each)
        member = (await images.whole(each)).main
        found.append(wire.manifest(each, known, len(member.raw), users))
        if member.statements:
            statements.append(wire.attestation(carried(member, wire.descriptor(known)), known))
    return [*found, *statements]


def _image_of(request: web.Request, asked: filters.Filters, key: str) -> Image | None:
    name = asked.one(key)
    return None if name is None else request.app[IMAGES].get(name)


@routes.get("/images/get")
async def save_many(request: web.Request) -> web.StreamResponse:
    """`names`, repeatable; commas part names too."""
    names = [name for value in query.many(request, "names") for name in value.split(",") if name]
    return await _save(request, names)


@routes.get("/images/{name:.+}/get")
async def save_one(request: web.Request) -> web.StreamResponse:
    return await _save(request, [request.match_info["name"]])


async def _save(request: web.Request, names: list[str]) -> web.StreamResponse:
    if not names:
        raise Invalid("no images to save: names is empty")
    images, platform = request.app[IMAGES], platforms.one(query.many(request, "platform"))
    if platform is not None:
        for name in names:
            images.get_for(name, platform)
    pieces = await images.save(names)
    return await body.archive(request, pieces)


@routes.get("/images/{name:.+}/json")
async def show(request: web.Request) -> web.Response:
    images, version = request.app[IMAGES], versions.of(request)
    platform = platforms.parse(request.query.get("platform", ""))
    with_manifests = version >= (1, 48) and query.boolean(request, "manifests")
    if with_manifests and platform is not None:
        raise Invalid("conflicting options: manifests and platform options cannot both be set")
    image = images.get_for(request.match_info["name"], platform)
    shown = wire.render(image, images.lowers(image), images.document(image.id), version)
    if version >= (1, 48):
        shown["Descriptor"] = wire.descriptor(images.manifest(image))
    return body.reply({**shown, "Manifests": await _manifests(images, image)} if with_manifests else shown)


@routes.get("/images/{name:.+}/history")
async def history(request: web.Request) -> web.Response:
    images = request.app[IMAGES]
    image = images.get_for(request.match_info["name"], platforms.parse(request.query.get("platform", "")))
    return body.reply(wire.history(image, images.layer_sizes(image), images.find))


@routes.post("/images/prune")
async def prune(request: web.Request) -> web.Response:
    """Images without a name, unless the filter `dangling` is false."""
    asked = filters.of(request, imageselect.PRUNE_KEYS)
    wanted = imageselect.prunable(asked, request.app[CLOCK].now())
    done, reclaimed = await request.app[IMAGES].prune(wanted, dangling=asked.boolean("dangling", True))
    return body.reply({"ImagesDeleted": done or None, "SpaceReclaimed": reclaimed})


@routes.post("/images/{name:.+}/tag")
async def tag(request: web.Request) -> web.Response:
    repository, name = request.query.get("repo", ""), request.query.get("tag", "")
    await request.app[IMAGES].tag(request.match_info["name"], repository, name)
    return web.Response(status=201)


@routes.delete("/images/{name:.+}")
async def remove(request: web.Request) -> web.Response:
    name, platform = request.match_info["name"], platforms.one(query.many(request, "platforms"))
    request.app[IMAGES].get_for(name, platform)
    if platform is not None and len(request.app[IMAGES].members(name)) > 1:
        raise Unsupported(f"{name} stands for several platforms, and they go together: remove it without a platform")
    done = await request.app[IMAGES].remove(
        request.match_info["name"],
        force=query.boolean(request, "force"),
        prune=not query.boolean(request, "noprune"),
    )
    return body.reply(done)


@routes.post("/images/create")
async def create(request: web.Request) -> web.StreamResponse:
    """Pull with `fromImage`, import with `fromSrc`."""
    if request.query.get("fromImage"):
        return await registries.pull(request)
    source = request.query.get("fromSrc", "")
    if not source:
        raise Invalid("one of fromImage and fromSrc must be given")
    named = _reference(request.query.get("repo", ""), request.query.get("tag", ""))
    wish = ImportWish(
        reference=named,
        platform=manifest.wanted_platform(request.query.get("platform", "")),
        changes=query.many(request, "changes"),
        message=request.query.get("message", ""),
        source=source,
    )
    check(wish)
    async with _source(request, source) as pieces, jsonstream.open(request) as out:
        if source != "-":
            await out.send({"status": f"Downloading from {source}"})
        image = await request.app[IMAGES].import_(pieces, wish)
        await out.send({"status": image.id})
    return out.response


@asynccontextmanager
async def _source(request: web.Request, source: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """Give the archive to import: the request's body for "-", else what an address answers with."""
    if source == "-":
        yield request.content.iter_any()
        return
    async with download.opened(source) as pieces:
        yield pieces


@routes.post("/images/load")
async def load(request: web.Request) -> web.StreamResponse:
    """`quiet` leaves out progress."""
    quiet = query.boolean(request, "quiet")
    platform = platforms.one(query.many(request, "platform"))
    async with jsonstream.open(request) as out, registries.Lines(out) as lines:
        steps = _Steps(lines.tell, quiet)
        for line in await request.app[IMAGES].load(request.content.iter_any(), steps.note, platform):
            lines.tell({"stream": line})
    return out.response


class _Steps:
    """Progress of layers being loaded, told from a thread, passed on now and then."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], quiet: bool) -> None:
        self._tell = tell
        self._quiet = quiet
        self._shown: dict[str, float] = {}

    def note(self, layer: str, current: int, total: int) -> None:
        now = time.monotonic()
        due = self._shown.get(layer, 0) + PROGRESS_PERIOD
        if not self._quiet and (now >= due or current == total):
            self._shown[layer] = now
            detail = {"current": current, "total": total}
            self._tell({"status": "Loading layer", "progressDetail": detail, "id": layer})


@routes.post("/commit")
async def commit(request: web.Request) -> web.Response:
    """The body may hold a container's Config whose settings outweigh the container's own."""
    text = (await request.read()).strip()
    config = codec.decode(text, dict[str, Any]) if text not in (b"", b"null") else {}
    wish = CommitWish(
        reference=_reference(request.query.get("repo", ""), request.query.get("tag", "")),
        config=parse_settings(config),
        comment=request.query.get("comment", ""),
        author=request.query.get("author", ""),
        pause=query.boolean(request, "pause", True),
        changes=query.many(request, "changes"),
    )
    image = await request.app[COMMITS].commit(request.query.get("container", ""), wish)
    return body.reply({"Id": image.id}, status=201)


def _reference(repository: str, tag_name: str) -> reference.Reference | None:
    """Return the name for a new image, None without one. Raises Invalid."""
    if not repository:
        return None
    named = reference.parse(repository)
    if named.digest:
        raise Invalid("cannot import digest reference")
    return named.with_tag(tag_name) if tag_name else named.with_default_tag()
