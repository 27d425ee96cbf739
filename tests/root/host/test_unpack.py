"""Archives made into files: what is allowed comes out as it went in; what is hostile stays inside or is refused."""

import io
import os
import random
import stat
import struct
import tarfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.base.facts import IdMap
from boxship.host.api.files import Unpacked, Unpacking
from boxship.host.tree import Trees

pytestmark = pytest.mark.root
FILE, LINK, HARD, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
Made = tuple[str, bytes, str]
"""(name, kind, link target or contents)"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A room with a root in it and things around it that nobody may touch."""
    path = Path(f"/dev/shm/bt-unpack-{uuid.uuid4().hex[:8]}")
    (path / "root").mkdir(parents=True)
    (path / "secret").write_text("secret")
    yield path
    os.system(f"rm -rf {path}")


@pytest.fixture
async def trees(place: Path) -> AsyncIterator[Trees]:
    made = Trees(place / "trash")
    yield made
    await made.aclose()


def tar(*members: Made, change: Callable[[tarfile.TarInfo], None] = lambda _: None, form: int = 2) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, kind, text in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o755 if kind == DIR else 0o644
            body = text.encode() if kind == FILE else b""
            info.size, info.linkname = len(body), "" if kind == FILE else text
            change(info)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


async def unpack(trees: Trees, archive: bytes, root: Path, path: str = "/", how: Unpacking | None = None) -> Unpacked:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(archive), 5000):
            yield archive[start : start + 5000]

    return await trees.unpack_stream(pieces(), root, path, how or Unpacking(layer=True))


def listing(root: Path) -> list[str]:
    return sorted(os.path.relpath(os.path.join(at, n), root) for at, d, f in os.walk(root) for n in d + f)


REFUSED: dict[str, tuple[list[Made], str]] = {
    "up and out": ([("../evil", FILE, "x")], "../evil: leads out"),
    "up and out further in": ([("a/b/../../../evil", FILE, "x")], "a/b/../../../evil: leads out"),
    "absolute, then up": ([("/../evil", FILE, "x")], "/../evil: leads out"),
    "a directory called ..": ([("..", DIR, "")], "../: leads out"),
    "a hard link up and out": ([("hard", HARD, "../secret")], "../secret: leads out"),
    "a hard link to what is not there": ([("hard", HARD, "secret")], "hard"),
    "a hard link through a link": ([("out", LINK, ".."), ("hard", HARD, "out/secret")], "hard"),
    "a whiteout without a name": ([(".wh.", FILE, "")], ".wh."),
    "a whiteout of .": ([("d/.wh..", FILE, "")], "d/.wh.."),
    "a whiteout of ..": ([(".wh...", FILE, "")], ".wh..."),
    "a whiteout elsewhere": ([("x/../../.wh.secret", FILE, "")], "leads out"),
    "a part too long": ([("n" * 300, FILE, "")], "nnn"),
    "a name too long": ([("/".join(["d" * 100] * 45), FILE, "")], "longer than 4095 bytes"),
    "a file below a file": ([("a", FILE, "x"), ("a/b", FILE, "y")], "a/b"),
}


@pytest.mark.parametrize(("members", "text"), REFUSED.values(), ids=REFUSED)
async def test_refused_by_name(trees: Trees, place: Path, members: list[Made], text: str) -> None:
    around = listing_around(place)
    with pytest.raises(Invalid) as caught:
        await unpack(trees, tar(*members), place / "root")
    assert text in str(caught.value)
    assert listing_around(place) == around


def listing_around(place: Path) -> list[str]:
    return [name for name in listing(place) if not name.startswith("root/")]


CONFINED: dict[str, tuple[list[Made], list[str]]] = {
    "absolute names are the root's own": ([("/dev/shm/evil", FILE, "x")], ["dev", "dev/shm", "dev/shm/evil"]),
    "a link to / leads to the root": ([("out", LINK, "/"), ("out/evil", FILE, "x")], ["evil", "out"]),
    "a link up ends at the root": ([("a/up", LINK, "../../../.."), ("a/up/evil", FILE, "x")], ["a", "a/up", "evil"]),
    "links in a row": (
        [("a", LINK, "b"), ("b", LINK, "c"), ("c", LINK, "../../.."), ("a/evil", FILE, "x")], ["a", "b", "c", "evil"],
    ),
    "an absolute hard link is the root's own": ([("f", FILE, "x"), ("h", HARD, "/f")], ["f", "h"]),
    "a file over a link replaces the link": ([("l", LINK, "/secret"), ("l", FILE, "x")], ["l"]),
    "a directory link is kept": ([("usr/lib", DIR, ""), ("lib", LINK, "usr/lib"), ("lib/x", FILE, "")],
        ["lib", "usr", "usr/lib", "usr/lib/x"]),
    "aufs' own names are left out": ([(".wh..wh.plnk", DIR, ""), (".wh..wh.aufs", FILE, ""), ("f", FILE, "")], ["f"]),
    "a file over a tree replaces it": ([("d/e/f", FILE, "x"), ("d", FILE, "y")], ["d"]),
    "a directory over a file replaces it": ([("d", FILE, "x"), ("d", DIR, ""), ("d/f", FILE, "")], ["d", "d/f"]),
    "doubled slashes and dots": ([("./a//./b", FILE, "x"), ("./", DIR, "")], ["a", "a/b"]),
}  # fmt: skip


@pytest.mark.parametrize(("members", "found"), CONFINED.values(), ids=CONFINED)
async def test_confined_to_the_root(trees: Trees, place: Path, members: list[Made], found: list[str]) -> None:
    around = listing_around(place)
    await unpack(trees, tar(*members), place / "root")
    assert listing(place / "root") == found
    assert listing_around(place) == around
    assert (place / "secret").read_text() == "secret"
    assert not Path("/dev/shm/evil").exists()


async def test_everything_comes_out_as_it_went_in(trees: Trees, place: Path) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.uid, info.gid, info.mtime = 1234, 3_000_000, 1_000_000_000
        if info.name == "setuid":
            info.mode = 0o4755
        if info.name == "sticky":
            info.mode = 0o1777
        if info.name == "able":
            info.pax_headers = {"SCHILY.xattr.security.capability": CAPABLE.decode("utf-8", "surrogateescape")}
        if info.name == "null":
            info.devmajor, info.devminor = 1, 3

    CAPABLE = struct.pack("<5I", 0x02000001, 0x400, 0, 0, 0)
    root = place / "root"
    done = await unpack(
        trees,
        tar(
            ("setuid", FILE, "#!"), ("sticky", DIR, ""), ("able", FILE, "x"), ("null", tarfile.CHRTYPE, ""),
            ("pipe", tarfile.FIFOTYPE, ""), ("link", LINK, "/nowhere"), ("name", HARD, "setuid"),
            ("sticky/äöü " + "長" * 60, FILE, "y"), ("n" * 200 + "/" + "m" * 200, FILE, "long"),
            change=change,
        ),
        root,
    )  # fmt: skip
    assert done == Unpacked(9, 8)
    assert stat.S_IMODE(os.stat(root / "setuid").st_mode) == 0o4755
    assert stat.S_IMODE(os.stat(root / "sticky").st_mode) == 0o1777
    assert os.stat(root / "sticky").st_mtime == 1_000_000_000
    assert (os.lstat(root / "link").st_uid, os.lstat(root / "link").st_gid) == (1234, 3_000_000)
    assert os.readlink(root / "link") == "/nowhere"
    assert os.getxattr(root / "able", "security.capability") == CAPABLE
    assert os.stat(root / "null").st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO(os.stat(root / "pipe").st_mode)
    assert os.stat(root / "name").st_ino == os.stat(root / "setuid").st_ino
    assert (root / "sticky" / ("äöü " + "長" * 60)).read_text() == "y"
    assert (root / ("n" * 200) / ("m" * 200)).read_text() == "long"


def acl(*entries: tuple[int, int, int]) -> bytes:
    """Return an access control list as the kernel holds it: (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
ALLOWED = acl((1, 6, NOBODY), (2, 4, 1000), (4, 4, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY))


@pytest.mark.parametrize(
    "headers",
    [
        {"SCHILY.xattr.system.posix_acl_access": ALLOWED.decode("utf-8", "surrogateescape")},
        {"SCHILY.acl.access": "user::rw-,user:somebody:r--:1000,group::r--,mask::r--,other::---"},
    ],
    ids=["as an attribute", "as GNU tar writes them"],
)
async def test_access_control_lists(trees: Trees, place: Path, headers: dict[str, str]) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.mode, info.pax_headers = 0o640, headers  # a mode says the same as its list

    await unpack(trees, tar(("d", DIR, ""), ("d/f", FILE, "x"), change=change), place / "root")
    packed = b"".join([piece async for piece in trees.packed(place / "root", "/")])
    for name in ("d/f", "d"):
        assert os.getxattr(place / "root" / name, "system.posix_acl_access") == ALLOWED
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            found = next(m for m in archive if m.name.strip("./") == f"root/{name}" or m.name.endswith(name))
            assert "SCHILY.xattr.system.posix_acl_access" in found.pax_headers


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
async def test_every_kind_of_tar(trees: Trees, place: Path, form: int) -> None:
    name = "d" * 90 + "/" + "f" * 90
    await unpack(trees, tar((name, FILE, "x"), ("l", LINK, "t" * 90), form=form), place / "root")
    assert (place / "root" / name).read_text() == "x"
    assert os.readlink(place / "root/l") == "t" * 90


async def test_names_that_are_no_utf8(trees: Trees, place: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("café"))
    await unpack(trees, stream.getvalue(), place / "root")
    assert os.listdir(bytes(place / "root")) == [b"caf\xe9"]


async def test_directories_nobody_archived_are_open_to_all(trees: Trees, place: Path) -> None:
    await unpack(trees, tar(("a/b/c", FILE, "")), place / "root")
    assert stat.S_IMODE(os.stat(place / "root/a/b").st_mode) == 0o755


async def test_holes_stay_holes(trees: Trees, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    with open(source / "holes", "wb") as file:
        file.truncate(1 << 30)
        file.seek(500 << 20)
        file.write(b"middle")
    os.system(f"tar -C {source} --sparse -cf {place}/t.tar holes")
    how = Unpacking(layer=True, max_bytes=1 << 20)
    await unpack(trees, (place / "t.tar").read_bytes(), place / "root", "/", how)
    seen = os.stat(place / "root/holes")
    assert (seen.st_size, seen.st_blocks < 100) == (1 << 30, True)


async def test_whiteouts_take_the_form_of_overlay(trees: Trees, place: Path) -> None:
    members = [
        ("d/.wh.gone", FILE, ""), ("deep/er/.wh.gone", FILE, ""), ("o", DIR, ""), ("o/.wh..wh..opq", FILE, ""),
        ("new/.wh..wh..opq", FILE, ""), (".wh.again", FILE, ""), ("again", DIR, ""), ("again/f", FILE, ""),
        ("kept", DIR, ""), ("kept/f", FILE, ""), (".wh.kept", FILE, ""), ("file", FILE, "x"), (".wh.file", FILE, ""),
        (".wh.first", FILE, ""), ("first", FILE, "y"),
    ]  # fmt: skip
    root = place / "root"
    await unpack(trees, tar(*members), root)
    for name in ("d/gone", "deep/er/gone"):
        assert stat.S_ISCHR(os.lstat(root / name).st_mode)
        assert os.lstat(root / name).st_rdev == 0
    for name in ("o", "new", "again", "kept"):
        assert os.getxattr(root / name, "trusted.overlay.opaque") == b"y"
    assert (root / "kept/f").exists(), "a whiteout hides what is below its layer, not what is in it"
    assert ((root / "file").read_text(), (root / "first").read_text()) == ("x", "y")


async def test_without_layer_whiteout_names_are_just_names(trees: Trees, place: Path) -> None:
    await unpack(trees, tar((".wh.x", FILE, "plain")), place / "root", "/", Unpacking())
    assert (place / "root/.wh.x").read_text() == "plain"


async def test_overlay_attributes_of_strangers_are_dropped(trees: Trees, place: Path) -> None:
    def change(info: tarfile.TarInfo) -> None:
        names = ("trusted.overlay.redirect", "trusted.overlay.metacopy", "trusted.kept")
        info.pax_headers = {f"SCHILY.xattr.{name}": "/etc" for name in names}

    await unpack(trees, tar(("d", DIR, ""), change=change), place / "root")
    assert os.listxattr(place / "root/d") == ["trusted.kept"]


async def test_bombs(trees: Trees, place: Path) -> None:
    many = tar(*((f"f{n}", FILE, "") for n in range(20)))
    with pytest.raises(Invalid, match="f10: the archive has more than 10 entries"):
        await unpack(trees, many, place / "root", "/", Unpacking(max_entries=10))
    big = tar(("small", FILE, "x" * 10), ("big", FILE, "y" * 100))
    with pytest.raises(Invalid, match="big: the archive holds more than the 50 bytes there is room for"):
        await unpack(trees, big, place / "root", "/", Unpacking(max_bytes=50))
    assert not (place / "root/big").exists()


async def test_a_size_beyond_the_disk_is_refused_before_a_byte_is_written(trees: Trees, place: Path) -> None:
    info = tarfile.TarInfo("huge")
    info.size = 1 << 60
    with pytest.raises(Invalid, match="huge: the archive holds more"):
        await unpack(trees, info.tobuf(tarfile.GNU_FORMAT), place / "root")
    assert listing(place / "root") == []


@pytest.mark.parametrize("content", [b"\x7fELF" + bytes(5000), b"no tar", random.Random(1).randbytes(2000)])
async def test_what_is_no_tar(trees: Trees, place: Path, content: bytes) -> None:
    with pytest.raises(Invalid):
        await unpack(trees, content, place / "root")


async def test_nothing_at_all_is_an_empty_archive(trees: Trees, place: Path) -> None:
    assert await unpack(trees, b"", place / "root") == Unpacked(0, 0)
    assert await unpack(trees, bytes(1024), place / "root") == Unpacked(0, 0)


async def test_cut_off_in_the_middle(trees: Trees, place: Path) -> None:
    with pytest.raises(Invalid, match=r"^f: "):
        await unpack(trees, tar(("f", FILE, "x" * 5000))[:3000], place / "root")


async def test_all_is_read_though_the_archive_ends_early(trees: Trees, place: Path) -> None:
    """Whoever writes the archive must not get a broken pipe for its padding."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    content = tar(("f", FILE, "x"))
    os.write(sink, content + bytes(30_000))
    os.close(sink)
    await trees.unpack_layer(source, place / "root")
    assert os.read(source, 10) == b""
    os.close(source)


async def test_into_a_directory_through_links(trees: Trees, place: Path) -> None:
    """Copying into a container: its links are followed inside, and the directory itself stays as it is."""
    root = place / "root"
    (root / "real").mkdir(mode=0o700)
    (root / "link").symlink_to("/real")
    (root / "out").symlink_to("../../..")
    await unpack(trees, tar((".", DIR, ""), ("f", FILE, "x")), root, "/link", Unpacking())
    assert (root / "real/f").read_text() == "x"
    assert stat.S_IMODE(os.stat(root / "real").st_mode) == 0o700
    await unpack(trees, tar(("evil", FILE, "x")), root, "/out", Unpacking())
    assert (root / "evil").exists()
    with pytest.raises(NotFound, match="/none"):
        await unpack(trees, tar(("f", FILE, "")), root, "/none", Unpacking())
    with pytest.raises(NotFound):
        await unpack(trees, tar(("f", FILE, "")), place / "none", "/", Unpacking())


async def test_kinds_may_be_kept_apart(trees: Trees, place: Path) -> None:
    root, how = place / "root", Unpacking(replace=False)
    (root / "dir").mkdir()
    (root / "file").write_text("x")
    with pytest.raises(Invalid, match='cannot overwrite directory "dir" with non-directory'):
        await unpack(trees, tar(("dir", FILE, "x")), root, "/", how)
    with pytest.raises(Invalid, match='cannot overwrite non-directory "file" with directory'):
        await unpack(trees, tar(("file", DIR, "")), root, "/", how)
    await unpack(trees, tar(("dir", DIR, ""), ("file", FILE, "new"), ("dir/f", FILE, "")), root, "/", how)
    assert (root / "file").read_text() == "new"


async def test_owners(trees: Trees, place: Path) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.uid, info.gid = 5, 6

    root = place / "root"
    mapped = Unpacking(
        uid_map=(IdMap(container=0, host=1000, size=10),), gid_map=(IdMap(container=0, host=2000, size=7),)
    )
    await unpack(trees, tar(("a", FILE, ""), change=change), root, "/", Unpacking(owner=(7, 8)))
    await unpack(trees, tar(("b", FILE, ""), change=change), root, "/", mapped)
    owners = {name: (os.stat(root / name).st_uid, os.stat(root / name).st_gid) for name in "ab"}
    assert owners == {"a": (7, 8), "b": (1005, 2006)}

    def far(info: tarfile.TarInfo) -> None:
        info.uid = 10

    with pytest.raises(Invalid, match="id 10 is not mapped"):
        await unpack(trees, tar(("c", FILE, ""), change=far), root, "/", mapped)


async def test_a_source_that_fails_is_what_is_told(trees: Trees, place: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield tar(("f", FILE, "x"))[:700]
        raise PlatformError("the client went away")

    with pytest.raises(PlatformError, match="the client went away"):
        await trees.unpack_stream(pieces(), place / "root")


async def test_giving_up_takes_no_more(trees: Trees, place: Path) -> None:
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        yield tar(("../evil", FILE, "x"))
        for _ in range(10_000):
            taken += 1
            yield bytes(1 << 16)

    with pytest.raises(Invalid, match="leads out"):
        await trees.unpack_stream(pieces(), place / "root")
    assert taken < 200
