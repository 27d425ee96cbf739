"""The registry's application: all routes, refusals in the specification's shape, metrics, the access log."""

import json
import logging
import time
from collections.abc import Iterable

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Handler

from boxship.base.codec import encode
from boxship.base.errors import PlatformError
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.hooks import Hooks
from boxship.engine.registry.mirror import Mirror
from boxship.engine.registry.service import Registry
from boxship.front.registry import admin, blobs, listing, manifests, token, uploads
from boxship.front.registry.door import USER, Door
from boxship.front.registry.keys import DOOR, HOOKS, METRICS, MIRROR, REGISTRY
from boxship.front.registry.metrics import Metrics

TABLES: tuple[Iterable[web.AbstractRouteDef], ...] = (
    uploads.routes,
    blobs.routes,
    manifests.routes,
    listing.routes,
    token.routes,
    admin.routes,
)
log = logging.getLogger(__name__)


def registry_app(registry: Registry, door: Door, mirror: Mirror, hooks: Hooks) -> web.Application:
    app = web.Application(middlewares=(_speak,), client_max_size=1 << 50)
    for table in TABLES:
        app.add_routes(table)
    app[REGISTRY], app[DOOR], app[MIRROR], app[HOOKS] = registry, door, mirror, hooks
    app[METRICS] = Metrics()
    app.on_response_prepare.append(_add_headers)
    return app


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def _speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the handler, put what it raises into the specification's shape, and count."""
    metrics, begun, code = request.app[METRICS], time.monotonic(), 500
    metrics.begun()
    try:
        response = await _answer(request, handler)
        code = response.status
        return response
    finally:
        metrics.ended(request.method, _route(request), code, time.monotonic() - begun)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Fault as fault:
        return _refusal(fault)
    except PlatformError as error:
        if error.status >= 500:
            log.warning("%s %s: %s", request.method, request.path, error)
        # an upstream's refusal is not ours: the client must not begin to show us passwords
        answer = 502 if error.status in (401, 403) else error.status
        return _refusal(Fault("UNAVAILABLE", str(error), answer=answer))
    except web.HTTPException as error:
        code = "NAME_UNKNOWN" if error.status == 404 else "UNSUPPORTED"
        return _refusal(Fault(code, error.reason or "refused", answer=error.status))


def _refusal(fault: Fault) -> web.Response:
    entry = {"code": fault.code, "message": str(fault), "detail": fault.detail}
    return web.Response(
        status=fault.answer,
        body=encode({"errors": [entry]}),
        headers={"Content-Type": "application/json", **fault.headers},
    )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


class AccessLog(AbstractAccessLogger):
    """One line of JSON an answered request, body included."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        entry = {
            "time": _now(),
            "remote": request.remote,
            "user": request.get(USER, ""),
            "method": request.method,
            "path": request.path_qs.partition("?")[0],
            "status": response.status,
            "bytes": response.content_length or 0,
            "seconds": round(time, 6),
            "agent": request.headers.get("User-Agent", ""),
        }
        self.logger.info(json.dumps(entry))


def _now() -> float:
    return round(time.time(), 3)
