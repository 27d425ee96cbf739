"""Pull and push over a real socket against a registry that can be made to misbehave."""

import base64
import gzip
import json
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from aiohttp import web

from boxship.base.errors import Invalid, NotFound, PlatformError, Unauthorized
from boxship.engine.events import Events
from boxship.engine.images import Images
from boxship.engine.images.making import ImportWish
from boxship.engine.images.manifest import Platform
from boxship.engine.images.reference import Reference, parse
from boxship.engine.images.registry import Registries, client
from boxship.engine.images.registry.auth import NOBODY, Credentials, parse_challenges, parse_header
from boxship.engine.images.registry.hosts import RegistryOptions, endpoints, is_insecure
from tests.unit.engine.images.fakes import World, in_pieces, make_tar
from tests.unit.engine.images.registry.fake import FakeRegistry, digest

AMD64 = Platform("amd64", "linux")
ME = Credentials(username="me", password="secret")
TARS = [make_tar({"a": random.Random(1).randbytes(300_000)}), make_tar({"b": b"2" * 50_000})]
PACKED = [gzip.compress(tar, mtime=0) for tar in TARS]


class Site:
    """A registry and a daemon that may use it."""

    def __init__(self, registry: FakeRegistry, world: World, images: Images) -> None:
        self.registry = registry
        self.world = world
        self.images = images
        self.registries = Registries(images, Events(world.bus, world.clock), RegistryOptions(), world.clock)
        self.lines: list[dict[str, Any]] = []

    def name(self, text: str) -> Reference:
        return parse(f"{self.registry.domain}/{text}")

    def serve(self, name: str = "team/app:1") -> str:
        return self.registry.put_image(name, PACKED, [digest(tar) for tar in TARS])

    async def pull(self, text: str = "team/app:1", who: Credentials = NOBODY) -> list[str]:
        """Return the status lines, without download progress."""
        self.lines.clear()
        pull = await self.registries.find(self.name(text), AMD64, who)
        try:
            await pull.run(self.lines.append)
        finally:
            await pull.aclose()
        return [line["status"] for line in self.lines if line["status"] != "Downloading"]

    async def push(self, text: str = "team/app:1", who: Credentials = NOBODY) -> list[str]:
        self.lines.clear()
        async with self.registries.push(self.name(text), who) as run:
            await run(self.lines.append)
        return [line["status"] for line in self.lines if line.get("status", "Pushing") != "Pushing"]

    def staged(self) -> list[str]:
        return os.listdir(self.world.root / "tmp")


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    registry = await FakeRegistry().start()
    world = World(tmp_path)
    yield Site(registry, world, await world.daemon())
    await registry.stop()


async def test_pull(site: Site) -> None:
    pulled = site.serve()
    lines = await site.pull()
    assert lines[0] == "Pulling from team/app"
    assert lines[1:3] == ["Pulling fs layer"] * 2
    steps = ["Verifying Checksum", "Download complete", "Extracting", "Pull complete"]
    assert sorted(lines[3:11]) == sorted(steps * 2)
    packed = digest(PACKED[0])[7:19]
    told = [line["status"] for line in site.lines if line.get("id") == packed and line["status"] != "Downloading"]
    assert told == ["Pulling fs layer", *steps]
    name = f"{site.registry.domain}/team/app"
    assert lines[11:] == [f"Digest: {pulled}", f"Status: Downloaded newer image for {name}:1"]
    image = site.images.get(f"{name}:1")
    assert image.digests == (f"{name}@{pulled}",)
    assert image.layers == tuple(map(digest, TARS))
    assert site.world.actions() == ["pull"]
    assert site.staged() == []
    site.registry.requests.clear()
    lines = await site.pull()
    assert site.registry.requests == ["GET /v2/team/app/manifests/1"]
    assert lines[1:] == [f"Digest: {pulled}", f"Status: Image is up to date for {name}:1"]
    known = site.images.manifest(site.images.get(f"{name}:1"))
    body = site.registry.manifests["team/app/1"][1]
    assert (known.digest, known.size, known.media_type) == (pulled, len(body), site.registry.manifests["team/app/1"][0])


async def test_layers_of_other_images_are_not_fetched_again(site: Site) -> None:
    site.serve()
    await site.pull()
    site.registry.put_image("team/more:1", PACKED[:1], [digest(TARS[0])])
    lines = await site.pull("team/more:1")
    assert lines[1:2] == ["Already exists"]
    assert lines[-1].startswith("Status: Downloaded newer image")


async def test_pull_by_digest(site: Site) -> None:
    pulled = site.serve()
    await site.pull(f"team/app@{pulled}")
    image = site.images.get(f"{site.registry.domain}/team/app@{pulled}")
    assert image.tags == ()
    body = site.registry.manifests["team/app/1"]
    site.registry.manifests[f"team/app/{digest(b'x')}"] = body
    with pytest.raises(Invalid, match="manifest verification failed"):
        await site.pull(f"team/app@{digest(b'x')}")


async def test_pull_chooses_the_platform(site: Site) -> None:
    entries = []
    for number, machine in enumerate(("arm64", "amd64")):
        found = site.registry.put_image(f"team/app:{machine}", [PACKED[number]], [digest(TARS[number])])
        entries.append(
            {"digest": found, "size": 1, "mediaType": "m", "platform": {"architecture": machine, "os": "linux"}}
        )
    kind = "application/vnd.oci.image.index.v1+json"
    whole = site.registry.put_manifest(
        "team/app:multi", kind, json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()
    )
    await site.pull("team/app:multi")
    image = site.images.get(f"{site.registry.domain}/team/app:multi")
    assert image.layers == (digest(TARS[1]),)
    assert image.digests[0].endswith(whole)
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x in the manifest list entries"):
        await site.registries.find(site.name("team/app:multi"), Platform("s390x", "linux"))
    found = await site.registries.inspect(site.name("team/app:multi"))
    assert found["Descriptor"]["digest"] == whole
    assert [p["architecture"] for p in found["Platforms"]] == ["arm64", "amd64"]
    found = await site.registries.inspect(site.name("team/app:arm64"))
    assert found["Platforms"] == [{"architecture": "amd64", "os": "linux"}]


async def test_missing_images(site: Site) -> None:
    site.registry.busy = [(404, {})]
    with pytest.raises(NotFound, match=r"repository .*/nope not found: "):
        await site.registries.tags(site.name("nope"))
    with pytest.raises(NotFound) as raised:
        await site.pull("nope:1")
    name = f"{site.registry.domain}/nope"
    assert str(raised.value) == f"manifest for {name}:1 not found: manifest unknown: manifest unknown"


async def test_nobody_listens(site: Site) -> None:
    with pytest.raises(PlatformError, match=r"dial tcp 127.0.0.1:1: connect: connection refused") as raised:
        await site.registries.find(parse("127.0.0.1:1/x:1"), AMD64)
    assert raised.value.status == 500


@pytest.mark.parametrize("ranges", [True, False])
async def test_broken_downloads_are_resumed(site: Site, ranges: bool) -> None:
    site.serve()
    site.registry.breaks = [100_000, 70_000, 200, 0]
    site.registry.ranges = ranges
    await site.pull()
    assert len(site.images.all()) == 1


async def test_downloads_that_never_go_on_are_given_up(site: Site) -> None:
    site.serve()
    site.registry.breaks = [0] * 100
    with pytest.raises(PlatformError, match=r"download of .* failed"):
        await site.pull()
    assert site.images.all() == []
    assert site.staged() == []


async def test_corrupt_layers_are_refused(site: Site) -> None:
    site.serve()
    site.registry.corrupt = digest(PACKED[1])
    with pytest.raises(Invalid, match=r"verification failed|broken compressed data|cut off"):
        await site.pull()
    assert site.images.all() == []
    assert site.staged() == []
    assert os.listdir(site.world.root / "layers") == []


async def test_a_layer_that_is_not_what_the_configuration_says(site: Site) -> None:
    site.registry.put_image("team/app:1", PACKED, [digest(TARS[0]), digest(b"else")])
    with pytest.raises(Invalid, match="its content is"):
        await site.pull()
    assert site.staged() == []


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_authentication(site: Site, auth: str) -> None:
    site.registry.auth = auth
    site.serve()
    with pytest.raises(NotFound, match=r"pull access denied for .*, repository does not exist or may require"):
        await site.pull()
    await site.pull(who=ME)
    await site.registries.login(Credentials(username="me", password="secret", server=site.registry.domain))
    with pytest.raises(Unauthorized):
        await site.registries.login(Credentials(username="me", password="wrong", server=site.registry.domain))


async def test_bearer_tokens_ask_for_what_is_needed(site: Site) -> None:
    site.registry.auth = "bearer"
    site.serve()
    await site.pull(who=ME)
    assert site.registry.token_requests == [{"service": "s", "scope": "repository:team/app:pull", "account": "me"}]
    await site.pull(who=Credentials(identity_token="refresh"))
    assert site.registry.token_requests[-1]["grant_type"] == "refresh_token"
    await site.pull(who=Credentials(registry_token="letmein"))


async def make_image(site: Site, name: str = "team/app:1") -> str:
    image = await site.images.import_(in_pieces(TARS[0]), ImportWish(reference=site.name(name)))
    return image.id


async def test_push(site: Site) -> None:
    image_id = await make_image(site)
    lines = await site.push()
    (line,) = [found for found in site.lines if "aux" in found]
    pushed = line["aux"]["Digest"]
    assert lines == [
        f"The push refers to repository [{site.registry.domain}/team/app]", "Preparing", "Pushed",
        f"1: digest: {pushed} size: {line['aux']['Size']}",
    ]  # fmt: skip
    assert site.world.actions()[-1] == "push"
    assert site.images.get(image_id).digests == (f"{site.registry.domain}/team/app@{pushed}",)
    assert (await site.push())[2] == "Layer already exists"
    await site.images.remove(f"{site.registry.domain}/team/app:1")
    assert site.images.all() == []
    await site.pull()
    assert site.images.get(f"{site.registry.domain}/team/app:1").id == image_id


async def test_push_mounts_from_other_repositories(site: Site) -> None:
    image_id = await make_image(site)
    await site.push()
    await site.images.tag(image_id, f"{site.registry.domain}/other", "2")
    real = site.registry.blobs
    hidden = {key: data for key, data in real.items() if data[:1] != b"\x1f"}
    assert len(hidden) < len(real)

    original = site.registry._blob

    async def elsewhere(request: Any, name: str) -> Any:
        if request.method == "HEAD" and request.path.startswith("/v2/other/"):
            return web.Response(status=404)
        return await original(request, name)

    site.registry._blob = elsewhere  # type: ignore[method-assign]
    assert "Mounted from team/app" in await site.push("other:2")


async def test_layers_packed_with_zstd_keep_their_name(site: Site) -> None:
    """A manifest that calls them gzip cannot be pulled by anybody."""
    packed = [zstandard.ZstdCompressor().compress(TARS[0]), PACKED[1]]
    site.registry.put_image("team/app:1", packed, [digest(tar) for tar in TARS])
    await site.pull()
    await site.push()
    kind, body = site.registry.manifests["team/app/1"]
    pushed = json.loads(body)
    assert kind == pushed["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert [(layer["mediaType"].rpartition("+")[2], layer["digest"]) for layer in pushed["layers"]] == [
        ("zstd", digest(packed[0])), ("gzip", digest(packed[1])),
    ]  # fmt: skip
    await site.images.remove(f"{site.registry.domain}/team/app:1")
    await site.pull()


async def test_push_for_a_platform(site: Site) -> None:
    await make_image(site)
    image = site.images.get(f"{site.registry.domain}/team/app:1")
    with pytest.raises(NotFound, match="does not match the specified platform"):
        async with site.registries.push(site.name("team/app:1"), NOBODY, Platform("s390x", "linux")):
            pytest.fail("it is of another platform")
    async with site.registries.push(site.name("team/app:1"), NOBODY, Platform(image.architecture, "linux")) as run:
        await run(site.lines.append)
    assert site.images.get(image.id).manifest is not None


async def test_a_login_that_runs_out_on_the_way(site: Site) -> None:
    """A token lasts for minutes, an upload may take longer."""
    await make_image(site)
    site.registry.auth, site.registry.resumable = "bearer", True
    site.registry.expire_on = ["PATCH"]
    assert "Pushed" in await site.push(who=ME)


@pytest.mark.parametrize("post_only", [False, True])
async def test_login_brings_a_refresh_token(site: Site, post_only: bool) -> None:
    site.registry.auth, site.registry.refresh, site.registry.post_only = "bearer", "refresh", post_only
    who = Credentials(username="me", password="secret", server=site.registry.domain)
    assert await site.registries.login(who) == "refresh"
    with pytest.raises(Unauthorized):
        await site.registries.login(Credentials(username="me", password="wrong", server=site.registry.domain))
    site.serve()
    await site.pull(who=Credentials(identity_token="refresh"))
    assert site.registry.token_requests[-1]["grant_type"] == "refresh_token"
    site.registry.auth = "basic"
    assert await site.registries.login(who) == ""


async def test_push_begins_again_when_broken(site: Site) -> None:
    await make_image(site)
    site.registry.breaks = [1000]
    assert "Pushed" in await site.push()


async def test_push_goes_on_where_it_broke(site: Site) -> None:
    await make_image(site)
    site.registry.breaks, site.registry.resumable = [1000, 700], True
    assert "Pushed" in await site.push()
    begun = [line for line in site.registry.requests if line.startswith("POST")]
    assert len(begun) == 2, begun  # the layer's, once, and the configuration's
    await site.images.remove(f"{site.registry.domain}/team/app:1")
    await site.pull()  # all its bytes are right


async def test_push_that_never_goes_on_is_given_up(site: Site) -> None:
    await make_image(site)
    site.registry.breaks = [100] * 50
    with pytest.raises(PlatformError, match="Patch"):
        await site.push()


async def test_a_layer_whose_files_have_changed_is_not_pushed(site: Site) -> None:
    image_id = await make_image(site)
    for file in Path(site.images.layer_path(site.images.get(image_id).layers[0])).rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[::-1])
    blobs = len(site.registry.blobs)
    with pytest.raises(Invalid, match="has changed since"):
        await site.push()
    assert len(site.registry.blobs) == blobs
    assert not [line for line in site.registry.requests if line.startswith("PUT")]


async def test_a_busy_registry_is_asked_again(site: Site) -> None:
    site.serve()
    site.registry.busy = [(503, {}), (429, {"Retry-After": "0"})]
    assert "Pull complete" in await site.pull()


async def test_rate_limits_are_explained(site: Site) -> None:
    site.serve()
    site.registry.busy = [(429, {"Retry-After": "7200", "RateLimit-Limit": "100;w=21600"})] * 9
    with pytest.raises(PlatformError, match="it allows 100 pulls in 6 hours; try again in 2 hours") as caught:
        await site.pull()
    assert caught.value.status == 429


async def test_push_of_all_tags(site: Site) -> None:
    image_id = await make_image(site)
    await site.images.tag(image_id, f"{site.registry.domain}/team/app", "2")
    lines = await site.push("team/app")
    assert [line[:2] for line in lines if "digest:" in line] == ["1:", "2:"]
    assert await site.registries.tags(site.name("team/app")) == ["1", "2"]


async def test_push_refusals(site: Site) -> None:
    with pytest.raises(NotFound, match=r"An image does not exist locally with the tag: .*/team/app"):
        await site.push()
    await make_image(site)
    site.registry.auth = "bearer"
    with pytest.raises(Unauthorized):
        await site.push()
    await site.push(who=ME)


async def test_through_a_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's name is known to the proxy only."""
    monkeypatch.setenv("http_proxy", f"http://{site.registry.domain}")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    pulled = site.serve()
    site.registries.options = RegistryOptions(insecure=("reg.invalid",))
    pull = await site.registries.find(parse("reg.invalid/team/app:1"), AMD64)
    await pull.run(site.lines.append)
    await pull.aclose()
    assert site.images.get("reg.invalid/team/app:1").digests == (f"reg.invalid/team/app@{pulled}",)
    monkeypatch.setenv("no_proxy", "invalid")
    with pytest.raises(PlatformError, match="no such host"):
        await site.registries.find(parse("reg.invalid/team/app:1"), AMD64)


async def test_search(site: Site) -> None:
    found = await site.registries.search(f"{site.registry.domain}/box", 1)
    assert found == [{"name": "a/box", "star_count": 5, "is_official": False}]


def test_endpoints() -> None:
    options = RegistryOptions(mirrors=("https://m", "quay.io=https://q"), insecure=("10.0.0.0/8", "reg:5000"))
    shown = {
        domain: [e.base for e in endpoints(domain, options)]
        for domain in ("docker.io", "quay.io", "10.1.2.3:5000", "reg:5000", "localhost:5000", "ghcr.io")
    }
    assert shown == {
        "docker.io": ["https://m", "https://registry-1.docker.io"],
        "quay.io": ["https://q", "https://quay.io"],
        "10.1.2.3:5000": ["https://10.1.2.3:5000", "http://10.1.2.3:5000"],
        "reg:5000": ["https://reg:5000", "http://reg:5000"],
        "localhost:5000": ["https://localhost:5000", "http://localhost:5000"],
        "ghcr.io": ["https://ghcr.io"],
    }
    assert [e.base for e in endpoints("docker.io", options, mirrors=False)] == ["https://registry-1.docker.io"]
    assert is_insecure("[::1]:5000", ())
    assert not is_insecure("example.com", ("not a block", "10.0.0.0/8"))


def test_credentials() -> None:
    def header(**fields: str) -> str:
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()

    assert parse_header("") == parse_header("%%%") == parse_header("AAAA") == NOBODY
    assert parse_header(header(username="a", password="b", serveraddress="s")) == Credentials(
        username="a", password="b", server="s"
    )
    assert parse_header(header(identitytoken="t")).identity_token == "t"
    assert parse_header(header(auth=base64.b64encode(b"u:p:q").decode())).password == "p:q"
    assert "secret" not in repr(ME)


def test_challenges() -> None:
    (found,) = parse_challenges(['Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"', "Negotiate"])
    assert found.scheme == "bearer"
    assert found.parameters == {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"}
