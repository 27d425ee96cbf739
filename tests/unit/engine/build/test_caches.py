"""Caches that travel, as documents, and what is refused of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.build import cachedocument as document
from boxship.engine.build.api import CacheRef
from boxship.engine.build.cachedocument import Blob, Contents
from boxship.engine.build.caches import exporting, importing
from boxship.engine.images.manifest import Descriptor, parse_manifest

NAMES = st.text("abc:/ü", min_size=1, max_size=6)
BLOBS = st.builds(Blob, NAMES, st.integers(0, 2**40))


@given(st.dictionaries(NAMES, BLOBS, max_size=4), st.dictionaries(NAMES, BLOBS, max_size=3), st.data())
def test_law_what_is_written_is_read(layers: dict[str, Blob], mounts: dict[str, Blob], data: st.DataObject) -> None:
    steps = data.draw(st.dictionaries(NAMES, st.sampled_from(["", *layers]), max_size=4))
    contents = Contents(steps=steps, layers=layers, mounts=mounts)
    manifest, config = document.render(contents)
    assert document.parse(config) == contents
    assert document.is_cache(parse_manifest(manifest))
    assert len(json.loads(manifest)["layers"]) == len(layers) + len(mounts)
    backwards = Contents(
        steps=dict(reversed(steps.items())),
        layers=dict(reversed(layers.items())),
        mounts=dict(reversed(mounts.items())),
    )
    assert document.render(backwards) == (manifest, config)


def test_a_step_without_its_layer_is_refused() -> None:
    with pytest.raises(Invalid, match="no layer d1"):
        document.parse(b'{"steps": {"k": "d1"}, "layers": {}}')


def test_an_image_tells_of_its_steps_and_no_more() -> None:
    layers = (Descriptor(digest="sha256:p", size=5),)
    config = {"rootfs": {"diff_ids": ["d1"]}, document.INLINE: {"k": "d1", "empty": "", "other": "d2", "odd": 7}}
    found = document.parse_image(json.dumps(config).encode(), layers)
    assert found == Contents(steps={"k": "d1", "empty": ""}, layers={"d1": Blob("sha256:p", 5)})
    assert document.parse_image(b'{"rootfs": {"diff_ids": []}}', layers) == Contents()
    with pytest.raises(Invalid, match="are not those"):
        document.parse_image(json.dumps({**config, "rootfs": {"diff_ids": []}}).encode(), layers)


WRONG = {
    "unknown cache importer": ("from", CacheRef(kind="gha")),
    "unknown attribute token of the cache importer": ("from", CacheRef(kind="registry", attributes={"token": "x"})),
    "unknown cache exporter": ("to", CacheRef(kind="s3")),
    "unknown attribute compression": ("to", CacheRef(kind="local", attributes={"compression": "zstd"})),
    "want min or max": ("to", CacheRef(kind="registry", attributes={"mode": "all"})),
    "cannot be had": ("to", CacheRef(kind="registry", attributes={"image-manifest": "false"})),
    "want true or false": ("to", CacheRef(kind="registry", attributes={"ignore-error": "maybe"})),
}


@pytest.mark.parametrize(("said", "case"), WRONG.items(), ids=list(WRONG))
def test_what_cannot_be_done_is_said(said: str, case: tuple[str, CacheRef]) -> None:
    check = importing.check if case[0] == "from" else exporting.check
    with pytest.raises(Invalid, match=said):
        check((case[1],))


def test_mounts_are_chosen_by_name() -> None:
    exporting.check((CacheRef(kind="local", attributes={"dest": "d", "mounts": "/a;/b", "mode": "max"}),))
    assert exporting.wanted_mount({}, "/a")
    assert not exporting.wanted_mount({"mounts": "false"}, "/a")
    assert exporting.wanted_mount({"mounts": "/a;/b"}, "/b")
    assert not exporting.wanted_mount({"mounts": "/a;/b"}, "/c")
