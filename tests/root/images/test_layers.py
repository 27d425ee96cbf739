"""Images over the real ground: every kind of file comes back byte for byte, hostile archives leave nothing, a killed
daemon leaves whole images or none, and memory does not grow with a layer."""

import asyncio
import gzip
import hashlib
import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from boxship.base.bus import Bus
from boxship.base.clock import SystemClock
from boxship.base.errors import Invalid
from boxship.engine.events import Events
from boxship.engine.images import Images
from boxship.engine.images.making import ImportWish
from boxship.engine.images.reference import parse
from boxship.host.tree import Trees
from boxship.model.status import Container
from boxship.store.sqlite import SqliteStore

pytestmark = pytest.mark.root


class HostTrees:
    """The ground as images see it."""

    def __init__(self, trees: Trees) -> None:
        self.unpack_layer = trees.unpack_layer
        self.seal = trees.seal
        self.open_in = trees.open_in
        self.assembled = trees.assembled
        self.trash = trees.trash
        self.sync = trees.sync


class Home:
    """A data root, on which daemons come and go."""

    def __init__(self) -> None:
        self.root = Path(f"/dev/shm/bt-images-{uuid.uuid4().hex[:8]}")
        self.root.mkdir()
        self._open: list[tuple[Trees, SqliteStore]] = []

    async def daemon(self, containers: Callable[[], list[Container]] = list) -> Images:
        trees, store = Trees(self.root / "trash"), SqliteStore(self.root / "db")
        self._open.append((trees, store))
        clock = SystemClock()
        images = Images(store, Events(Bus(), clock), clock, self.root, trees=HostTrees(trees), containers=containers)
        await images.start()
        return images

    async def aclose(self) -> None:
        for trees, store in self._open:
            await trees.aclose()
            await store.close()
        self._open.clear()


@pytest.fixture
def directory() -> Iterator[Home]:
    home = Home()
    yield home
    subprocess.run(["rm", "-rf", str(home.root)], check=True)


@pytest.fixture
async def home(directory: Home) -> AsyncIterator[Home]:
    yield directory
    await directory.aclose()


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1 << 16):
        yield data[at : at + (1 << 16)]


def add(tar: tarfile.TarFile, name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **fields: object) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, len(data), 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


def rich_layer() -> bytes:
    """One of everything that a layer may hold."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "./", tarfile.DIRTYPE)
        add(tar, "./dir/", tarfile.DIRTYPE, mode=0o711, uid=12, gid=34)
        add(tar, "./dir/file", data=b"contents" * 999, mode=0o4755, mtime=1.5)
        add(tar, "dir/hard", tarfile.LNKTYPE, linkname="dir/file")
        add(tar, "dir/soft", tarfile.SYMTYPE, linkname="../etc/passwd")
        add(tar, "lib", tarfile.SYMTYPE, linkname="dir")
        add(tar, "lib/through", data=b"by way of a link")
        add(tar, "dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3)
        add(tar, "fifo", tarfile.FIFOTYPE)
        add(tar, "x" * 250 + "/ü", data=b"long name")
        add(tar, "attr", data=b"a", pax_headers={"SCHILY.xattr.user.k": "v"})
        add(tar, "dir/.wh.gone")
        add(tar, "opaque/", tarfile.DIRTYPE)
        add(tar, "opaque/.wh..wh..opq")
        add(tar, "empty")
    return out.getvalue()


async def test_everything_comes_back_byte_for_byte(home: Home) -> None:
    images = await home.daemon()
    layer = rich_layer()
    image = await images.import_(pieces(gzip.compress(layer)), ImportWish(reference=parse("rich:1")))
    assert image.layers == (f"sha256:{hashlib.sha256(layer).hexdigest()}",)
    assert b"".join(images.layer_tar(image.layers[0])) == layer
    root = Path(images.lowers(image)[0])
    seen = (root / "dir/file").stat()
    assert (seen.st_mode & 0o7777, seen.st_nlink, seen.st_mtime) == (0o4755, 2, 1.5)
    assert ((root / "dir").stat().st_uid, (root / "dir").stat().st_mode & 0o7777) == (12, 0o711)
    assert os.readlink(root / "dir/soft") == "../etc/passwd"
    assert (root / "dir/through").read_bytes() == b"by way of a link"
    assert os.getxattr(root / "attr", "user.k") == b"v"
    hidden = (root / "dir/gone").lstat()
    assert stat.S_ISCHR(hidden.st_mode)
    assert hidden.st_rdev == 0
    assert os.getxattr(root / "opaque", "trusted.overlay.opaque") == b"y"
    saved = b"".join([piece async for piece in await images.save(["rich:1"])])
    await images.remove("rich:1")
    assert os.listdir(home.root / "layers") == []
    assert await images.load(pieces(saved), lambda *_: None) == ["Loaded image: rich:1\n"]
    assert images.get("rich:1").id == image.id


HOSTILE: dict[str, list[tuple[str, bytes, str]]] = {
    "climbs": [("../../evil", tarfile.REGTYPE, "")],
    "hard link out": [("h", tarfile.LNKTYPE, "../../../etc/passwd")],
    "whiteout of nothing": [("a/.wh...", tarfile.REGTYPE, "")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_layers_leave_nothing(home: Home, members: list[tuple[str, bytes, str]]) -> None:
    images = await home.daemon()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, link in members:
            add(tar, name, kind, b"evil" if kind == tarfile.REGTYPE and ".wh." not in name else b"", linkname=link)
    with pytest.raises(Invalid) as raised:
        await images.import_(pieces(out.getvalue()), ImportWish())
    assert members[0][0].split("/")[-1] in str(raised.value)
    assert images.all() == []
    assert [name for name in os.listdir(home.root / "tmp") if not name.startswith("worker")] == []
    assert not (home.root / "evil").exists()


async def test_links_out_of_the_root_stay_inside(home: Home) -> None:
    images = await home.daemon()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        add(tar, "etc", tarfile.DIRTYPE)
        add(tar, "esc", tarfile.SYMTYPE, linkname="/etc")
        add(tar, "esc/bt-evil", data=b"evil")
    image = await images.import_(pieces(out.getvalue()), ImportWish())
    assert not Path("/etc/bt-evil").exists()
    assert Path(images.lowers(image)[0], "etc/bt-evil").read_bytes() == b"evil"
    assert b"".join(images.layer_tar(image.layers[0])) == out.getvalue()


async def test_memory_does_not_grow_with_the_layer(home: Home) -> None:
    images = await home.daemon()
    size = 300 << 20

    async def layer() -> AsyncIterator[bytes]:
        info = tarfile.TarInfo("big")
        info.size = size
        yield info.tobuf()
        block = os.urandom(1 << 16)
        for _ in range(size // len(block)):
            yield block
        yield bytes(1024)

    before = _peak_reset()
    await images.import_(layer(), ImportWish(reference=parse("big")))
    count = 0
    async for piece in await images.save(["big"]):
        count += len(piece)
    assert count > size
    assert _peak() - before < 60 << 20


def _peak_reset() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Return our highest resident size, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


WORK = """
import asyncio, sys
sys.path.insert(0, {here!r})
from tests.root.images.test_layers import work
asyncio.run(work({root!r}, {seed}))
"""


def archive(seed: int) -> bytes:
    """A docker-archive of two layers, one of them shared with all others."""
    chance = random.Random(seed)
    layers = []
    for number, source in enumerate((random.Random(0), chance)):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for index in range(40):
                add(tar, f"l{number}/f{index}", data=source.randbytes(source.randrange(1, 60_000)))
        layers.append(out.getvalue())
    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = json.dumps({"os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}, "seed": seed}).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        add(tar, "c.json", data=config)
        for number, layer in enumerate(layers):
            add(tar, f"{number}/layer.tar", data=layer)
        entry = {"Config": "c.json", "RepoTags": [f"i{seed % 3}:1"], "Layers": ["0/layer.tar", "1/layer.tar"]}
        add(tar, "manifest.json", data=json.dumps([entry]).encode())
    return out.getvalue()


async def work(root: str, seed: int) -> None:
    """Load, tag and remove without end; somebody kills us."""
    home = Home.__new__(Home)
    home.root, home._open = Path(root), []
    images = await home.daemon()
    chance = random.Random(seed)
    archives = [archive(number) for number in range(6)]
    print("ready", flush=True)
    while True:
        await images.load(pieces(chance.choice(archives)), lambda *_: None)
        for image in images.all():
            if chance.random() < 0.3:
                await images.remove(image.id, force=True)


async def test_a_killed_daemon_leaves_whole_images_or_none(directory: Home) -> None:
    here = str(Path(__file__).parents[3])
    for seed in range(12):
        code = WORK.format(here=here, root=str(directory.root), seed=seed)
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(random.Random(seed).uniform(0.0, 0.4))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        await inspect(directory)


async def inspect(home: Home) -> set[str]:
    """All that is there is whole, and nothing else is there. Return the images' names."""
    images = await home.daemon()
    needed = set()
    for image in images.all():
        for diff_id in image.layers:
            needed.add(diff_id.removeprefix("sha256:"))
            whole = await asyncio.to_thread(lambda d=diff_id: b"".join(images.layer_tar(d)))
            assert f"sha256:{hashlib.sha256(whole).hexdigest()}" == diff_id
    assert set(os.listdir(home.root / "layers")) == needed
    assert [name for name in os.listdir(home.root / "tmp") if name.startswith("layer-")] == []
    names = {name for image in images.all() for name in image.tags}
    await home.aclose()
    return names
