"""Damaged layers over the real ground: each is refused, or comes back byte for byte; nothing is left, nothing leaves.

The archive is read twice side by side, by the child that unpacks it and by us who keep what the files do not hold:
where the two disagree, bytes would be lost. BOXSHIP_FUZZ says how many layers are tried, 60 by default.
"""

import asyncio
import io
import os
import random
import tarfile

import pytest

from boxship.base.errors import PlatformError
from boxship.engine.images import Images
from boxship.engine.images.making import ImportWish
from tests.root.images.test_layers import Home, add, directory, home, pieces, rich_layer

__all__ = ["directory", "home"]  # fixtures
pytestmark = [pytest.mark.root, pytest.mark.timeout(3600)]
COUNT = int(os.environ.get("BOXSHIP_FUZZ", "60"))
SEED = int(os.environ.get("BOXSHIP_FUZZ_SEED", "1"))
KINDS = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    b"7",
    b"V",
    b"S",
)
NAMES = (
    "a",
    "a/b",
    "a/b/c",
    "./a",
    "/a",
    "b",
    "l",
    "l/x",
    "..",
    "a/../b",
    "d/",
    "d/.wh.a",
    ".wh.a",
    ".wh..wh..opq",
    "x" * 120,
)


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Change some bytes, mend the sums of most headers, for a wrong sum hides what is behind it."""
    out = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        block = chance.randrange(len(out) // 512) * 512
        place = block + chance.choice((0, 100, 108, 116, 124, 136, 156, 157, 257, 345, chance.randrange(512)))
        what = chance.choice(
            (b"\0", b"7", b"\xff" * 8, b"0000000", b"99999999", b"..", b"/", b"5", b"1", b"x", b"g", b"L")
        )
        out[place : place + len(what)] = what
        if chance.random() < 0.8:
            _mend(out, block)
    if chance.random() < 0.1:
        del out[chance.randrange(len(out)) :]
    return bytes(out)


def _mend(out: bytearray, block: int) -> None:
    head = out[block : block + 512]
    head[148:156] = b" " * 8
    out[block + 148 : block + 156] = b"%06o\0 " % sum(head)


def strange(chance: random.Random) -> bytes:
    """Return a tar that is well written and makes little sense."""
    out = io.BytesIO()
    form = chance.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for _ in range(chance.randrange(1, 8)):
            kind = chance.choice(KINDS)
            data = chance.randbytes(chance.choice((0, 1, 511, 512, 3000))) if chance.random() < 0.5 else b""
            add(tar, chance.choice(NAMES), kind, data, linkname=chance.choice(NAMES), mode=chance.randrange(0o10000),
                devmajor=1, devminor=3)  # fmt: skip
    return out.getvalue()


async def attempt(images: Images, home: Home, data: bytes) -> bool:
    """Tell whether the layer was taken."""
    try:
        image = await images.import_(pieces(data), ImportWish())
    except PlatformError:
        left = [name for name in os.listdir(home.root / "tmp") if not name.startswith("worker")]
        assert left == []
        return False
    found = await asyncio.to_thread(lambda: b"".join(images.layer_tar(image.layers[0])))
    assert found == data
    await images.remove(image.id)
    return True


async def test_damaged_layers(home: Home) -> None:
    images, taken = await home.daemon(), 0
    for number in range(COUNT):
        chance = random.Random(SEED * 1_000_003 + number)
        data = damaged(chance, rich_layer()) if number % 2 else strange(chance)
        try:
            taken += await attempt(images, home, data)
        except Exception as e:
            raise AssertionError(f"layer {number} of seed {SEED}") from e
    assert 0 < taken < COUNT
    assert os.listdir(home.root / "layers") == []
