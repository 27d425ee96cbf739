"""Pull-through: one registry in front of another, both here."""

import asyncio
import os
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web

from boxship.engine.images.manifest import OCI_INDEX
from boxship.engine.registry.mirror import Place, locate
from boxship.engine.registry.options import Upstream
from tests.registries import digest_of, image, index, serving

HUB = Upstream(prefix="docker.io", url="https://hub", default=True)
QUAY = Upstream(prefix="quay.io", url="https://quay")
PLACES = {
    ("docker.io/library/a", ""): Place("docker.io/library/a", HUB, "library/a"),
    ("quay.io/x", ""): Place("quay.io/x", QUAY, "x"),
    ("library/a", "docker.io"): Place("docker.io/library/a", HUB, "library/a"),
    ("x", "quay.io"): Place("quay.io/x", QUAY, "x"),
    ("library/a", ""): Place("docker.io/library/a", HUB, "library/a"),
    ("ours", ""): Place("ours"),
    ("quay.iox/y", ""): Place("docker.io/quay.iox/y", HUB, "quay.iox/y"),
}


@pytest.mark.parametrize(("asked", "place"), PLACES.items())
def test_where_names_lead(asked: tuple[str, str], place: Place) -> None:
    assert locate(*asked, (HUB, QUAY), lambda name: name == "ours") == place


def test_without_a_default_names_are_our_own() -> None:
    assert locate("library/a", "", (QUAY,), lambda _: False) == Place("library/a")


async def test_it_fetches_once_and_keeps_serving(tmp_path: Path) -> None:
    layer = os.urandom(3_000_000)
    pushed = image(layer)
    blob = f"/v2/far/team/app/blobs/{digest_of(layer)}"
    async with serving(tmp_path / "far") as far:
        await far.push("team/app", "v1", pushed)
        upstream = Upstream(prefix="far", url=far.base, fresh=0.0)
        async with serving(tmp_path / "near", upstreams=(upstream,)) as near:
            found = await near.ask("GET", "/v2/far/team/app/manifests/v1")
            assert (found.status, found.body) == (200, pushed.manifest)
            size = await near.ask("HEAD", blob)
            assert (size.status, size.headers["Content-Length"]) == (200, str(len(layer)))
            many = await asyncio.gather(*(near.ask("GET", blob) for _ in range(5)))
            assert all(answer.body == layer for answer in many)
            assert (await near.ask("GET", blob, Range="bytes=5-9")).body == layer[5:10]
            assert (await near.ask("GET", "/v2/team/app/manifests/v1?ns=far")).body == pushed.manifest
            lines = (await far.ask("GET", "/metrics")).body.decode().splitlines()
            sent = next(line.split()[1] for line in lines if line.startswith("registry_blob_sent_bytes_total"))
            assert float(sent) == len(layer), "fetched once"
            newer = image(layer, config=b"newer")
            await far.push("team/app", "v1", newer)
            assert (await near.ask("GET", "/v2/far/team/app/manifests/v1")).body == newer.manifest
            assert (await near.ask("GET", "/v2/far/team/app/manifests/v2")).code == "MANIFEST_UNKNOWN"
            assert (await near.ask("GET", f"/v2/far/team/app/blobs/{digest_of(b'no')}")).code == "BLOB_UNKNOWN"
            denied = await near.ask("POST", "/v2/far/team/app/blobs/uploads/")
            assert (denied.status, denied.code) == (403, "DENIED")
    async with serving(tmp_path / "near", upstreams=(upstream,)) as near:  # the upstream is away now
        assert (await near.ask("GET", "/v2/far/team/app/manifests/v1")).body == newer.manifest
        assert (await near.ask("GET", blob)).body == layer
        assert (await near.ask("GET", "/v2/far/else/manifests/v1")).status >= 500


async def test_several_upstreams_in_one(tmp_path: Path) -> None:
    one, two, ours = image(b"one"), image(b"two"), image(b"ours")
    async with serving(tmp_path / "1") as first, serving(tmp_path / "2") as second:
        await first.push("library/app", "v1", one)
        await second.push("app", "v1", two)
        await second.put("app", "all", index(two.manifest), OCI_INDEX)
        upstreams = (
            Upstream(prefix="docker.io", url=first.base, default=True),
            Upstream(prefix="quay.io", url=second.base),
        )
        async with serving(tmp_path / "near", upstreams=upstreams) as near:
            await near.push("ours/app", "v1", ours)
            wanted = {"library/app": one, "docker.io/library/app": one, "quay.io/app": two, "ours/app": ours}
            for name, pushed in wanted.items():
                assert (await near.ask("GET", f"/v2/{name}/manifests/v1")).body == pushed.manifest, name
                for content in pushed.blobs:
                    assert (await near.ask("GET", f"/v2/{name}/blobs/{digest_of(content)}")).body == content
            assert (await near.ask("GET", "/v2/quay.io/app/manifests/all")).headers["Content-Type"] == OCI_INDEX
            assert (await near.ask("GET", f"/v2/quay.io/app/manifests/{two.digest}")).body == two.manifest


async def test_an_upstream_that_wants_a_password(tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"me:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    (tmp_path / "secret").write_text("secret\n")
    pushed = image(b"layer")
    async with serving(tmp_path / "far", htpasswd=str(tmp_path / "users"), token=True) as far:
        answer = await far.ask("GET", "/token?scope=repository:app:push,pull", Authorization="Basic bWU6c2VjcmV0")
        far.shown = {"Authorization": f"Bearer {answer.json['token']}"}
        await far.push("app", "v1", pushed)
        known = Upstream(prefix="far", url=far.base, username="me", password_file=str(tmp_path / "secret"))
        async with serving(tmp_path / "near", upstreams=(known, Upstream(prefix="no", url=far.base))) as near:
            assert (await near.ask("GET", "/v2/far/app/manifests/v1")).body == pushed.manifest
            refused = await near.ask("GET", "/v2/no/app/manifests/v1")
            assert (refused.status, "WWW-Authenticate" in refused.headers) == (502, False)


async def test_an_upstream_that_breaks_off_is_asked_for_the_rest(tmp_path: Path) -> None:
    layer, asked = os.urandom(2_000_000), []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Range", ""))
        response = web.StreamResponse()
        if asked[-1]:
            start = int(asked[-1].removeprefix("bytes=").rstrip("-"))
            return web.Response(status=206, body=layer[start:])
        response.content_length = len(layer)
        await response.prepare(request)
        await response.write(layer[:1_000_000])
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def size(_: web.Request) -> web.Response:
        return web.Response(headers={"Content-Length": str(len(layer))})

    app = web.Application()
    app.router.add_head("/v2/app/blobs/{digest}", size)
    app.router.add_get("/v2/app/blobs/{digest}", answer, allow_head=False)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream = Upstream(prefix="far", url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with serving(tmp_path / "near", upstreams=(upstream,)) as near:
        found = await near.ask("GET", f"/v2/far/app/blobs/{digest_of(layer)}")
        assert (found.status, found.body) == (200, layer)
    assert (asked[0], len(asked)) == ("", 2)
    await runner.cleanup()
