"""Docker Engine API, what goes to registries: pull, push, search, distribution, login. Credentials are never shown."""

import asyncio
from typing import Any

from aiohttp import web

from boxship.base.errors import Invalid, NotFound
from boxship.engine.images import manifest
from boxship.engine.images.reference import Reference, parse
from boxship.engine.images.registry.auth import Credentials, parse_credentials, parse_header
from boxship.engine.images.registry.pull import Tell, Wanted
from boxship.front.docker.keys import REGISTRIES
from boxship.front.docker.wire import images as wire
from boxship.front.docker.wire import platforms
from boxship.front.rest import body, filters, jsonstream, query

routes = web.RouteTableDef()
SEARCH_KEYS = frozenset(("is-automated", "is-official", "stars"))
AUTH = "X-Registry-Auth"


class Lines:
    """Progress on its way to a client. May be told from any thread; keeps the order."""

    def __init__(self, out: jsonstream.JsonStream) -> None:
        self._out = out
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._writing: asyncio.Task[None] | None = None

    def tell(self, told: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, told)

    async def __aenter__(self) -> "Lines":
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
        assert self._writing is not None
        await self._writing

    async def _write(self) -> None:
        while (told := await self._queue.get()) is not None:
            await self._out.send(wire.line(told))


def _credentials(request: web.Request) -> Credentials:
    return parse_header(request.headers.get(AUTH, ""))


async def pull(request: web.Request) -> web.StreamResponse:
    """`fromImage` with `tag`, which may be a digest; without a tag, all of them."""
    registries, who = request.app[REGISTRIES], _credentials(request)
    platform = manifest.wanted_platform(request.query.get("platform", ""))
    reference = _asked(request.query["fromImage"], request.query.get("tag", ""))
    tags = await registries.tags(reference, who) if reference.is_name_only else [reference.tag]
    wanted = [reference.with_tag(tag) if reference.is_name_only else reference for tag in tags]
    if not wanted:
        raise Invalid(f"{reference.familiar_name} has no tags")
    first = await registries.find(wanted[0], platform, who)  # what fails here is answered with a status of its own
    async with jsonstream.open(request) as out, Lines(out) as lines:
        for number, each in enumerate(wanted):
            found = first if number == 0 else await registries.find(each, platform, who)
            try:
                await found.run(lines.tell)
                if request.query.get("platform"):
                    _warn(found.wanted, platform, lines.tell)
            finally:
                await found.aclose()
    return out.response


def _warn(pulled: Wanted, platform: manifest.Platform, tell: Tell) -> None:
    """A registry with one image under a name gives it whatever platform is asked for."""
    try:
        manifest.check_platform(pulled.image, platform, pulled.reference.familiar)
    except NotFound as e:
        tell({"status": f"WARNING: {e}"})


def _asked(name: str, tag: str) -> Reference:
    reference = parse(name)
    if not tag:
        return reference
    return reference.with_digest(tag) if ":" in tag else reference.with_tag(tag)


@routes.post("/images/{name:.+}/push")
async def push(request: web.Request) -> web.StreamResponse:
    """`tag`; without one, all tags of the repository."""
    reference = parse(request.match_info["name"])
    if request.query.get("tag"):
        reference = reference.with_tag(request.query["tag"])
    platform = platforms.parse(request.query.get("platform", ""))
    async with request.app[REGISTRIES].push(reference, _credentials(request), platform) as run:
        async with jsonstream.open(request) as out, Lines(out) as lines:
            await run(lines.tell)
    return out.response


@routes.get("/images/search")
async def search(request: web.Request) -> web.Response:
    asked = filters.of(request, SEARCH_KEYS)
    limit = query.number(request, "limit") or 0
    if limit < 0 or limit > 100:
        raise Invalid(f"limit {limit} is outside the range of [1, 100]")
    term = request.query.get("term", "")
    if not term:
        raise Invalid("search term is empty")
    found = await request.app[REGISTRIES].search(term, limit, _credentials(request))
    return body.reply([result for result in found if _is_wanted(result, asked)])


def _is_wanted(result: dict[str, Any], asked: filters.Filters) -> bool:
    for key in ("is-automated", "is-official"):
        if key in asked and asked.boolean(key) != bool(result.get(key.replace("-", "_"))):
            return False
    stars = max((int(value) for value in asked.get("stars") if value.isdecimal()), default=0)
    return int(result.get("star_count") or 0) >= stars


@routes.get("/distribution/{name:.+}/json")
async def distribution(request: web.Request) -> web.Response:
    reference = parse(request.match_info["name"]).with_default_tag()
    return body.reply(await request.app[REGISTRIES].inspect(reference, _credentials(request)))


@routes.post("/auth")
async def login(request: web.Request) -> web.Response:
    """200 once the registry has let the user in. Raises Unauthorized."""
    token = await request.app[REGISTRIES].login(parse_credentials(await body.read(request)))
    return body.reply({"IdentityToken": token, "Status": "Login Succeeded"})
