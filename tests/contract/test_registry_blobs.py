"""One suite for all drivers of a registry's blobs."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boxship.base.errors import NotFound
from boxship.engine.registry.drivers.api import Blobs
from boxship.engine.registry.drivers.directory import Directory
from boxship.engine.registry.options import Bucket

KEY = "ab" * 32 + "-00000001"
BODY = bytes(range(256)) * 40_000  # 10 MB: more than one part, more than one piece


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["directory", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    driver: Blobs
    if request.param == "directory":
        driver = Directory(tmp_path / "blobs")
    else:
        from boxship.engine.registry.drivers.s3 import S3

        place = Bucket(bucket=f"b{time.time_ns()}", endpoint=request.getfixturevalue("s3_address"), prefix="registry",
                       access_key="test", secret_key="test")  # fmt: skip
        driver = S3(place)
        await asyncio.to_thread(driver._client.create_bucket, Bucket=place.bucket)
    yield driver
    await driver.aclose()


async def put(blobs: Blobs, tmp_path: Path, key: str, body: bytes) -> None:
    file = tmp_path / f"upload-{key}"
    file.write_bytes(body)
    await blobs.take(file, key)
    assert not file.exists()


async def got(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("body", [b"", b"x", BODY], ids=["empty", "one byte", "large"])
async def test_what_goes_in_comes_out(blobs: Blobs, tmp_path: Path, body: bytes) -> None:
    await put(blobs, tmp_path, KEY, body)
    assert await got(blobs.read(KEY)) == body
    path = blobs.local(KEY)
    assert path is None or path.read_bytes() == body


@pytest.mark.parametrize(("start", "length"), [(0, 10), (5, None), (1_000_000, 3_000_000), (len(BODY) - 1, 1), (3, 0)])
async def test_parts_of_it(blobs: Blobs, tmp_path: Path, start: int, length: int | None) -> None:
    await put(blobs, tmp_path, KEY, BODY)
    end = None if length is None else start + length
    assert await got(blobs.read(KEY, start, length)) == BODY[start:end]


async def test_what_is_not_there(blobs: Blobs) -> None:
    with pytest.raises(NotFound):
        await got(blobs.read(KEY))


async def test_removing_may_be_repeated(blobs: Blobs, tmp_path: Path) -> None:
    await put(blobs, tmp_path, KEY, b"x")
    await blobs.remove(KEY)
    await blobs.remove(KEY)
    with pytest.raises(NotFound):
        await got(blobs.read(KEY))


async def test_all_that_is_there(blobs: Blobs, tmp_path: Path) -> None:
    keys = {f"{number:02x}" * 32 + "-0": number for number in range(0, 40, 3)}
    for key, size in keys.items():
        await put(blobs, tmp_path, key, b"x" * size)
    found = [stored async for stored in blobs.all()]
    assert {stored.key: stored.size for stored in found} == keys
    assert all(abs(stored.modified - time.time()) < 60 for stored in found)


async def test_many_at_once(blobs: Blobs, tmp_path: Path) -> None:
    bodies = {f"{number:064x}-1": bytes([number]) * 10_000 for number in range(20)}
    await asyncio.gather(*(put(blobs, tmp_path, key, body) for key, body in bodies.items()))
    assert await asyncio.gather(*(got(blobs.read(key)) for key in bodies)) == list(bodies.values())
