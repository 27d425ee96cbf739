"""Answers that are a stream of JSON objects: progress of pull, push, load and build; events; stats.

    async with jsonstream.open(request) as out:
        await out.send({"status": "Pulling"})
    return out.response

Headers go out at once. What is raised inside after that travels in band, as dockerd does it:
`{"errorDetail": {"message": …}, "error": …}`.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from boxship.base import codec
from boxship.base.errors import PlatformError
from boxship.front.rest.connection import cancel_when_gone

log = logging.getLogger(__name__)


class JsonStream:
    """end: what follows each object. prefix: what precedes it, for JSON text sequences."""

    def __init__(self, response: web.StreamResponse, end: bytes, prefix: bytes = b"") -> None:
        self.response = response
        self._end = end
        self._prefix = prefix

    async def send(self, value: object) -> None:
        """Raises ConnectionResetError when the client has gone."""
        await self.response.write(self._prefix + codec.encode(value) + self._end)

    async def fail(self, message: str) -> None:
        await self.send({"errorDetail": {"message": message}, "error": message})


@asynccontextmanager
async def open(
    request: web.Request, *, content_type: str = "application/json", end: bytes = b"\r\n", prefix: bytes = b""
) -> AsyncIterator[JsonStream]:
    """Send headers and give a stream. The handler is cancelled when the client goes."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    if request.version >= (1, 1):
        response.enable_chunked_encoding()
    cancel_when_gone(request)
    await response.prepare(request)
    stream = JsonStream(response, end, prefix)
    try:
        yield stream
    except PlatformError as error:
        await stream.fail(str(error))
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:
        log.exception("%s %s failed", request.method, request.path)
        await stream.fail(f"{type(error).__name__}: {error}")
    await response.write_eof()
