"""From settings to a running registry: which parts, in which order, and who closes them."""

import contextlib
from pathlib import Path

import msgspec
from aiohttp import web

from boxship.app.registry.settings import Settings, options
from boxship.base.clock import SystemClock
from boxship.base.errors import Invalid
from boxship.base.tasks import Tasks
from boxship.engine.registry.access import Rights
from boxship.engine.registry.hooks import Hooks
from boxship.engine.registry.mirror import Mirror
from boxship.engine.registry.options import Upstream
from boxship.engine.registry.passwords import Passwords
from boxship.engine.registry.service import Registry
from boxship.engine.registry.tokens import Tokens
from boxship.front.registry.app import registry_app
from boxship.front.registry.door import Door

KEY = "token-key.pem"


async def build(settings: Settings, stack: contextlib.AsyncExitStack) -> web.Application:
    """Return the application; `stack` closes what it needs. Raises Invalid."""
    registry = _registry(settings)
    stack.push_async_callback(registry.aclose)
    hooks = Hooks(settings.webhooks, registry.records, registry.clock)
    stack.push_async_callback(hooks.aclose)
    mirror = Mirror(_upstreams(settings), registry.content, registry.catalog)
    stack.push_async_callback(mirror.aclose)
    tasks = Tasks()
    stack.push_async_callback(tasks.aclose)
    if settings.webhooks:
        tasks.spawn(hooks.deliver(), "webhooks")
    if settings.collect_every:
        tasks.spawn(registry.collector.repeat(settings.collect_every), "collection")
    return registry_app(registry, _door(settings), mirror, hooks)


def _registry(settings: Settings) -> Registry:
    try:
        return Registry(options(settings))
    except ImportError as e:
        raise Invalid(f"s3: {e.name} is not installed; install boxship[s3]") from e
    except OSError as e:
        raise Invalid(f"root: cannot use {settings.root}: {e.strerror}") from e


def _upstreams(settings: Settings) -> tuple[Upstream, ...]:
    return tuple(
        msgspec.structs.replace(up, password=_secret(up.password_file)) if up.password_file else up
        for up in settings.upstreams
    )


def _secret(path: str) -> str:
    try:
        return Path(path).read_text().rstrip("\n")
    except OSError as e:
        raise Invalid(f"upstreams: cannot read the password in {path}: {e.strerror}") from e


def _door(settings: Settings) -> Door:
    rights = Rights(settings.rights, open_=not settings.htpasswd)
    passwords = Passwords(Path(settings.htpasswd)) if settings.htpasswd else None
    return Door(rights, passwords, _tokens(settings), settings.token_realm, settings.behind_proxy)


def _tokens(settings: Settings) -> Tokens | None:
    if not settings.token:
        return None
    key = Path(settings.token_key) if settings.token_key else Path(settings.root) / KEY
    return Tokens(key, settings.token_service, SystemClock())
