"""The registry under fire: killed during pushes and collections, collected while a thousand pushes run.

Two promises: what was answered with 201 is there, byte for byte; and no record points to bytes that are not.
"""

import asyncio
import contextlib
import os
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from boxship.base.clock import SystemClock
from boxship.engine.registry.access import Rights
from boxship.engine.registry.hooks import Hooks
from boxship.engine.registry.mirror import Mirror
from boxship.engine.registry.options import Options
from boxship.engine.registry.service import Registry
from boxship.front.registry.app import registry_app
from boxship.front.registry.door import Door
from tests.registries import OCTETS, Api, Image, Server, digest_of, image

SHARED = [b"layer %d " % number + os.urandom(2000) for number in range(60)]


async def push(api: Api, repository: str, tag: str, pushed: Image) -> None:
    """As the stock clients do: ask for each blob, upload those that are not there. Raises when refused."""
    for blob in pushed.blobs:
        if (await api.ask("HEAD", f"/v2/{repository}/blobs/{digest_of(blob)}")).status != 200:
            await api.upload(repository, blob)
    answer = await api.put(repository, tag, pushed.manifest)
    assert answer.status == 201, answer.body


async def check(api: Api, repository: str, tag: str, pushed: Image) -> None:
    found = await api.ask("GET", f"/v2/{repository}/manifests/{tag}")
    assert (found.status, found.body) == (200, pushed.manifest), f"{repository}:{tag}"
    for blob in pushed.blobs:
        answer = await api.ask("GET", f"/v2/{repository}/blobs/{digest_of(blob)}")
        assert (answer.status, answer.body) == (200, blob), f"{repository}:{tag} {digest_of(blob)}"


def check_records(root: Path) -> None:
    """Every record's bytes are there and of its size."""
    with contextlib.closing(sqlite3.connect(root / "registry.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for digest, size, key in db.execute("SELECT digest, size, key FROM blobs"):
            assert (root / "blobs" / key[:2] / key).stat().st_size == size, digest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    found = Server(root, "--lease", "60s")
    yield found.start()
    found.close()


@contextlib.asynccontextmanager
async def in_process(root: Path, lease: float) -> AsyncIterator[tuple[Registry, Api]]:
    """A registry whose leases are shorter than settings permit."""
    registry = Registry(Options(root=root, lease=lease, grace=0.2))
    hooks = Hooks((), registry.records, SystemClock())
    app = registry_app(registry, Door(Rights((), open_=True)), Mirror((), registry.content, registry.catalog), hooks)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as http:
        yield registry, Api(f"http://127.0.0.1:{port}", http)
    await runner.cleanup()
    await registry.aclose()


@dataclass
class Traffic:
    """Sixteen clients push, delete and push again what was deleted; images share layers, so that the same blobs are
    garbage one moment and wanted the next. kept: what must be there at the end."""

    api: Api
    count: int
    kept: dict[tuple[str, str], Image] = field(default_factory=dict)

    async def client(self, number: int) -> None:
        chance = random.Random(number)
        for turn in range(self.count):
            pushed = image(*chance.sample(SHARED, 3), config=b"config %d.%d" % (number, turn % 9))
            repository, tag = f"team/app{number % 4}", f"c{number}-{turn}"
            await push(self.api, repository, tag, pushed)
            self.kept[repository, tag] = pushed
            if turn % 8:
                await self._forget(repository, pushed)
            await asyncio.sleep(chance.random() * 0.2)

    async def _forget(self, repository: str, pushed: Image) -> None:
        """Another client may have pushed the same manifest: all its tags go."""
        tags = [key for key, kept in self.kept.items() if key[0] == repository and kept.digest == pushed.digest]
        for key in tags:
            del self.kept[key]
        await self.api.ask("DELETE", f"/v2/{repository}/manifests/{pushed.digest}")


@pytest.mark.slow
async def test_a_thousand_pushes_during_collections(root: Path) -> None:
    async with in_process(root, lease=1.0) as (registry, api):
        traffic = Traffic(api, 63)
        removed = runs = 0

        async def collect() -> None:
            nonlocal removed, runs
            while True:
                removed += (await registry.collector.collect()).blobs
                runs += 1
                await asyncio.sleep(0.01)

        collecting = asyncio.create_task(collect())
        await asyncio.gather(*(traffic.client(number) for number in range(16)))
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        print(f"{16 * 63} pushes, {runs} collections, {removed} blobs removed, {len(traffic.kept)} images kept")
        assert runs > 3
        for (repository, tag), pushed in traffic.kept.items():
            await check(api, repository, tag, pushed)
        await asyncio.sleep(1.2)
        await registry.collector.collect()
        for (repository, tag), pushed in traffic.kept.items():
            await check(api, repository, tag, pushed)
        assert removed > 0
    check_records(root)


async def test_killed_during_pushes(server: Server, root: Path) -> None:
    acknowledged: dict[str, Image] = {}
    chance = random.Random(5)

    async def client(api: Api, number: int, round_: int) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            for turn in range(1000):
                tag = f"t{round_}-{number}-{turn}"
                pushed = image(os.urandom(chance.randrange(1, 300_000)), SHARED[turn % 60], config=tag.encode())
                await push(api, "team/app", tag, pushed)
                acknowledged[tag] = pushed

    for round_ in range(5):
        async with aiohttp.ClientSession() as http:
            api = Api(server.base, http)
            before = len(acknowledged)
            clients = [asyncio.create_task(client(api, number, round_)) for number in range(8)]
            async with asyncio.timeout(60):
                while len(acknowledged) < before + 3:  # noqa: ASYNC110, the clients do it
                    await asyncio.sleep(0.01)
            await asyncio.sleep(chance.random() * 0.6)
            server.kill()
            await asyncio.gather(*clients)
        check_records(root)
        server.start()
    assert len(acknowledged) > 10
    async with aiohttp.ClientSession() as http:
        api = Api(server.base, http)
        for tag, pushed in acknowledged.items():
            await check(api, "team/app", tag, pushed)


async def test_an_upload_goes_on_after_a_kill(server: Server) -> None:
    content = os.urandom(5_000_000)
    async with aiohttp.ClientSession() as http:
        api = Api(server.base, http)
        place = (await api.ask("POST", "/v2/a/blobs/uploads/")).headers["Location"]
        half = await api.ask("PATCH", place, content[:3_000_000], **OCTETS)
        assert half.headers["Range"] == "0-2999999"
        server.kill()
        server.start()
    async with aiohttp.ClientSession() as http:
        api = Api(server.base, http)
        assert (await api.ask("GET", place)).headers["Range"] == "0-2999999"
        rest = await api.ask("PATCH", place, content[3_000_000:], Content_Range="3000000-4999999", **OCTETS)
        assert rest.status == 202
        done = await api.ask("PUT", f"{place}?digest={digest_of(content)}")
        assert (done.status, (await api.ask("GET", done.headers["Location"])).body) == (201, content)


async def test_an_upload_goes_on_after_a_broken_connection(server: Server) -> None:
    content = os.urandom(4_000_000)

    async def come(place: str, size: int) -> None:
        """Wait until the registry has so many bytes."""
        async with asyncio.timeout(60):
            while int((await api.ask("GET", place)).headers["Range"].partition("-")[2]) + 1 < size:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def breaking() -> AsyncIterator[bytes]:
        yield content[:2_500_000]
        await come(place, 2 << 20)  # it writes them by the mebibyte; the rest is on its way
        raise ConnectionResetError("the client went away")

    async with aiohttp.ClientSession() as http:
        api = Api(server.base, http)
        place = (await api.ask("POST", "/v2/a/blobs/uploads/")).headers["Location"]
        with pytest.raises((aiohttp.ClientError, OSError)):
            await api.ask("PATCH", place, breaking(), **OCTETS)
        held = 2_500_000
        await come(place, held)
        done = await api.ask("PUT", f"{place}?digest={digest_of(content)}", content[held:], **OCTETS)
        assert done.status == 201


async def test_killed_during_collections(server: Server, root: Path) -> None:
    kept = {f"k{number}": image(SHARED[number], os.urandom(1000)) for number in range(8)}
    chance = random.Random(7)
    for _ in range(4):
        async with aiohttp.ClientSession() as http:
            api = Api(server.base, http)
            for tag, pushed in kept.items():
                await push(api, "keep", tag, pushed)
            for number in range(60):
                garbage = image(os.urandom(500), SHARED[number], config=os.urandom(8))
                await push(api, "waste", "t", garbage)
                await api.ask("DELETE", f"/v2/waste/manifests/{garbage.digest}")
            _age(root)
            collecting = asyncio.create_task(api.ask("POST", "/boxship/collect"))
            await asyncio.sleep(chance.random() * 0.08)
            server.kill()
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await collecting
        check_records(root)
        server.start()
    async with aiohttp.ClientSession() as http:
        api = Api(server.base, http)
        _age(root)
        assert (await api.ask("POST", "/boxship/collect")).status == 200
        for tag, pushed in kept.items():
            await check(api, "keep", tag, pushed)
    check_records(root)
    with contextlib.closing(sqlite3.connect(root / "registry.db")) as db:
        live = {digest_of(blob) for pushed in kept.values() for blob in pushed.blobs}
        assert {row[0] for row in db.execute("SELECT digest FROM blobs")} == live


def _age(root: Path) -> None:
    """Let all leases end now."""
    with contextlib.closing(sqlite3.connect(root / "registry.db", timeout=10, isolation_level=None)) as db:
        db.execute("UPDATE links SET leased = ?", (time.time() - 1,))
