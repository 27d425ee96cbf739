"""Lists: tags, repositories, referrers, and the search that `docker search` asks for."""

from typing import Any

from aiohttp import web

from boxship.base.codec import encode
from boxship.engine.images.manifest import OCI_INDEX
from boxship.engine.registry.access import ANONYMOUS
from boxship.engine.registry.names import check_digest
from boxship.front.registry import asking
from boxship.front.registry.door import USER
from boxship.front.registry.keys import DOOR, REGISTRY

SEARCH_PAGE = 25
SEARCH_LIMIT = 100
routes = web.RouteTableDef()


def reply(document: Any, headers: dict[str, str] | None = None, kind: str = "application/json") -> web.Response:
    return web.Response(body=encode(document), headers={"Content-Type": kind, **(headers or {})})


@routes.get("/v2/")
@routes.get("/v2")
async def version(request: web.Request) -> web.Response:
    """200 tells clients that we speak the protocol and, where one can log in, that they have."""
    await request.app[DOOR].enter(request)
    return reply({})


@routes.get("/v2/_catalog")
async def catalog(request: web.Request) -> web.Response:
    await request.app[DOOR].admit(request, "", "catalog")
    last, limit = asking.page(request)
    names = request.app[REGISTRY].catalog.repositories(last, limit + 1 if limit >= 0 else -1)
    shown, headers = asking.cut(request, names, limit)
    return reply({"repositories": shown}, headers)


@routes.get("/v2/{name:.+}/tags/list")
async def tags(request: web.Request) -> web.Response:
    place = await asking.pull_place(request)
    last, limit = asking.page(request)
    names = request.app[REGISTRY].catalog.tags(place.repository, last, limit + 1 if limit >= 0 else -1)
    shown, headers = asking.cut(request, names, limit)
    return reply({"name": request.match_info["name"], "tags": shown}, headers)


@routes.get("/v2/{name:.+}/referrers/{digest:[^/]+}")
async def referrers(request: web.Request) -> web.Response:
    """An index, empty for a subject that nobody refers to or that is not here. OCI distribution-spec 1.1, end-12."""
    place = await asking.pull_place(request)
    digest = check_digest(request.match_info["digest"])
    kind = request.query.get("artifactType", "")
    found = request.app[REGISTRY].catalog.referrers(place.repository, digest, kind)
    headers = {"OCI-Filters-Applied": "artifactType"} if kind else {}
    return reply({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}, headers, OCI_INDEX)


@routes.get("/v1/_ping")
async def ping(_: web.Request) -> web.Response:
    """Asked before a search by dockerd."""
    return reply(True, {"X-Docker-Registry-Version": "0.6.0", "X-Docker-Registry-Standalone": "true"})


@routes.get("/v1/search")
async def search(request: web.Request) -> web.Response:
    """Repositories whose name holds `q`, as Docker's first index told them. Shows only what the asker may pull."""
    door = request.app[DOOR]
    user = await door.user(request)
    if door.passwords is not None and user == ANONYMOUS and not door.rights.allows(ANONYMOUS, "", "catalog"):
        raise door.challenge(request, "", ())
    request[USER] = user
    term = request.query.get("q", "")
    size = _number(request, "n", SEARCH_PAGE, SEARCH_LIMIT)
    number = _number(request, "page", 1, 1 << 20)
    total, names = request.app[REGISTRY].catalog.search(term, size, (number - 1) * size)
    found = [name for name in names if door.rights.allows(user, name, "pull")]
    return reply(
        {
            "query": term,
            "num_results": total,
            "num_pages": -(-total // size),
            "page": number,
            "page_size": size,
            "results": [_result(name) for name in found],
        }
    )


def _number(request: web.Request, key: str, default: int, most: int) -> int:
    text = request.query.get(key, "")
    return max(1, min(int(text), most)) if text.isdecimal() and len(text) < 9 else default


def _result(name: str) -> dict[str, Any]:
    return {"name": name, "description": "", "star_count": 0, "is_official": False, "is_automated": False,
            "is_trusted": False}  # fmt: skip
