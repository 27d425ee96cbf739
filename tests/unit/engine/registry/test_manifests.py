import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.images.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.manifests import LIMIT, descriptor, parse
from tests.registries import CONFIG, LAYER, described, digest_of, image, index

FOREIGN = {**described(b"win", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), "urls": ["https://x/y"]}


def test_an_image_names_its_blobs_once_each() -> None:
    pushed = image(b"layer", b"layer", b"other", config=b"{}")
    found = parse(pushed.manifest, OCI_MANIFEST)
    assert found.digest == pushed.digest
    assert found.blobs == (digest_of(b"{}"), digest_of(b"layer"), digest_of(b"other"))
    assert (found.manifests, found.subject, found.size) == ((), "", 2 + 5 + 5 + 5)


def test_an_index_names_manifests() -> None:
    found = parse(index(b"one", b"two"), "")
    assert found.media_type == OCI_INDEX
    assert found.manifests == (digest_of(b"one"), digest_of(b"two"))


def test_a_referrer_is_shown_with_its_kind_and_notes() -> None:
    subject = described(b"s", OCI_MANIFEST)
    pushed = image(subject=subject, artifactType="text/sbom", annotations={"a": "b"})
    found = parse(pushed.manifest, OCI_MANIFEST)
    assert found.subject == subject["digest"]
    assert descriptor(found) == {
        "mediaType": OCI_MANIFEST,
        "digest": pushed.digest,
        "size": len(pushed.manifest),
        "artifactType": "text/sbom",
        "annotations": {"a": "b"},
    }


def test_without_a_kind_of_its_own_a_referrer_has_its_configurations() -> None:
    assert parse(image().manifest, OCI_MANIFEST).artifact_type == CONFIG


def test_foreign_layers_need_not_be_here() -> None:
    pushed = image()
    document = {**json.loads(pushed.manifest), "layers": [FOREIGN]}
    assert parse(json.dumps(document).encode(), OCI_MANIFEST).blobs == (digest_of(b"{}"),)


def changed(**more: Any) -> bytes:
    document = {**json.loads(image(b"l").manifest), **more}
    return json.dumps({key: value for key, value in document.items() if value != "gone"}).encode()


REFUSED = {
    "no JSON": (b"{", OCI_MANIFEST, "not a JSON object"),
    "a list": (b"[]", OCI_MANIFEST, "not a JSON object"),
    "schema 1 by number": (changed(schemaVersion=1), OCI_MANIFEST, "schema version 1 are not supported"),
    "schema 1 by type": (b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema version 1"),
    "schema 3": (changed(schemaVersion=3), OCI_MANIFEST, "schemaVersion must be 2, not 3"),
    "types that disagree": (changed(), DOCKER_MANIFEST, "but it was sent as"),
    "unknown type": (changed(mediaType="gone"), "text/plain", "'text/plain' is not supported"),
    "no config": (changed(config="gone"), OCI_MANIFEST, "config and layers are required"),
    "no layers": (changed(layers="gone"), OCI_MANIFEST, "config and layers are required"),
    "both kinds": (changed(manifests=[]), OCI_MANIFEST, "has no field manifests"),
    "index with layers": (changed(mediaType=OCI_INDEX, manifests=[]), OCI_INDEX, "neither config nor layers"),
    "index of nothing": (b'{"schemaVersion": 2}', DOCKER_LIST, "manifests is required"),
    "odd digest": (changed(layers=[{"digest": "sha256:x", "size": 1}]), OCI_MANIFEST, "not a digest"),
    "negative size": (changed(layers=[{**described(b"x", LAYER), "size": -1}]), OCI_MANIFEST, "is -1"),
    "digest is a number": (changed(subject={"digest": 5, "size": 1}), OCI_MANIFEST, "manifest:"),
    "nested beyond reason": (b'{"a":' * 50_000, OCI_MANIFEST, "manifest"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_refused_by_name(content: bytes, kind: str, text: str) -> None:
    with pytest.raises(Fault, match=text) as caught:
        parse(content, kind)
    assert caught.value.code == "MANIFEST_INVALID"
    assert caught.value.answer == 400


def test_too_large() -> None:
    with pytest.raises(Fault) as caught:
        parse(b" " * (LIMIT + 1), OCI_MANIFEST)
    assert caught.value.answer == 413


def test_content_of_another_digest() -> None:
    with pytest.raises(Fault) as caught:
        parse(image().manifest, OCI_MANIFEST, digest_of(b"other"))
    assert caught.value.code == "DIGEST_INVALID"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations"]
kinds = st.sampled_from([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "", "text/plain"])


@given(st.dictionaries(st.sampled_from(FIELDS), json_values), kinds)
def test_whatever_comes_ends_in_a_document_or_a_fault(document: dict[str, Any], kind: str) -> None:
    content = json.dumps({**json.loads(image(b"l").manifest), **document}).encode()
    try:
        found = parse(content, kind)
    except Fault:
        return
    assert found.digest == digest_of(content)
    assert all(digest.startswith("sha") for digest in (*found.blobs, *found.manifests))


@given(st.binary(max_size=300), kinds)
def test_bytes_never_end_in_anything_else(content: bytes, kind: str) -> None:
    with pytest.raises(Fault):
        parse(content, kind)
