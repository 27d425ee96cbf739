"""Where the application keeps what its routes need."""

from aiohttp import web

from boxship.engine.registry.hooks import Hooks
from boxship.engine.registry.mirror import Mirror
from boxship.engine.registry.service import Registry
from boxship.front.registry.door import Door
from boxship.front.registry.metrics import Metrics

REGISTRY: web.AppKey[Registry] = web.AppKey("registry")
MIRROR: web.AppKey[Mirror] = web.AppKey("mirror")
HOOKS: web.AppKey[Hooks] = web.AppKey("hooks")
DOOR: web.AppKey[Door] = web.AppKey("door")
METRICS: web.AppKey[Metrics] = web.AppKey("metrics")
