"""A layer's tar given back by a child of the helper process, as gzip."""

import gzip
import hashlib
import io
import os
import random
import shutil
import tarfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from boxship.base.errors import Invalid
from boxship.engine.images.tarsplit import Splitter
from boxship.host.jobs.assemble import GATHER
from boxship.host.tree import Trees

pytestmark = pytest.mark.root


@pytest.fixture
def place() -> Iterator[Path]:
    path = Path(f"/dev/shm/bt-assembled-{uuid.uuid4().hex[:8]}")
    path.mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def trees(place: Path) -> AsyncIterator[Trees]:
    made = Trees(place / "trash")
    yield made
    await made.aclose()


class Layer:
    """Files, their tar, and the two parts that are kept of it."""

    def __init__(self, place: Path, files: dict[str, bytes]) -> None:
        self.root, self.split = place / "tree", place / "split.zst"
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).write_bytes(data)
        self.tar = out.getvalue()
        with self.split.open("wb") as sink:
            splitter = Splitter(sink)
            splitter.feed(self.tar)
            splitter.close()


def some(count: int = 40, size: int = 50_000) -> dict[str, bytes]:
    dice = random.Random(7)
    return {f"d{n % 3}/ä{n}": dice.randbytes(size) for n in range(count)} | {"empty": b""}


async def test_the_tar_comes_back_the_same_each_time(place: Path, trees: Trees) -> None:
    layer = Layer(place, some())
    gone = []
    for _ in range(2):
        made = trees.assembled(layer.split, layer.root, 1, len(layer.tar))
        packed = b"".join([piece async for piece in made.pieces()])
        assert gzip.decompress(packed) == layer.tar
        assert (made.size, made.digest) == (len(packed), f"sha256:{hashlib.sha256(packed).hexdigest()}")
        assert (made.passed, made.failure) == (len(layer.tar), None)
        gone.append(packed)
    assert gone[0] == gone[1]


async def test_how_far_it_is(place: Path, trees: Trees) -> None:
    layer = Layer(place, some())
    made = trees.assembled(layer.split, layer.root, 1, len(layer.tar))
    seen = [made.passed async for _ in made.pieces()]
    assert seen == sorted(seen)
    assert GATHER <= seen[0] <= len(layer.tar)
    assert seen[-1] == len(layer.tar)


@pytest.mark.parametrize("change", ["other", "short", "gone", "pipe", "directory"])
async def test_a_tree_that_has_changed_is_told_of_by_name(place: Path, trees: Trees, change: str) -> None:
    layer = Layer(place, some(3))
    file = layer.root / "d1/ä1"
    if change == "other":
        file.write_bytes(bytes(50_000))
    elif change == "short":
        file.write_bytes(b"")
    else:
        file.unlink()
    if change == "pipe":
        os.mkfifo(file)
    elif change == "directory":
        file.mkdir()
    made = trees.assembled(layer.split, layer.root, 1, len(layer.tar))
    with pytest.raises(Invalid, match="cannot be put together again: d1/ä1"):
        async for _ in made.pieces():
            pass
    assert isinstance(made.failure, Invalid)


async def test_no_link_leads_out(place: Path, trees: Trees) -> None:
    layer = Layer(place, some(3))
    secret = place / "secret"
    secret.write_bytes((layer.root / "d1/ä1").read_bytes())
    (layer.root / "d1/ä1").unlink()
    (layer.root / "d1/ä1").symlink_to(secret)
    with pytest.raises(Invalid, match="d1/ä1: No such file"):
        async for _ in trees.assembled(layer.split, layer.root, 1, len(layer.tar)).pieces():
            pass


async def test_a_damaged_split_form(place: Path, trees: Trees) -> None:
    layer = Layer(place, some(3))
    whole = layer.split.read_bytes()
    layer.split.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Invalid, match="cannot be put together again: its split form"):
        async for _ in trees.assembled(layer.split, layer.root, 1, len(layer.tar)).pieces():
            pass


async def test_a_reader_that_leaves_leaves_nothing(place: Path, trees: Trees) -> None:
    layer = Layer(place, some(200))
    held = []
    for _ in range(2):  # the helper itself stays
        async with aclosing(trees.assembled(layer.split, layer.root, 1, len(layer.tar)).pieces()) as pieces:
            async for _ in pieces:
                break
        held.append(len(os.listdir("/proc/self/fd")))
    assert held[0] == held[1]
