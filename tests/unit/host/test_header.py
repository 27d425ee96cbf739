"""Our tar headers, read back by another program's eyes."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.host.jobs import header
from boxship.host.jobs.header import Member


def read(*members: tuple[Member, bytes]) -> list[tarfile.TarInfo]:
    stream = b"".join(header.header(m) + body + header.padding(len(body)) for m, body in members) + header.END
    with tarfile.open(fileobj=io.BytesIO(stream), errors="surrogateescape") as archive:
        return archive.getmembers()


PARTS = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=60)
NAMES = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=8).map("/".join)


@given(
    name=NAMES, target=NAMES, mode=st.integers(0, 0o7777), uid=st.integers(0, 2**32 - 2), gid=st.integers(0, 2**32 - 2),
    mtime=st.integers(-(2**40), 2**40), attribute=st.binary(max_size=300),
)  # fmt: skip
def test_everything_comes_back(
    name: str, target: str, mode: int, uid: int, gid: int, mtime: int, attribute: bytes
) -> None:
    member = Member(
        name.encode(), header.LINK, mode, uid, gid, 0, mtime, target.encode(), attributes={"user.a": attribute}
    )
    (seen,) = read((member, b""))
    assert (seen.name, seen.linkname, seen.issym()) == (name, target, True)
    assert (seen.mode, seen.uid, seen.gid, int(seen.mtime)) == (mode, uid, gid, mtime)
    assert seen.pax_headers["SCHILY.xattr.user.a"].encode("utf-8", "surrogateescape") == attribute


@given(st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=6))
def test_contents_follow_their_headers(files: list[tuple[str, bytes]]) -> None:
    members = [(Member(name.encode(), header.FILE, size=len(body)), body) for name, body in files]
    assert [(m.name, m.size) for m in read(*members)] == [(name, len(body)) for name, body in files]


NAMED = {
    "short": b"etc/passwd",
    "just fits": b"n" * 100,
    "fits with a prefix": b"d" * 150 + b"/" + b"n" * 100,
    "prefix too long": b"d" * 156 + b"/" + b"n" * 100,
    "last part too long": b"d/" + b"n" * 101,
    "directory at the edge": b"d" * 99 + b"/",
    "directory over the edge": b"d" * 100 + b"/",
}


@pytest.mark.parametrize("name", NAMED.values(), ids=NAMED)
def test_long_names(name: bytes) -> None:
    kind = header.DIRECTORY if name.endswith(b"/") else header.FILE
    (seen,) = read((Member(name, kind), b""))
    assert seen.name == name.decode().rstrip("/")
    assert seen.isdir() == name.endswith(b"/")


def test_names_that_are_no_utf8() -> None:
    stream = header.header(Member(b"caf\xe9", header.FILE)) + header.END
    with tarfile.open(fileobj=io.BytesIO(stream), errors="surrogateescape") as archive:
        assert archive.getmembers()[0].name.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_devices_and_sizes_beyond_octal() -> None:
    (device,) = read((Member(b"null", header.CHARACTER, device=(1, 3)), b""))
    assert device.ischr()
    assert (device.devmajor, device.devminor) == (1, 3)
    block = header.header(Member(b"big", header.FILE, size=1 << 40))
    assert b"22 size=1099511627776\n" in block


def test_padding_fills_blocks() -> None:
    assert [len(header.padding(n)) for n in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]
