"""Bytes of blobs to clients: by sendfile from a file, in pieces over TLS or from elsewhere."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from aiohttp import web

from boxship.base.errors import PlatformError
from boxship.engine.registry.content import Blob, Content, unknown

CHUNK = 1 << 20


class _Direct(web.StreamResponse):
    """A response whose body goes past aiohttp, straight to the transport."""

    _send_headers_immediately = True


async def send_blob(
    request: web.Request, content: Content, blob: Blob, headers: Mapping[str, str], span: tuple[int, int] | None
) -> web.StreamResponse:
    """Answer with a blob, or with `span` (start, length) of it. Raises Fault BLOB_UNKNOWN when it has just gone."""
    start, length = span or (0, blob.size)
    path = content.local(blob)
    if path is not None:
        return await _send_file(request, path, blob, headers, (start, length))
    return await send_stream(request, content.read(blob, start, length), headers, (start, length, blob.size))


async def send_stream(
    request: web.Request, pieces: AsyncIterator[bytes], headers: Mapping[str, str], span: tuple[int, int, int]
) -> web.StreamResponse:
    """Answer with pieces that make up `span`: start, length and the whole's size."""
    response = _head(web.StreamResponse(), headers, *span)
    await response.prepare(request)
    try:
        async for piece in pieces:
            await response.write(piece)
    except PlatformError:
        if request.transport is not None:
            request.transport.abort()  # half of a blob must not look like all of it
        raise
    await response.write_eof()
    return response


async def _send_file(
    request: web.Request, path: Path, blob: Blob, headers: Mapping[str, str], span: tuple[int, int]
) -> web.StreamResponse:
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise unknown(blob.digest) from None
    with file:
        start, length = span
        transport = request.transport
        if transport is None or not _can_sendfile(transport):
            file.seek(start)
            return await send_stream(request, _pieces(file.fileno(), start, length), headers, (*span, blob.size))
        os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_SEQUENTIAL)
        response = _head(_Direct(), headers, start, length, blob.size)
        await response.prepare(request)
        if length:
            await asyncio.get_running_loop().sendfile(transport, file, start, length)
        await response.write_eof()
        return response


def _can_sendfile(transport: asyncio.Transport) -> bool:
    """Not over TLS, and not on loops such as uvloop's."""
    plain = transport.get_extra_info("sslcontext") is None
    return plain and isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)


async def _pieces(file: int, start: int, length: int) -> AsyncIterator[bytes]:
    while length:
        piece = await asyncio.to_thread(os.pread, file, min(CHUNK, length), start)
        if not piece:
            return
        start, length = start + len(piece), length - len(piece)
        yield piece


def _head(
    response: web.StreamResponse, headers: Mapping[str, str], start: int, length: int, size: int
) -> web.StreamResponse:
    response.headers.update(headers)
    response.content_length = length
    if length != size:
        response.set_status(206)
        response.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    return response
