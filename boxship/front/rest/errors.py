"""From our errors to HTTP, in Docker's shape: `{"message": "…"}`."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from boxship.base import codec
from boxship.base.errors import PlatformError
from boxship.front.rest import versions

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
        return failure(error.status, str(error))
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return failure(404, "page not found")
    except web.HTTPException as error:
        return failure(error.status, error.text or error.reason)
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:
        log.exception("%s %s failed", request.method, request.path)
        return failure(500, f"{type(error).__name__}: {error}")
