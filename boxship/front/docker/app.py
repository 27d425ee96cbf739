"""The Docker Engine API as one application: all route tables, and the services that their handlers use."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from boxship.front.docker import (
    archive,
    artifacts,
    attach,
    backups,
    build,
    check,
    chronicle,
    containers,
    events,
    exec,
    images,
    logs,
    mounts,
    networks,
    ownbuild,
    plugins,
    ports,
    registries,
    resolver,
    stats,
    swarm_absent,
    system,
    volumes,
)
from boxship.front.docker.buildkit import routes as buildkit
from boxship.front.docker.wire.info import ENGINE
from boxship.front.rest import versions
from boxship.front.rest.app import HTTP2, rest_app

TABLES = (
    containers.routes,
    exec.routes,
    attach.routes,
    logs.routes,
    archive.routes,
    stats.routes,
    registries.routes,
    artifacts.routes,
    images.routes,
    backups.routes,
    volumes.routes,
    networks.routes,
    ports.routes,
    mounts.routes,
    resolver.routes,
    events.routes,
    system.routes,
    plugins.routes,
    build.routes,
    ownbuild.routes,
    buildkit.routes,
    check.routes,
    chronicle.routes,
    swarm_absent.routes,
)

HEADERS = {
    "Api-Version": versions.show(versions.NEWEST),
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Docker/{ENGINE} (linux)",
}


def docker_app(services: Mapping[web.AppKey[Any], object]) -> web.Application:
    """Return the application. `services`: every key of front/docker/keys.py with what stands behind it.

    Raises KeyError, at the first request that needs it, for a service left out.
    """
    app = rest_app(TABLES, headers=HEADERS)
    app[HTTP2] = lambda: buildkit.http2(app)
    for key, service in services.items():
        app[key] = service
    return app
