"""Contexts as archives, layouts of caches, and trees that come back: all of them stay where they belong."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.front.client.building import context, layout
from boxship.front.client.building.unpack import unpack


def names(data: bytes) -> list[str]:
    return [line.partition(" ")[2] for line in data.decode().split("\0") if line]


def test_a_listing_leaves_out_what_is_ignored(tmp_path: Path) -> None:
    for path in ("a.log", "keep.log", "dir/x.log", "dir/y", "gone/z"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
    found = names(context.listing(str(tmp_path), ("**/*.log", "!keep.log", "gone")))
    assert sorted(found) == ["dir", "dir/y", "keep.log"]
    with pytest.raises(NotFound, match="unable to prepare context"):
        context.listing(str(tmp_path / "nowhere"), ())


def test_an_archive_has_files_links_and_modes(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "d/f").write_bytes(b"x" * 1000)
    (tmp_path / "l").symlink_to("d/f")
    data = b"".join(context.archive(str(tmp_path), ["d", "d/f", "l", "gone"]))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {entry.name: entry for entry in tar}
        assert (found["d"].mode, found["l"].linkname, found["d/f"].uid) == (0o700, "d/f", 0)
        assert tar.extractfile("d/f").read() == b"x" * 1000  # type: ignore[union-attr]
    assert set(found) == {"d", "d/f", "l"}


def test_only_what_is_inside_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/Dockerfile").write_text("FROM scratch")
    (tmp_path / "secret").write_text("x")
    assert context.chosen(str(tmp_path / "root"), ("Dockerfile", "../secret", "/etc/passwd", "no")) == ["Dockerfile"]


def test_a_layout_gives_back_what_it_got(tmp_path: Path) -> None:
    root, blob = str(tmp_path / "cache"), b"layer"
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    assert layout.manifest(root) is None
    layout.write(root, digest, iter([blob[:2], blob[2:]]))
    layout.finish(root, b"{}", "application/json")
    assert (layout.has(root, digest), layout.manifest(root)) == (True, b"{}")
    assert layout.manifest(root, digest=digest) == blob
    assert (layout.manifest(root, "latest"), layout.manifest(root, "other")) == (b"{}", None)
    assert b"".join(layout.read(root, digest)) == blob
    with pytest.raises(Invalid, match="came as"):
        layout.write(root, digest, iter([b"other"]))
    with pytest.raises(Invalid, match="invalid digest"):
        layout.has(root, "sha256:../../x")
    with pytest.raises(NotFound):
        list(layout.read(root, "sha256:" + "0" * 64))


def packed(*entries: tuple[str, bytes, str]) -> bytes:
    """Each is name, type and link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, link in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.uid, entry.gid = kind, link, os.getuid(), os.getgid()
            entry.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
            tar.addfile(entry, io.BytesIO())
    return buffer.getvalue()


ESCAPES = {
    "climbs": [("../x", tarfile.REGTYPE, "")],
    "is absolute": [("/x", tarfile.REGTYPE, "")],
    "goes through a link": [("l", tarfile.SYMTYPE, ".."), ("l/x", tarfile.REGTYPE, "")],
    "links to what is outside": [("x", tarfile.LNKTYPE, "../outside")],
}


@pytest.mark.parametrize("entries", ESCAPES.values(), ids=list(ESCAPES))
def test_nothing_leads_out_of_an_output(tmp_path: Path, entries: list[tuple[str, bytes, str]]) -> None:
    (tmp_path / "outside").write_text("mine")
    with pytest.raises(Invalid, match="leads out"):
        unpack(iter([packed(*entries)]), str(tmp_path / "out"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "outside"]


def test_an_output_is_what_was_packed_even_twice(tmp_path: Path) -> None:
    data = packed(("d", tarfile.DIRTYPE, ""), ("d/f", tarfile.REGTYPE, ""), ("d/l", tarfile.SYMTYPE, "f"))
    for _ in range(2):
        unpack(iter([data[:700], data[700:]]), str(tmp_path / "out"))
    assert os.readlink(tmp_path / "out/d/l") == "f"
    assert (tmp_path / "out/d").stat().st_mode & 0o777 == 0o755
