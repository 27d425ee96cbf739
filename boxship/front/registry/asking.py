"""What all routes ask of a request: names, the place they lead to, bodies."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import web

from boxship.engine.registry.access import ANONYMOUS
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.hooks import Happening
from boxship.engine.registry.mirror import Place
from boxship.engine.registry.names import check_name
from boxship.front.registry.door import USER
from boxship.front.registry.keys import DOOR, HOOKS, METRICS, MIRROR

PAGE_LIMIT = 10_000


async def pull_place(request: web.Request) -> Place:
    """Return where a request reads from, once it may. Raises Fault: NAME_INVALID, UNAUTHORIZED, DENIED."""
    name = check_name(request.match_info["name"])
    place = request.app[MIRROR].locate(name, request.query.get("ns", ""))
    await request.app[DOOR].admit(request, place.repository, "pull")
    return place


async def own_place(request: web.Request, *actions: str) -> str:
    """Return the repository that a request writes to, once it may. Raises Fault, DENIED for those of upstreams."""
    name = check_name(request.match_info["name"])
    await request.app[DOOR].admit(request, name, *actions)
    place = request.app[MIRROR].locate(name)
    if place.repository == name and place.upstream is not None and "push" in actions:
        raise Fault("DENIED", f"{place.upstream.prefix} is a cache of {place.upstream.url}: push there")
    return name


def length_of(request: web.Request) -> int | None:
    """Return the body's length, None where it is not told beforehand."""
    return request.content_length


def pieces(request: web.Request) -> AsyncIterator[bytes]:
    """Return the body as it comes; a broken connection ends it by an error."""
    return _counted(request)


async def _counted(request: web.Request) -> AsyncIterator[bytes]:
    received = request.app[METRICS].received
    async for piece in request.content.iter_any():
        received.inc(len(piece))
        yield piece


def page(request: web.Request) -> tuple[str, int]:
    """Return behind which name a page begins, and how many it may hold, -1 for all. Raises Fault."""
    text = request.query.get("n", "")
    if not text:
        return request.query.get("last", ""), -1
    if not text.isdecimal() or len(text) > 9:
        raise Fault("PAGINATION_NUMBER_INVALID", "invalid number of results requested", detail={"n": text[:20]})
    return request.query.get("last", ""), min(int(text), PAGE_LIMIT)


def cut(request: web.Request, names: list[str], limit: int) -> tuple[list[str], dict[str, str]]:
    """Return a page of names, of which one more than `limit` was asked for, and the headers that lead on."""
    if limit < 0 or len(names) <= limit or limit == 0:
        return names[: max(limit, 0)] if limit >= 0 else names, {}
    shown = names[:limit]
    return shown, {"Link": f'<{request.path}?n={limit}&last={quote(shown[-1], safe="")}>; rel="next"'}


async def tell(request: web.Request, happening: Happening) -> None:
    """Tell webhooks, if one wants it. `happening` needs not say who asked."""
    hooks = request.app[HOOKS]
    if not hooks.wants(happening.action):
        return
    said = {
        "user": request.get(USER, ANONYMOUS),
        "address": request.remote or "",
        "method": request.method,
        "agent": request.headers.get("User-Agent", ""),
        "url": f"{request.scheme}://{request.host}{happening.url}",
    }
    known = {name: getattr(happening, name) for name in happening.__slots__}
    await hooks.tell(Happening(**{**known, **said}))
