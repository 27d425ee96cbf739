"""From our errors to HTTP, in Docker's shape: `{"message": "…"}`."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from boxship.base import codec
from boxship.base.errors import PlatformError
from boxship.front.rest import hijack, versions

log = logging.getLogger(__name__)


def failure(status: int, message: str) -> web.Response:
    if status == 304:
        return web.Response(status=304)
    return web.Response(status=status, body=codec.encode({"message": message}) + b"\n", content_type="application/json")


@web.middleware
async def speak_docker(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check the version, run the handler, and put what it raises into Docker's shape."""
    try:
        versions.check(request[versions.VERSION])
        return await handler(request)
    except PlatformError as error:
        if error.status >= 500:
            log.warning("%s %s: %s", request.method, request.path, error)
        status, message = error.status, str(error)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        status, message = 404, "page not found"
    except web.HTTPException as error:
        status, message = error.status, error.text or error.reason
    except ConnectionError:
        if request.transport is None or request.transport.is_closing():
            # The client has gone, which is no failure of ours.
            return hijack.Hijacked()
        raise
    except Exception as error:
        log.exception("%s %s failed", request.method, request.path)
        status, message = 500, f"{type(error).__name__}: {error}"
    return await _too_late(request, message) or failure(status, message)


async def _too_late(request: web.Request, message: str) -> web.Response | None:
    """End an answer that has begun: a failure can then only be told by breaking off. None if none has begun."""
    stream = request.get(hijack.STREAM)
    if stream is not None:
        await stream.close()
    elif hijack.STARTED in request and request.transport is not None:
        request.transport.close()
    else:
        return None
    log.warning("%s %s broke off: %s", request.method, request.path, message)
    return hijack.Hijacked()
