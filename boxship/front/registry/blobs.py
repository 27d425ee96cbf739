"""Blobs: fetch, ask for, delete. OCI distribution-spec 1.1, end-2 and end-10."""

from aiohttp import web

from boxship.engine.registry.content import Blob
from boxship.engine.registry.hooks import Happening
from boxship.engine.registry.mirror import Fetch, Place
from boxship.engine.registry.names import check_digest
from boxship.front.registry import asking, ranges, sending
from boxship.front.registry.keys import METRICS, MIRROR, REGISTRY

PATH = "/v2/{name:.+}/blobs/{digest:[^/]+}"
routes = web.RouteTableDef()


def _headers(digest: str) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
        "Etag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000",
    }


@routes.head(PATH)
async def ask(request: web.Request) -> web.StreamResponse:
    """200 promises that the blob stays for as long as a push may take."""
    place = await asking.pull_place(request)
    digest = check_digest(request.match_info["digest"])
    content = request.app[REGISTRY].content
    if place.upstream is not None and content.find(place.repository, digest) is None:
        size = await request.app[MIRROR].size(place, digest)
    else:
        size = (await content.promise(place.repository, digest)).size
    return web.Response(headers={**_headers(digest), "Content-Length": str(size)})


@routes.get(PATH, allow_head=False)
async def fetch(request: web.Request) -> web.StreamResponse:
    place = await asking.pull_place(request)
    digest = check_digest(request.match_info["digest"])
    if request.headers.get("If-None-Match") == f'"{digest}"':
        request.app[REGISTRY].content.get(place.repository, digest)
        return web.Response(status=304, headers={"Etag": f'"{digest}"'})
    found = await request.app[MIRROR].blob(place, digest)
    if isinstance(found, Fetch):
        response = await _relay(request, place, found)
    else:
        response = await _send(request, found)
    request.app[METRICS].sent.inc(response.content_length or 0)
    return response


async def _send(request: web.Request, blob: Blob) -> web.StreamResponse:
    span = ranges.wanted(request.headers.get("Range", ""), blob.size)
    content = request.app[REGISTRY].content
    return await sending.send_blob(request, content, blob, _headers(blob.digest), span)


async def _relay(request: web.Request, place: Place, fetch: Fetch) -> web.StreamResponse:
    """Send what an upstream sends us, as it comes. A Range waits for the whole."""
    if "Range" in request.headers:
        assert fetch.task is not None
        return await _send(request, await fetch.task)
    follow = request.app[MIRROR].follow(place, fetch)
    return await sending.send_stream(request, follow, _headers(fetch.digest), (0, fetch.size, fetch.size))


@routes.delete(PATH)
async def delete(request: web.Request) -> web.Response:
    """202. Refused while a manifest of the repository uses the blob."""
    name = await asking.own_place(request, "delete")
    digest = check_digest(request.match_info["digest"])
    await request.app[REGISTRY].content.delete(name, digest)
    await asking.tell(request, Happening(action="delete", repository=name, digest=digest))
    return web.Response(status=202)
