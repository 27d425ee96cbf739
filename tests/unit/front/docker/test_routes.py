"""Every endpoint of the Docker Engine API 1.51 leads somewhere."""

import pytest
from aiohttp.test_utils import make_mocked_request

from boxship.front.docker.app import TABLES, docker_app

ENDPOINTS = """
GET /containers/json | POST /containers/create | GET /containers/x/json | GET /containers/x/top | GET /containers/x/logs
GET /containers/x/changes | GET /containers/x/export | GET /containers/x/stats | POST /containers/x/resize
POST /containers/x/start | POST /containers/x/stop | POST /containers/x/restart | POST /containers/x/kill
POST /containers/x/update | POST /containers/x/rename | POST /containers/x/pause | POST /containers/x/unpause
POST /containers/x/attach | GET /containers/x/attach/ws | POST /containers/x/wait | DELETE /containers/x
HEAD /containers/x/archive | GET /containers/x/archive | PUT /containers/x/archive | POST /containers/prune
GET /images/json | POST /build | POST /build/prune | POST /build/cancel | POST /images/create | GET /images/a/b:c/json
GET /images/a/b/history | POST /images/a/b/push | POST /images/a/b/tag | DELETE /images/a/b | GET /images/search
POST /images/prune | POST /commit | GET /images/a/b/get | GET /images/get | POST /images/load
POST /auth | GET /info | GET /version | GET /_ping | HEAD /_ping | GET /events | GET /system/df
POST /containers/x/exec | POST /exec/x/start | POST /exec/x/resize | GET /exec/x/json
GET /volumes | POST /volumes/create | GET /volumes/x | PUT /volumes/x | DELETE /volumes/x | POST /volumes/prune
GET /networks | GET /networks/ | GET /networks/x | DELETE /networks/x | POST /networks/create | POST /networks/x/connect
POST /networks/x/disconnect | POST /networks/prune
GET /plugins | GET /plugins/privileges | POST /plugins/pull | GET /plugins/a/b/json | DELETE /plugins/a/b
POST /plugins/a/b/enable | POST /plugins/x/disable | POST /plugins/x/upgrade | POST /plugins/create
POST /plugins/x/push | POST /plugins/x/set
GET /nodes | GET /nodes/x | DELETE /nodes/x | POST /nodes/x/update
GET /swarm | POST /swarm/init | POST /swarm/join | POST /swarm/leave | POST /swarm/update | GET /swarm/unlockkey
POST /swarm/unlock
GET /services | POST /services/create | GET /services/x | DELETE /services/x | POST /services/x/update
GET /services/x/logs | GET /tasks | GET /tasks/x | GET /tasks/x/logs
GET /secrets | POST /secrets/create | GET /secrets/x | DELETE /secrets/x | POST /secrets/x/update
GET /configs | POST /configs/create | GET /configs/x | DELETE /configs/x | POST /configs/x/update
GET /distribution/a/b/json | POST /session | POST /grpc | GET /containers/x/checkpoints | OPTIONS /anything
POST /containers/x/checkpoints | DELETE /containers/x/checkpoints/c
"""


@pytest.mark.parametrize(
    "endpoint", [part.strip() for line in ENDPOINTS.split("\n") for part in line.split("|") if part]
)
async def test_endpoint(endpoint: str) -> None:
    method, path = endpoint.split()
    app = docker_app({})
    found = await app.router.resolve(make_mocked_request(method, path))
    assert found.http_exception is None


def test_no_endpoint_is_served_twice() -> None:
    seen = [(route.method, route.path) for table in TABLES for route in table]
    assert len(seen) == len(set(seen))
