"""Backups as documents: what is written is read again, and nothing else is taken for one."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.backups import archive, artifact, blobs
from boxship.engine.backups.artifact import Saved
from boxship.engine.images.config import digest_of

DATA = Saved(name="data", labels={"b": "2", "a": "1"}, layer=artifact.layer("sha256:" + "0" * 64, 7), created=10**18)


@given(st.text(min_size=1), st.dictionaries(st.text(), st.text()), st.integers(1, 1 << 50))
def test_a_manifest_tells_all(name: str, labels: dict[str, str], size: int) -> None:
    saved = Saved(name=name, labels=labels, layer=artifact.layer("sha256:" + "1" * 64, size))
    assert artifact.parse(artifact.manifest(saved)) == saved


def test_it_is_an_oci_artifact() -> None:
    found = json.loads(artifact.manifest(DATA))
    assert (found["artifactType"], found["config"]["mediaType"]) == (artifact.ARTIFACT, artifact.EMPTY_CONFIG)
    assert found["config"]["digest"] == digest_of(b"{}")
    assert found["annotations"] == {
        "org.opencontainers.image.created": "2001-09-09T01:46:40Z",
        "boxship.volume.name": "data",
        "boxship.volume.labels": '{"a":"1","b":"2"}',
    }


NONE = {
    "an image": (b'{"config": {"mediaType": "x/image"}, "layers": [{}]}', "this is no backup of a volume but x/image"),
    "nothing": (b"{}", "but of an unknown kind"),
    "no layer": (json.dumps({"artifactType": artifact.ARTIFACT}).encode(), "this is no backup of a volume"),
    "no JSON": (b"<html>", "JSON|invalid"),
}


@pytest.mark.parametrize(("raw", "text"), NONE.values(), ids=NONE)
def test_others_are_none(raw: bytes, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        artifact.parse(raw)


async def pieces(raw: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def test_the_same_contents_give_the_same_blob(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 4000
    made = [await blobs.write(pieces(raw, size), tmp_path / str(size)) for size in (77, 300_000)]
    assert made[0] == made[1]
    assert gzip.decompress((tmp_path / "77").read_bytes()) == raw
    layer = artifact.layer(*made[0])
    assert b"".join([p async for p in blobs.plain(blobs.read(tmp_path / "77"), layer)]) == raw


@pytest.mark.parametrize("damage", ["bit", "short", "other"])
async def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    digest, size = await blobs.write(pieces(bytes(100_000)), tmp_path / "blob")
    raw = bytearray((tmp_path / "blob").read_bytes())
    if damage == "bit":
        raw[len(raw) // 2] ^= 1
    elif damage == "short":
        del raw[-20:]
    else:
        raw = bytearray(gzip.compress(b"other"))
    with pytest.raises(Invalid, match="the backup is damaged"):
        [p async for p in blobs.plain(pieces(bytes(raw)), artifact.layer(digest, size))]


async def saved(tmp_path: Path, name: str, raw: bytes) -> tuple[Saved, Path]:
    file = tmp_path / name
    return Saved(name=name, labels={}, layer=artifact.layer(*await blobs.write(pieces(raw), file))), file


async def test_an_archive_of_several(tmp_path: Path) -> None:
    items = [
        await saved(tmp_path, "one", b"1" * 5000),
        await saved(tmp_path, "two", b"2"),
        await saved(tmp_path, "also", b"2"),
    ]
    whole = tmp_path / "whole.tar"
    whole.write_bytes(b"".join([piece async for piece in archive.write(items)]))
    found = archive.find(whole)
    assert [each.saved for each in found] == [each for each, _ in items]
    assert found[1].offset == found[2].offset
    for each, (_, file) in zip(found, items, strict=True):
        assert b"".join([p async for p in blobs.read(whole, each.offset, each.size)]) == file.read_bytes()


async def test_archives_that_lack_something(tmp_path: Path) -> None:
    items = [await saved(tmp_path, "one", b"1")]
    raw = b"".join([piece async for piece in archive.write(items)])
    whole = tmp_path / "whole.tar"
    for broken, text in (
        (raw.replace(b"index.json", b"index.jsox"), "it has no index.json|checksum"),
        (raw.replace(b'"digest":"sha256:', b'"digest":"sha255:', 1), "damaged|no backup"),
        (b"x" * 1024, "this is no backup"),
    ):
        whole.write_bytes(broken)
        with pytest.raises(Invalid, match=text):
            archive.find(whole)
