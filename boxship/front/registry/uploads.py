"""Uploads of blobs: at once, streamed, in chunks, resumed, or taken over from another repository.

OCI distribution-spec 1.1, end-4a to end-6, end-11 to end-14.
"""

from aiohttp import web

from boxship.engine.registry.content import Blob
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.hooks import Happening
from boxship.engine.registry.names import check_digest, check_name, is_digest
from boxship.front.registry import asking, ranges
from boxship.front.registry.keys import DOOR, REGISTRY

PATH = "/v2/{name:.+}/blobs/uploads/{upload:[^/]+}"
routes = web.RouteTableDef()


@routes.post("/v2/{name:.+}/blobs/uploads/")
@routes.post("/v2/{name:.+}/blobs/uploads")
async def begin(request: web.Request) -> web.Response:
    """202 with a place to send bytes to; 201 when the blob came along or could be mounted."""
    name = await asking.own_place(request, "push", "pull")
    content = request.app[REGISTRY].content
    if (wanted := request.query.get("mount")) is not None and await _mounted(request, name, wanted):
        return await _created(request, name, check_digest(wanted), "mount")
    upload = content.uploads.begin(name)
    if (digest := request.query.get("digest")) is None:
        return _accepted(name, upload, 0)
    check_digest(digest)
    await content.uploads.append(name, upload, asking.pieces(request))
    blob = await content.commit(name, upload, digest)
    return await _created(request, name, blob.digest, "push", blob.size)


async def _mounted(request: web.Request, name: str, digest: str) -> bool:
    """A mount that cannot be is no error: the client sends the bytes then."""
    source = request.query.get("from", "")
    if not is_digest(digest) or not source:
        return False
    try:
        await request.app[DOOR].admit(request, check_name(source), "pull")
    except Fault:
        return False
    return await request.app[REGISTRY].content.mount(name, digest, source)


@routes.patch(PATH)
async def send(request: web.Request) -> web.Response:
    """202 with how much has come; 416 when the chunk does not begin at the end of that."""
    name, upload = await _upload(request)
    start = ranges.sent(request.headers.get("Content-Range", ""), asking.length_of(request))
    return _accepted(name, upload, await _append(request, name, upload, start))


async def _append(request: web.Request, name: str, upload: str, start: int | None) -> int:
    uploads = request.app[REGISTRY].content.uploads
    try:
        return await uploads.append(name, upload, asking.pieces(request), start)
    except Fault as fault:
        if fault.code == "RANGE_INVALID":
            fault.headers.update(_whereabouts(name, upload, uploads.size(name, upload)))
        raise


@routes.put(PATH)
async def finish(request: web.Request) -> web.Response:
    """201 once the blob is whole, verified and safe; the last chunk may come along."""
    name, upload = await _upload(request)
    digest = check_digest(request.query.get("digest", ""))
    start = ranges.sent(request.headers.get("Content-Range", ""), asking.length_of(request))
    if request.body_exists:
        await _append(request, name, upload, start)
    blob: Blob = await request.app[REGISTRY].content.commit(name, upload, digest)
    return await _created(request, name, digest, "push", blob.size)


@routes.get(PATH)
async def status(request: web.Request) -> web.Response:
    """204 with how much has come."""
    name, upload = await _upload(request)
    size = request.app[REGISTRY].content.uploads.size(name, upload)
    return web.Response(status=204, headers=_whereabouts(name, upload, size))


@routes.delete(PATH)
async def cancel(request: web.Request) -> web.Response:
    name, upload = await _upload(request)
    await request.app[REGISTRY].content.uploads.cancel(name, upload)
    return web.Response(status=204)


async def _upload(request: web.Request) -> tuple[str, str]:
    return await asking.own_place(request, "push", "pull"), request.match_info["upload"]


def _whereabouts(name: str, upload: str, size: int) -> dict[str, str]:
    return {
        "Location": f"/v2/{name}/blobs/uploads/{upload}",
        "Range": ranges.held(size),
        "Docker-Upload-UUID": upload,
    }


def _accepted(name: str, upload: str, size: int) -> web.Response:
    return web.Response(status=202, headers=_whereabouts(name, upload, size))


async def _created(request: web.Request, name: str, digest: str, action: str, size: int = 0) -> web.Response:
    location = f"/v2/{name}/blobs/{digest}"
    happening = Happening(action=action, repository=name, digest=digest, size=size, url=location,
                          media_type="application/octet-stream")  # fmt: skip
    await asking.tell(request, happening)
    return web.Response(status=201, headers={"Location": location, "Docker-Content-Digest": digest})
