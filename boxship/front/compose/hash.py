"""The hash of a service that docker compose labels its containers with: the same in, the same out. Pure.

A container whose label differs from its service's hash is replaced by `up`. How the image is built or pulled, and how
many containers there are, do not count.
"""

import hashlib

import msgspec

from boxship.front.compose.model import Service
from boxship.front.compose.render import json
from boxship.front.compose.render.plain import plain


def service_hash(service: Service) -> str:
    """Return 64 hexadecimal digits. Source: docker compose 2.26, pkg/compose/hash.go."""
    deploy = service.deploy
    if deploy is not None:
        deploy = msgspec.structs.replace(deploy, replicas=None)
    counted = msgspec.structs.replace(
        service, build=None, pull_policy="", pull_refresh_after="", scale=None, deploy=deploy
    )
    return hashlib.sha256(json.dump(plain(counted, json=True)).encode()).hexdigest()
