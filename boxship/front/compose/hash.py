"""The hash of a service that docker compose labels its containers with: the same in, the same out. Pure.

A container whose label differs from its service's hash is replaced by `up`. How the image is built or pulled, and how
many containers there are, do not count.
"""

import msgspec

from boxship.front.compose.model import Service
from boxship.front.compose.render import json
from boxship.front.compose.render.plain import plain

try:  # hashlib loads all of OpenSSL, which takes longer than the hashes
    from _sha2 import sha256 as _sha256  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256 as _sha256


def service_hash(service: Service) -> str:
    """Return 64 hexadecimal digits. Source: docker compose 2.26, pkg/compose/hash.go."""
    deploy = service.deploy
    if deploy is not None:
        deploy = msgspec.structs.replace(deploy, replicas=None)
    counted = msgspec.structs.replace(
        service, build=None, pull_policy="", pull_refresh_after="", scale=None, deploy=deploy
    )
    return str(_sha256(json.dump(plain(counted, json=True)).encode()).hexdigest())
