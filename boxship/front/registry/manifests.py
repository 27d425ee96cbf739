"""Manifests: fetch, ask for, push, delete. OCI distribution-spec 1.1, end-3, end-7 and end-9."""

from aiohttp import web

from boxship.engine.registry.catalog import Manifest
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.hooks import Happening
from boxship.engine.registry.manifests import LIMIT
from boxship.engine.registry.names import check_reference, is_digest
from boxship.front.registry import asking
from boxship.front.registry.keys import MIRROR, REGISTRY

PATH = "/v2/{name:.+}/manifests/{reference:[^/]+}"
routes = web.RouteTableDef()


@routes.get(PATH)
async def fetch(request: web.Request) -> web.Response:
    """Also answers HEAD. The manifest is what was pushed, byte for byte, whatever Accept says."""
    place = await asking.pull_place(request)
    reference = check_reference(request.match_info["reference"])
    found = await request.app[MIRROR].manifest(place, reference)
    headers = {"Docker-Content-Digest": found.digest, "Etag": f'"{found.digest}"', "Content-Type": found.media_type}
    if request.headers.get("If-None-Match") == headers["Etag"]:
        return web.Response(status=304, headers=headers)
    if request.method == "GET":
        await _tell_pull(request, place.repository, reference, found)
    return web.Response(body=found.content, headers=headers)


async def _tell_pull(request: web.Request, repository: str, reference: str, found: Manifest) -> None:
    happening = Happening(
        action="pull",
        repository=repository,
        digest=found.digest,
        tag="" if is_digest(reference) else reference,
        media_type=found.media_type,
        size=len(found.content),
        url=f"/v2/{repository}/manifests/{found.digest}",
    )
    await asking.tell(request, happening)


@routes.put(PATH)
async def push(request: web.Request) -> web.Response:
    """201 once manifest and tag are recorded and all that it names is safe."""
    name = await asking.own_place(request, "push", "pull")
    reference = check_reference(request.match_info["reference"])
    content = await _document(request)
    media_type = request.headers.get("Content-Type", "")
    document = await request.app[REGISTRY].catalog.put(name, reference, media_type, content)
    location = f"/v2/{name}/manifests/{document.digest}"
    headers = {"Location": location, "Docker-Content-Digest": document.digest}
    if document.subject:
        headers["OCI-Subject"] = document.subject
    happening = Happening(
        action="push",
        repository=name,
        digest=document.digest,
        tag="" if is_digest(reference) else reference,
        media_type=document.media_type,
        size=len(content),
        url=location,
    )
    await asking.tell(request, happening)
    return web.Response(status=201, headers=headers)


async def _document(request: web.Request) -> bytes:
    content = bytearray()
    async for piece in asking.pieces(request):
        content += piece
        if len(content) > LIMIT:
            raise Fault("SIZE_INVALID", f"manifest is larger than {LIMIT} bytes", answer=413)
    return bytes(content)


@routes.delete(PATH)
async def delete(request: web.Request) -> web.Response:
    """202. A digest removes the manifest and its tags, a tag only itself."""
    name = await asking.own_place(request, "delete")
    reference = check_reference(request.match_info["reference"])
    digest, tags = await request.app[REGISTRY].catalog.delete(name, reference)
    for tag in tags or [""]:
        await asking.tell(request, Happening(action="delete", repository=name, digest=digest, tag=tag))
    return web.Response(status=202)
