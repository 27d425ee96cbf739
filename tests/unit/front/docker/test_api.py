"""The Docker API over fake services: statuses, headers, texts, and what is streamed when. One real unix socket each."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from boxship.base.bus import Event
from boxship.base.clock import SystemClock
from boxship.base.units import SECOND
from boxship.front.docker.swarm_absent import NOT_A_MANAGER
from boxship.model.container import HostUpdate
from boxship.model.status import State
from tests.unit.front.docker.fakes import Service


class Client:
    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service = service
        self.session = session

    def call(self, method: str, path: str, **more: Any) -> Any:
        return self.session.request(method, f"http://docker{path}", **more)

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and decoded body."""
        async with self.call(method, path, json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def make(self, name: str = "web", **body: Any) -> str:
        status, answer = await self.ask("POST", f"/containers/create?name={name}", {"Image": "busybox", **body})
        assert status == 201
        container_id: str = answer["Id"]
        return container_id


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Service(SystemClock()).serving() as service:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(service.path)) as session:
            yield Client(service, session)


async def test_ping(client: Client) -> None:
    for path in ("/_ping", "/v1.24/_ping", "/v1.51/_ping"):
        async with client.call("GET", path) as response:
            assert (response.status, await response.text()) == (200, "OK")
            assert response.headers["Api-Version"] == "1.51"
            assert response.headers["Swarm"] == "inactive"
            assert response.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    async with client.call("HEAD", "/_ping") as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "0")
        assert response.headers["Ostype"] == "linux"


@pytest.mark.parametrize("path", ["/nope", "/v1.41/nope", "/containers", "/v1.51/"])
async def test_unknown_pages(client: Client, path: str) -> None:
    async with client.call("GET", path) as response:
        assert (response.status, await response.json()) == (404, {"message": "page not found"})
        assert response.headers["Server"].startswith("Docker/")
        assert response.headers["Docker-Experimental"] == "false"


async def test_a_wrong_method_is_an_unknown_page(client: Client) -> None:
    assert await client.ask("PUT", "/info") == (404, {"message": "page not found"})


@pytest.mark.parametrize(("version", "word"), [("1.23", "too old"), ("1.99", "too new"), ("2.0", "too new")])
async def test_versions_we_do_not_speak(client: Client, version: str, word: str) -> None:
    status, answer = await client.ask("GET", f"/v{version}/info")
    assert status == 400
    assert word in answer["message"]


async def test_options(client: Client) -> None:
    assert (await client.ask("OPTIONS", "/v1.41/containers/json"))[0] == 200


async def test_create_start_inspect_stop_remove(client: Client) -> None:
    container_id = await client.make(HostConfig={"Memory": 5})
    assert (await client.ask("POST", "/containers/web/start"))[0] == 204
    assert (await client.ask("POST", "/containers/web/start"))[0] == 304
    status, shown = await client.ask("GET", f"/containers/{container_id[:12]}/json")
    assert (status, shown["Name"], shown["State"]["Running"]) == (200, "/web", True)
    assert shown["HostConfig"]["Memory"] == 5
    assert "SizeRw" not in shown
    assert (await client.ask("GET", "/containers/web/json?size=1"))[1]["SizeRw"] == 5
    assert (await client.ask("POST", "/containers/web/stop?t=3&signal=INT"))[0] == 204
    assert (await client.ask("POST", "/v1.41/containers/web/restart?signal=INT"))[0] == 204
    assert (await client.ask("DELETE", "/containers/web?v=1&force=true"))[0] == 204
    assert client.service.containers.calls == [
        ("stop", ("web", "INT", 3)),
        ("restart", ("web", None, None)),
        ("remove", (True, True, False)),
    ]


async def test_warnings_of_engine_and_front_come_together(client: Client) -> None:
    body = {"Image": "busybox", "HostConfig": {"Privileged": True, "KernelMemory": 1}}
    warnings = (await client.ask("POST", "/containers/create", body))[1]["Warnings"]
    assert len(warnings) == 2
    assert (await client.ask("POST", "/containers/create?name=b", {"Image": "busybox"}))[1]["Warnings"] == []


REFUSALS = [
    ("GET", "/containers/nope/json", None, 404, "No such container: nope"),
    ("POST", "/containers/create", {"Image": "x"}, 404, "No such image: x:latest"),
    ("POST", "/containers/create", {}, 400, "config cannot be empty in order to create a container"),
    ("POST", "/containers/create", [1], 400, "cannot unmarshal array"),
    ("POST", "/containers/web/kill", None, 409, "cannot kill container: web: container"),
    ("POST", "/containers/web/stop?t=soon", None, 400, 'parsing "soon": invalid syntax'),
    ("POST", "/containers/web/wait?condition=x", None, 400, 'invalid condition: "x"'),
    ("POST", "/containers/web/start", {"Binds": []}, 400, "starting container with non-empty request body"),
    ("GET", "/containers/json?filters={%22x%22:[%22y%22]}", None, 400, "invalid filter 'x'"),
    ("GET", "/containers/json?limit=x", None, 400, "invalid syntax"),
    ("GET", "/events?filters={%22x%22:[%22y%22]}", None, 400, "invalid filter 'x'"),
    ("GET", "/events?since=20&until=10", None, 400, "cannot be after `until` time (10)"),
    ("GET", "/system/df?type=nope", None, 400, "unknown object type: nope"),
    ("POST", "/build?version=2", None, 400, "wants a session"),
    ("POST", "/build?version=3", None, 501, "no builder of version 3"),
    ("POST", "/build?squash=1", None, 400, "squash is only supported with experimental mode"),
    ("POST", "/build/cancel", None, 400, "build ID not provided"),
    ("POST", "/session", None, 400, "Upgrade: h2c"),
    ("POST", "/v1.41/grpc", None, 400, "Upgrade: h2c"),
    ("GET", "/swarm", None, 503, NOT_A_MANAGER),
    ("GET", "/services", None, 503, NOT_A_MANAGER),
    ("POST", "/services/create", None, 503, NOT_A_MANAGER),
    ("DELETE", "/nodes/x", None, 503, NOT_A_MANAGER),
    ("POST", "/swarm/leave", None, 503, "This node is not part of a swarm"),
    ("POST", "/swarm/init", {}, 501, "one node only"),
    ("GET", "/plugins/a/b/json", None, 404, 'plugin "a/b" not found'),
    ("POST", "/plugins/pull?remote=x", None, 501, "plugins are not supported"),
    ("GET", "/containers/web/checkpoints", None, 404, "checkpoints"),
    ("POST", "/containers/web/start?checkpoint=c", None, 400, "checkpoint"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), REFUSALS)
async def test_refusals(client: Client, method: str, path: str, body: Any, status: int, text: str) -> None:
    await client.make()
    found, answer = await client.ask(method, path, body)
    assert found == status
    assert text in answer["message"]


async def test_a_link_is_removed_by_both_names(client: Client) -> None:
    await client.make()
    assert (await client.ask("DELETE", "/containers/web/db?link=1"))[0] == 204
    assert client.service.containers.calls[-1] == ("remove", (False, False, True))
    assert (await client.ask("DELETE", "/containers/web/db"))[0] == 404


async def test_content_types(client: Client) -> None:
    async def create(data: bytes | None, kind: str | None) -> tuple[int, str]:
        headers = {"Content-Type": kind} if kind else {}
        async with client.call(
            "POST", "/containers/create", data=data, headers=headers, skip_auto_headers=["Content-Type"]
        ) as response:
            return response.status, (await response.json()).get("message", "")

    good = b'{"Image": "busybox"}'
    assert (await create(good, "application/json; charset=utf-8"))[0] == 201
    assert await create(good, "text/plain") == (
        400, "unsupported Content-Type header (text/plain): must be 'application/json'",
    )  # fmt: skip
    assert (await create(good, None))[0] == 400
    assert (await create(b" ", "application/json"))[1] == "invalid JSON: got EOF while reading request body"
    assert (await create(b"{", "application/json"))[1].startswith("invalid JSON: ")
    for nothing in (None, b"null"):
        assert (await create(nothing, "application/json"))[1].startswith("config cannot be empty")


async def test_a_bug_is_a_500_with_a_name(client: Client) -> None:
    client.service.containers.all = None  # type: ignore[assignment, method-assign]
    status, answer = await client.ask("GET", "/containers/json")
    assert (status, answer["message"]) == (500, "TypeError: 'NoneType' object is not callable")


async def test_list(client: Client) -> None:
    first, second = await client.make("a"), await client.make("b")
    await client.ask("POST", "/containers/b/start")

    async def ids(query: str) -> list[str]:
        return [shown["Id"] for shown in (await client.ask("GET", f"/containers/json?{query}"))[1]]

    assert await ids("") == [second]
    assert await ids("all=1") == [second, first]
    assert await ids("limit=1") == [second]
    assert await ids('all=1&filters={"before":["b"]}') == [first]
    assert await ids('all=1&filters={"ancestor":{"busybox":true}}') == [second, first]
    assert await ids('all=1&filters={"ancestor":["nope"]}') == []
    assert (await client.ask("GET", "/containers/json?size=1"))[1][0]["SizeRootFs"] == 4_000_005
    assert (await client.ask("GET", '/containers/json?filters={"since":["nope"]}'))[0] == 404


async def test_a_retagged_image_shows_as_its_id(client: Client) -> None:
    await client.make()
    client.service.images.images = []
    shown = (await client.ask("GET", "/containers/json?all=1"))[1][0]
    assert shown["Image"] == shown["ImageID"]


async def test_wait_sends_its_headers_before_the_exit(client: Client) -> None:
    await client.make()
    async with client.call("POST", "/containers/web/wait?condition=next-exit") as response:
        assert response.status == 200
        await client.ask("POST", "/containers/web/stop")
        assert await response.json() == {"StatusCode": 137}


async def test_wait_tells_the_error(client: Client) -> None:
    await client.make()
    async with client.call("POST", "/containers/web/wait") as response:
        client.service.containers.waiters[0].answer.set_result((127, "not found"))
        assert await response.json() == {"StatusCode": 127, "Error": {"Message": "not found"}}


async def test_a_client_that_goes_drops_its_wait(client: Client) -> None:
    await client.make()
    async with client.call("POST", "/containers/web/wait") as response:
        response.close()
    for _ in range(100):
        if client.service.containers.waiters[0].answer.cancelled():
            return
        await asyncio.sleep(0.01)
    pytest.fail("the wait goes on")


async def test_pause_rename_update_prune(client: Client) -> None:
    container_id = await client.make()
    await client.ask("POST", "/containers/web/start")
    assert (await client.ask("POST", "/containers/web/pause"))[0] == 204
    assert client.service.containers.get("web").status.state is State.PAUSED
    assert (await client.ask("POST", "/containers/web/unpause"))[0] == 204
    assert (await client.ask("POST", "/containers/web/rename?name=new"))[0] == 204
    assert await client.ask("POST", "/containers/new/update", {"Memory": 7}) == (200, {"Warnings": None})
    assert client.service.containers.calls[-1] == ("update", HostUpdate(memory=7))
    assert await client.ask("POST", "/containers/prune") == (200, {"ContainersDeleted": None, "SpaceReclaimed": 0})
    await client.ask("POST", "/containers/new/stop")
    pruned = {"ContainersDeleted": [container_id], "SpaceReclaimed": 17}
    assert await client.ask("POST", "/containers/prune") == (200, pruned)


async def test_top(client: Client) -> None:
    await client.make()
    await client.ask("POST", "/containers/web/start")
    shown = (await client.ask("GET", "/containers/web/top?ps_args=aux"))[1]
    assert shown == {"Titles": ["PID", "CMD"], "Processes": [["4711", "aux"]]}


async def test_info_version_df(client: Client) -> None:
    await client.make()
    info = (await client.ask("GET", "/info"))[1]
    assert (info["Containers"], info["ContainersStopped"], info["Images"]) == (1, 1, 1)
    assert (info["MemoryLimit"], info["SwapLimit"]) == (True, False)
    assert (await client.ask("GET", "/version"))[1]["ApiVersion"] == "1.51"
    used = (await client.ask("GET", "/system/df"))[1]
    assert [used["LayersSize"], len(used["Images"]), len(used["Containers"])] == [4_000_000, 1, 1]
    assert used["Containers"][0]["SizeRw"] == 5
    some = (await client.ask("GET", "/v1.42/system/df?type=image"))[1]
    assert (some["Containers"], some["Volumes"]) == (None, None)
    assert await client.ask("GET", "/plugins") == (200, [])
    assert (await client.ask("POST", "/build/prune"))[1] == {"CachesDeleted": None, "SpaceReclaimed": 0}


def event(client: Client, action: str, ago: int = 0) -> None:
    now = client.service.clock.now() - ago * SECOND
    client.service.bus.publish(Event(kind="container", action=action, id="c", time=now, attributes={"image": "i"}))


async def test_events_flow_as_they_happen(client: Client) -> None:
    event(client, "before")
    async with client.call("GET", "/events") as response:
        assert response.headers["Content-Type"] == "application/json"
        event(client, "start")
        shown = json.loads(await response.content.readline())
        assert (shown["status"], shown["Action"], shown["from"]) == ("start", "start", "i")


async def test_events_of_the_past(client: Client) -> None:
    for action, ago in (("old", 100), ("middle", 50), ("new", 1)):
        event(client, action, ago)
    now = client.service.clock.now() // SECOND
    async with client.call("GET", f"/events?since={now - 60}&until={now + 0.3}") as response:
        shown = [json.loads(line)["Action"] async for line in response.content]
    assert shown == ["middle", "new"]
    async with client.call("GET", "/events?until=10s") as response:
        assert [json.loads(line)["Action"] async for line in response.content] == ["old", "middle"]


async def test_events_as_a_json_sequence(client: Client) -> None:
    event(client, "old", 5)
    headers = {"Accept": "application/json-seq"}
    async with client.call("GET", "/events?until=0s", headers=headers) as response:
        assert response.headers["Content-Type"] == "application/json-seq"
        assert (await response.read()).startswith(b"\x1e{")


async def test_listeners_of_events_go_with_their_clients(client: Client) -> None:
    async with client.call("GET", "/events") as response:
        assert len(client.service.bus._queues) == 1
        response.close()
    for _ in range(100):
        if not client.service.bus._queues:
            return
        await asyncio.sleep(0.01)
    pytest.fail("somebody still listens")
