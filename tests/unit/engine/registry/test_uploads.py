"""Uploads: order, resumption, cancellation in the middle, and never a hash that is not the file's."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxship.engine.registry.faults import Fault
from boxship.engine.registry.uploads import Uploads
from tests.registries import digest_of


@pytest.fixture
async def uploads(tmp_path: Path) -> AsyncIterator[Uploads]:
    found = Uploads(tmp_path / "uploads", 2)
    yield found
    await found.aclose()


async def pieces(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 700_000), max_size=8), st.integers(0, 8), st.booleans())
async def test_any_cut_gives_the_same_bytes(tmp_path: Path, sizes: list[int], cut: int, restarted: bool) -> None:
    parts = [os.urandom(size) for size in sizes]
    whole = b"".join(parts)
    uploads = Uploads(tmp_path / "uploads", 2)
    upload = uploads.begin("a")
    first = sum(sizes[:cut])
    assert await uploads.append("a", upload, pieces(parts[:cut]), 0) == first
    if restarted:
        await uploads.aclose()
        uploads = Uploads(tmp_path / "uploads", 2)
    assert await uploads.append("a", upload, pieces(parts[cut:]), first) == len(whole)
    path, size = await uploads.finish("a", upload, digest_of(whole))
    assert (path.read_bytes(), size) == (whole, len(whole))
    await uploads.aclose()


@pytest.mark.parametrize("seed", range(10))
async def test_cancelled_anywhere_it_can_be_gone_on_with(uploads: Uploads, seed: int) -> None:
    chance = random.Random(seed)
    parts = [os.urandom(chance.randrange(1, 800_000)) for _ in range(12)]
    whole = b"".join(parts)
    upload = uploads.begin("a")
    appending = asyncio.create_task(uploads.append("a", upload, pieces(parts)))
    await asyncio.sleep(chance.random() * 0.01)
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    async with uploads._held("a", upload):
        held = uploads.size("a", upload)
    assert uploads._path("a", upload).read_bytes() == whole[:held]
    await uploads.append("a", upload, pieces([whole[held:]]), held)
    path, _ = await uploads.finish("a", upload, digest_of(whole))
    assert path.read_bytes() == whole


async def test_two_at_once_wait_for_each_other(uploads: Uploads) -> None:
    upload = uploads.begin("a")
    sizes = await asyncio.gather(*(uploads.append("a", upload, pieces([bytes([n]) * 100_000] * 5)) for n in range(4)))
    assert sorted(sizes) == [500_000 * n for n in range(1, 5)]
    content = uploads._path("a", upload).read_bytes()
    assert [content[500_000 * n] for n in range(4)] == [content[500_000 * n + 499_999] for n in range(4)]


async def test_an_upload_held_for_too_long_is_a_conflict(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boxship.engine.registry.uploads.PATIENCE", 0.05)
    upload = uploads.begin("a")
    async with uploads._held("a", upload):
        with pytest.raises(Fault) as caught:
            await uploads.append("a", upload, pieces([b"x"]))
    assert caught.value.answer == 409


@pytest.mark.parametrize(
    "upload", ["", "x", "../../../../../../../etc/passwd", "a" * 32, "." * 32, "/" * 32, "\0" * 32]
)
async def test_ids_that_are_none(uploads: Uploads, upload: str) -> None:
    with pytest.raises(Fault) as caught:
        uploads.size("a", upload)
    assert caught.value.code == "BLOB_UPLOAD_UNKNOWN"
