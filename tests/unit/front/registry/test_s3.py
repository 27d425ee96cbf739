"""A whole registry whose blobs are in S3."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from boxship.engine.registry.options import Bucket
from tests.registries import digest_of, image, serving


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    place = Bucket(bucket="images", endpoint=f"http://{host}:{port}", access_key="test", secret_key="test")
    client = boto3.client("s3", endpoint_url=place.endpoint, region_name=place.region, aws_access_key_id="test",
                          aws_secret_access_key="test")  # fmt: skip
    client.create_bucket(Bucket=place.bucket)
    yield place
    client.close()
    server.stop()


async def test_push_pull_and_collect(tmp_path: Path, bucket: Bucket) -> None:
    layer = os.urandom(9_000_000)
    pushed = image(layer)
    async with serving(tmp_path / "r", s3=(bucket,)) as api:
        await api.push("a", "v1", pushed)
        path = f"/v2/a/blobs/{digest_of(layer)}"
        many = await asyncio.gather(*(api.ask("GET", path) for _ in range(3)))
        assert all(answer.body == layer for answer in many)
        part = await api.ask("GET", path, Range="bytes=8000000-8000009")
        assert (part.status, part.body) == (206, layer[8_000_000:8_000_010])
        assert not [p for p in (tmp_path / "r").rglob("*") if p.is_file() and p.stat().st_size > 1_000_000], "not here"
        assert (await api.ask("POST", "/boxship/collect")).json["blobs"] == 0
        assert (await api.ask("GET", path)).body == layer
