"""Image and volume endpoints over a real socket: statuses, shapes and texts. Services are real, the ground is not."""

import asyncio
import io
import json
import socket
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from boxship.engine.commits import Commits
from boxship.engine.events import Events
from boxship.engine.images import Images
from boxship.front.docker import keys
from boxship.front.docker.app import docker_app
from boxship.front.rest.app import Server
from boxship.model.container import ContainerSpec
from boxship.model.status import Container, ContainerStatus, State
from tests.unit.engine.images.fakes import World, in_pieces, make_tar
from tests.unit.engine.volumes.fakes import World as VolumeWorld

BASE = make_tar({"bin/sh": b"#!", "etc/os": b"tiny"})


class FakeContainers:
    def __init__(self, containers: list[Container]) -> None:
        self.containers = containers
        self.calls: list[str] = []

    def get(self, ref: str) -> Container:
        return self.containers[0]

    async def pause(self, ref: str) -> None:
        self.calls.append("pause")

    async def unpause(self, ref: str) -> None:
        self.calls.append("unpause")


class FakeTars:
    def upper(self, container: Container) -> Path:
        return Path("/upper")

    def pack_layer(self, upper: Path) -> AsyncIterator[bytes]:
        return in_pieces(make_tar({"new": b"file"}))


class Client:
    def __init__(self, world: World, images: Images, session: aiohttp.ClientSession) -> None:
        self.world = world
        self.images = images
        self.session = session
        self.containers = FakeContainers(world.containers)

    def call(self, method: str, path: str, **more: Any) -> Any:
        return self.session.request(method, f"http://docker{path}", **more)

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Return status and decoded body; a stream's objects as a list."""
        async with self.call(method, path, **more) as response:
            text = await response.text()
        if "\r\n" in text:
            return response.status, [json.loads(line) for line in text.split("\r\n") if line]
        return response.status, json.loads(text) if text else None

    async def imported(self, name: str = "base", tar: bytes = BASE, **query: str) -> str:
        status, (line,) = await self.ask(
            "POST", "/images/create", params={"fromSrc": "-", "repo": name, **query}, data=tar
        )
        assert status == 200
        found: str = line["status"]
        return found


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    world, others = World(tmp_path), VolumeWorld(tmp_path)
    images = await world.daemon()
    volumes = await others.daemon()
    others.containers = world.containers
    path = str(tmp_path / "s")
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
        client = Client(world, images, session)
        commits = Commits(images, client.containers, FakeTars(), Events(world.bus, world.clock), world.clock)
        app = docker_app({keys.IMAGES: images, keys.VOLUMES: volumes, keys.CLOCK: world.clock, keys.COMMITS: commits})
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        server = await Server.start(app)
        await server.listen(sock)
        yield client
        await server.stop(grace=0)


def users(client: Client, image_id: str, state: State = State.RUNNING) -> None:
    client.world.containers.append(
        Container(
            id="c" * 64, name="c", created=0, image_id=image_id, group="", status=ContainerStatus(state=state),
            spec=ContainerSpec(image="base", cmd=("run",)),
        )
    )  # fmt: skip


async def test_import_list_inspect_history(client: Client) -> None:
    image_id = await client.imported(changes='CMD ["sh"]', message="hello", platform="linux/amd64")
    status, (image,) = await client.ask("GET", "/v1.51/images/json")
    assert status == 200
    assert image == {
        "Containers": -1, "Created": client.world.clock.now() // 10**9, "Id": image_id, "Labels": None, "ParentId": "",
        "RepoDigests": [], "RepoTags": ["base:latest"], "SharedSize": -1, "Size": 6,
    }  # fmt: skip
    _, (old,) = await client.ask("GET", "/v1.41/images/json")
    assert old["VirtualSize"] == 6
    _, found = await client.ask("GET", "/v1.51/images/base/json")
    assert found["Config"] == {
        "User": "", "Env": None, "Cmd": ["sh"], "Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None,
        "Labels": None,
    }  # fmt: skip
    assert found["RootFS"]["Type"] == "layers"
    assert found["GraphDriver"]["Name"] == "overlay2"
    assert found["GraphDriver"]["Data"]["UpperDir"].endswith("/diff")
    assert "Container" not in found
    assert (found["Architecture"], found["Os"], found["Comment"]) == ("amd64", "linux", "hello")
    _, found = await client.ask("GET", "/v1.41/images/base/json")
    assert found["Config"]["Hostname"] == ""
    assert found["Container"] == ""
    _, (step,) = await client.ask("GET", "/images/base/history")
    assert step == {
        "Comment": "hello", "Created": image["Created"], "CreatedBy": "", "Id": image_id, "Size": 6,
        "Tags": ["base:latest"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/images/nope/json", 404, "No such image: nope:latest"),
        ("GET", "/images/a/b/nope:1/json", 404, "No such image: a/b/nope:1"),
        ("GET", "/images/NOPE/json", 400, "invalid reference format: repository name (library/NOPE) must be lowercase"),
        ("GET", "/images/nope/history", 404, "No such image: nope:latest"),
        ("GET", "/images/nope/get", 404, "No such image: nope:latest"),
        ("DELETE", "/images/nope", 404, "No such image: nope:latest"),
        ("POST", "/images/nope/tag?repo=x", 404, "No such image: nope:latest"),
        ("GET", '/images/json?filters={"foo":["x"]}', 400, "invalid filter 'foo'"),
        ("POST", "/images/create?fromSrc=-&repo=X", 400,
         "invalid reference format: repository name (library/X) must be lowercase"),
        ("GET", "/volumes/nope", 404, "get nope: no such volume"),
        ("DELETE", "/volumes/nope", 404, "get nope: no such volume"),
        ("GET", '/volumes?filters={"foo":["x"]}', 400, "invalid filter 'foo'"),
    ],
)  # fmt: skip
async def test_refusals(client: Client, method: str, path: str, status: int, message: str) -> None:
    assert await client.ask(method, path) == (status, {"message": message})


async def test_registries_are_refused_by_name(client: Client) -> None:
    await client.imported("base")
    for method, path in (
        ("POST", "/images/create?fromImage=busybox&tag=latest"),
        ("POST", "/images/base/push"),
        ("GET", "/images/search?term=x"),
        ("GET", "/distribution/base/json"),
    ):
        status, body = await client.ask(method, path)
        assert status in (404, 500, 501)
        assert body["message"]


async def test_tag_and_remove(client: Client) -> None:
    image_id = await client.imported()
    assert (await client.ask("POST", "/images/base/tag?repo=host:5000/x&tag=v1"))[0] == 201
    assert (await client.ask("POST", "/images/base/tag?repo=x@" + image_id))[0] == 400
    status, body = await client.ask("DELETE", f"/images/{image_id[7:19]}")
    assert status == 409
    assert body["message"].endswith("(must be forced) - image is referenced in multiple repositories")
    assert await client.ask("DELETE", "/images/base") == (200, [{"Untagged": "base:latest"}])
    users(client, image_id)
    status, body = await client.ask("DELETE", "/images/host:5000/x:v1")
    assert status == 409
    client.world.containers.clear()
    _, done = await client.ask("DELETE", "/images/host:5000/x:v1")
    assert [next(iter(step)) for step in done] == ["Untagged", "Deleted", "Deleted"]


async def test_filters(client: Client) -> None:
    await client.imported("app/one", changes="LABEL a=1")
    client.world.clock.advance(10**9)
    two = await client.imported("two", make_tar({"x": b"2"}))
    client.world.clock.advance(10**9)
    await client.ask("DELETE", "/images/two?force=1&noprune=1")
    dangling = await client.imported("", make_tar({"y": b"3"}))
    await client.imported("two", make_tar({"x": b"2"}))

    async def shown(**filters: list[str]) -> list[str]:
        _, found = await client.ask("GET", "/images/json", params={"filters": json.dumps(filters)})
        return sorted((image["RepoTags"] or ["-"])[0] for image in found)

    assert two
    assert dangling
    assert await shown() == ["-", "app/one:latest", "two:latest"]
    assert await shown(dangling=["true"]) == ["-"]
    assert await shown(dangling=["false"]) == ["app/one:latest", "two:latest"]
    assert await shown(label=["a=1"]) == ["app/one:latest"]
    assert await shown(reference=["*"]) == ["two:latest"]
    assert await shown(reference=["app/*", "t?o:latest"]) == ["app/one:latest", "two:latest"]
    assert await shown(before=["two"]) == ["app/one:latest"]
    assert await shown(since=["app/one"]) == ["-", "two:latest"]
    assert await shown(until=["100ms"]) == ["app/one:latest"]
    status, body = await client.ask("GET", "/images/json", params={"filters": '{"before":["nope"]}'})
    assert (status, body["message"]) == (404, "No such image: nope:latest")


async def test_save_and_load(client: Client) -> None:
    image_id = await client.imported()
    async with client.call("GET", "/images/get?names=base&names=base:latest") as response:
        assert response.headers["Content-Type"] == "application/x-tar"
        saved = await response.read()
    await client.ask("DELETE", "/images/base")
    status, lines = await client.ask("POST", "/images/load", data=saved)
    assert status == 200
    assert lines[-1] == {"stream": "Loaded image: base:latest\n"}
    assert lines[0]["status"] == "Loading layer"
    assert lines[0]["progress"].startswith("[=====")
    assert client.images.get("base").id == image_id
    _, lines = await client.ask("POST", "/images/load?quiet=1", data=saved)
    assert lines == [{"stream": "Loaded image: base:latest\n"}]
    _, (line,) = await client.ask("POST", "/images/load", data=b"no archive at all" * 100)
    assert line["error"] == line["errorDetail"]["message"]


async def test_load_in_chunks(client: Client) -> None:
    await client.imported(tar=make_tar({"big": bytes(3_000_000)}))
    async with client.call("GET", "/images/base/get") as response:
        saved = await response.read()

    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(saved), 100_000):
            await asyncio.sleep(0)
            yield saved[at : at + 100_000]

    _, lines = await client.ask("POST", "/images/load?quiet=1", data=body())
    assert lines == [{"stream": "Loaded image: base:latest\n"}]
    with tarfile.open(fileobj=io.BytesIO(saved)) as read:
        assert read.getnames()[0] == "blobs"


async def test_prune(client: Client) -> None:
    await client.imported("")
    await client.imported("kept", make_tar({"k": b"k"}))
    status, body = await client.ask("POST", "/images/prune")
    assert (status, body["SpaceReclaimed"], len(body["ImagesDeleted"])) == (200, 6, 2)
    assert await client.ask("POST", "/images/prune") == (200, {"ImagesDeleted": None, "SpaceReclaimed": 0})
    _, body = await client.ask("POST", "/images/prune", params={"filters": '{"dangling":{"false":true}}'})
    assert {"Untagged": "kept:latest"} in body["ImagesDeleted"]


async def test_commit(client: Client) -> None:
    image_id = await client.imported(changes="ENV A=1")
    users(client, image_id)
    status, body = await client.ask(
        "POST", "/commit?container=c&repo=mine&tag=2&comment=why&author=me&changes=USER+x", json={"Labels": {"l": "1"}}
    )
    assert status == 201
    made = client.images.get("mine:2")
    assert made.id == body["Id"]
    assert made.parent == image_id
    assert (made.config.user, made.config.env, made.config.cmd, made.config.labels) == (
        "x", ("A=1",), ("run",), {"l": "1"},
    )  # fmt: skip
    assert client.containers.calls == ["pause", "unpause"]
    assert len(made.layers) == 2
    _, steps = await client.ask("GET", "/images/mine:2/history")
    assert [step["Id"] for step in steps] == [made.id, image_id]
    assert client.world.actions()[-3:] == ["create", "tag", "commit"]
    status, body = await client.ask("POST", "/commit?container=c&changes=FOO+x")
    assert (status, body["message"]) == (400, "foo is not a valid change command")
    await client.ask("POST", "/commit?container=c&pause=0", data=b"null")
    assert client.containers.calls == ["pause", "unpause"]


async def test_volumes(client: Client) -> None:
    body = {"Name": "vol", "Labels": {"a": "b"}}
    status, made = await client.ask("POST", "/volumes/create", json=body)
    assert status == 201
    assert await client.ask("POST", "/volumes/create", json=body) == (201, made)
    assert {k: made[k] for k in ("Name", "Driver", "Labels", "Options", "Scope")} == {
        "Name": "vol", "Driver": "local", "Labels": {"a": "b"}, "Options": None, "Scope": "local",
    }  # fmt: skip
    _, anonymous = await client.ask("POST", "/volumes/create", json={})
    assert len(anonymous["Name"]) == 64
    assert await client.ask("GET", "/volumes/vol") == (200, made)

    async def names(**filters: list[str]) -> set[str]:
        _, found = await client.ask("GET", "/volumes", params={"filters": json.dumps(filters)})
        assert found["Warnings"] is None
        return {volume["Name"] for volume in found["Volumes"]}

    assert await names() == {"vol", anonymous["Name"]}
    assert await names(name=["vo"]) == {"vol"}
    assert await names(label=["a=b"]) == {"vol"}
    assert await names(dangling=["false"]) == set()
    assert await names(driver=["nfs"]) == set()
    _, gone = await client.ask("POST", "/v1.51/volumes/prune")
    assert gone == {"VolumesDeleted": [anonymous["Name"]], "SpaceReclaimed": 0}
    _, gone = await client.ask("POST", "/volumes/prune", params={"filters": '{"all":["true"]}'})
    assert gone["VolumesDeleted"] == ["vol"]
    assert (await client.ask("DELETE", "/volumes/vol?force=1"))[0] == 204
    status, body = await client.ask("POST", "/volumes/create", json={"Name": "v/w"})
    assert status == 400
    assert "includes invalid characters for a local volume name" in body["message"]
    assert (await client.ask("PUT", "/volumes/vol?version=1"))[0] == 503


async def test_import_from_an_address(client: Client) -> None:
    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=BASE) if request.path == "/root.tar" else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    address = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    _, lines = await client.ask(
        "POST", "/images/create", params={"fromSrc": f"http://{address}/root.tar", "repo": "net"}
    )
    assert lines == [{"status": f"Downloading from http://{address}/root.tar"}, {"status": client.images.get("net").id}]
    assert client.images.get("net").comment == f"Imported from http://{address}/root.tar"
    status, body = await client.ask("POST", "/images/create", params={"fromSrc": f"{address}/nope"})
    assert status == 500
    assert body["message"] == f"failed to GET http://{address}/nope with status 404 Not Found"
    await runner.cleanup()
    status, body = await client.ask("POST", "/images/create", params={"fromSrc": f"{address}/nope"})
    assert status == 500
    assert (await client.ask("POST", "/images/create"))[0] == 400


ARM = '{"os":"linux","architecture":"arm64"}'
AMD = '{"os":"linux","architecture":"amd64"}'
OTHER = "was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1.51/images/base/json?platform={}"),
        ("GET", "/v1.51/images/base/history?platform={}"),
        ("GET", "/v1.51/images/base/get?platform={}"),
        ("GET", "/v1.51/images/get?names=base&platform={}"),
        ("DELETE", "/v1.51/images/base?platforms={}"),
    ],
)
async def test_what_is_asked_for_a_platform(client: Client, method: str, path: str) -> None:
    await client.imported(platform="linux/amd64")
    assert await client.ask(method, path.format(ARM)) == (404, {"message": f"image with reference base {OTHER}"})
    status, refused = await client.ask(method, path.format('{"os":"linux"}'))
    assert (status, refused["message"]) == (400, "both OS and Architecture must be provided")
    async with client.call(method, path.format(AMD)) as answer:
        assert answer.status == 200


async def test_load_for_a_platform(client: Client) -> None:
    await client.imported(platform="linux/amd64")
    async with client.call("GET", "/images/base/get") as answer:
        saved = await answer.read()
    await client.ask("DELETE", "/images/base")
    _, lines = await client.ask("POST", f"/v1.51/images/load?quiet=1&platform={ARM}", data=saved)
    assert lines[-1]["error"] == f"image with reference base:latest {OTHER}"
    assert client.images.all() == []
    _, lines = await client.ask("POST", f"/v1.51/images/load?quiet=1&platform={ARM}&platform={AMD}", data=saved)
    assert lines["message"] == "multiple platforms are not supported: an image here is of one platform"
    _, lines = await client.ask("POST", f"/v1.51/images/load?quiet=1&platform={AMD}", data=saved)
    assert lines == [{"stream": "Loaded image: base:latest\n"}]


async def test_manifests_in_lists_and_inspect(client: Client) -> None:
    image_id = await client.imported(platform="linux/amd64")
    users(client, image_id)
    _, (listed,) = await client.ask("GET", "/v1.51/images/json?manifests=1")
    (manifest,) = listed["Manifests"]
    assert (manifest["Kind"], manifest["Available"]) == ("image", True)
    assert manifest["ImageData"] == {
        "Platform": {"architecture": "amd64", "os": "linux"}, "Containers": ["c" * 64], "Size": {"Unpacked": 6},
    }  # fmt: skip
    assert manifest["Size"]["Total"] == manifest["Size"]["Content"] + 6
    _, shown = await client.ask("GET", "/v1.51/images/base/json?manifests=1")
    assert shown["Manifests"] == [manifest]
    assert shown["Descriptor"] == {k: v for k, v in manifest["Descriptor"].items() if k != "platform"}
    async with client.call("GET", "/images/base/get") as answer, asyncio.timeout(20):
        with tarfile.open(fileobj=io.BytesIO(await answer.read())) as tar:  # it is the manifest that save writes
            assert f"blobs/{manifest['ID'].replace(':', '/')}" in tar.getnames()
    _, (listed,) = await client.ask("GET", "/v1.46/images/json?manifests=1")
    assert "Manifests" not in listed
    status, refused = await client.ask("GET", f"/v1.51/images/base/json?manifests=1&platform={AMD}")
    assert (status, refused["message"]) == (
        400,
        "conflicting options: manifests and platform options cannot both be set",
    )
