"""Docker Engine API: files of a container, /containers/{ref}/archive, /export and /changes."""

from collections.abc import AsyncIterator

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.front.docker.keys import ARCHIVE, CONTAINERS
from boxship.front.docker.wire import filemode
from boxship.front.rest import body, query
from boxship.host.api.files import Entry

STAT = "X-Docker-Container-Path-Stat"
PIECE = 1 << 18
routes = web.RouteTableDef()


@routes.head("/containers/{ref}/archive")
async def describe(request: web.Request) -> web.Response:
    ref, path = request.match_info["ref"], _path(request)
    entry = await request.app[ARCHIVE].stat(request.app[CONTAINERS].get(ref), ref, path)
    return web.Response(headers={STAT: _stat(entry)}, content_type="application/json")


@routes.get("/containers/{ref}/archive", allow_head=False)
async def copy_out(request: web.Request) -> web.StreamResponse:
    ref, path = request.match_info["ref"], _path(request)
    async with request.app[ARCHIVE].get(request.app[CONTAINERS].get(ref), ref, path) as (entry, pieces):
        response = web.StreamResponse(headers={STAT: _stat(entry), "Content-Type": body.TAR})
        return await _send(request, response, pieces)


@routes.put("/containers/{ref}/archive")
async def copy_in(request: web.Request) -> web.Response:
    """The body is a tar, plain or compressed by gzip, bzip2, xz or zstd."""
    ref, path = request.match_info["ref"], _path(request)
    await request.app[ARCHIVE].put(
        request.app[CONTAINERS].get(ref),
        ref,
        path,
        request.content.iter_chunked(PIECE),
        replace=not query.boolean(request, "noOverwriteDirNonDir"),
        as_user=query.boolean(request, "copyUIDGID"),
    )
    return web.Response()


@routes.get("/containers/{ref}/export")
async def export(request: web.Request) -> web.StreamResponse:
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    async with request.app[ARCHIVE].export(container) as pieces:
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        return await _send(request, response, pieces)


@routes.get("/containers/{ref}/changes")
async def changes(request: web.Request) -> web.Response:
    """null when there is none, as dockerd."""
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    found = await request.app[ARCHIVE].changes(container)
    return body.reply([{"Path": change.path, "Kind": change.kind} for change in found] or None)


async def _send(request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send the pieces; what goes wrong before the first one still gets a status of its own."""
    first = await anext(pieces, b"")
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _path(request: web.Request) -> str:
    path = query.text(request, "path")
    if not path:
        raise Invalid("bad parameter: path cannot be empty")
    return path


def _stat(entry: Entry) -> str:
    return filemode.path_stat(name=entry.name, size=entry.size, mode=entry.mode, mtime=entry.mtime, link=entry.link)
