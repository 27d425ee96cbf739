"""Lists of manifests: what goes into files, and what goes to registries."""

import json
from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.front.client.manifests import lists
from boxship.front.client.manifests.lists import OCI, OCI_LIST, SCHEMA2, SCHEMA2_LIST, Entry
from boxship.front.client.manifests.names import named

LINUX = {"os": "linux", "architecture": "amd64"}


def manifest(kind: str = SCHEMA2) -> bytes:
    told = {
        "schemaVersion": 2, "mediaType": kind, "config": {"mediaType": "c", "size": 2, "digest": "sha256:c"},
        "layers": [{"mediaType": "l", "size": 3, "digest": "sha256:l"}],
    }  # fmt: skip
    return json.dumps(told, indent=3 if kind == SCHEMA2 else 2).encode()


def entry(name: str = "example.org/app:1", kind: str = SCHEMA2, **platform: Any) -> Entry:
    return lists.described(named(name), kind, manifest(kind), platform or LINUX)


@pytest.mark.parametrize("kind", [SCHEMA2, OCI])
def test_what_is_stored_comes_back(kind: str) -> None:
    told = json.loads(json.dumps(lists.stored(entry(kind=kind))))
    assert list(told) == ["Ref", "Descriptor", "Raw", lists.KEYS[kind]]
    assert lists.restored(told, "file") == entry(kind=kind)


@pytest.mark.parametrize("kind", [SCHEMA2, OCI])
def test_what_older_clients_stored_is_read(kind: str) -> None:
    told = lists.stored(entry(kind=kind))
    del told["Raw"]
    assert lists.restored(told, "file").raw == manifest(kind)


def test_a_file_that_does_not_fit_its_digest() -> None:
    told = lists.stored(entry())
    told["Descriptor"] = {**told["Descriptor"], "digest": "sha256:" + "0" * 64}
    with pytest.raises(Invalid, match="file: does not fit its digest"):
        lists.restored(told, "file")
    with pytest.raises(Invalid, match="file: cannot be read"):
        lists.restored({"Ref": "x"}, "file")


def test_the_document_of_a_list() -> None:
    arm = entry(os="linux", architecture="arm", variant="v7")
    kind, raw = lists.document([entry(), arm], named("example.org/app:all"))
    told = json.loads(raw)
    assert (kind, told["mediaType"]) == (SCHEMA2_LIST, SCHEMA2_LIST)
    assert [part["platform"] for part in told["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
    ]
    assert told["manifests"][0]["digest"] == lists.digest_of(manifest())
    assert lists.document([entry(kind=OCI)], named("example.org/app"))[0] == OCI_LIST


def test_what_cannot_be_in_one_list() -> None:
    with pytest.raises(Invalid, match=r"different registry .* other\.org != example\.org"):
        lists.document([entry("other.org/app")], named("example.org/app"))
    with pytest.raises(Invalid, match="must have an OS and Architecture"):
        lists.require_platforms([entry(os="linux")])
    with pytest.raises(Invalid, match="manifest verification failed"):
        lists.described(named("app@sha256:" + "0" * 64), SCHEMA2, manifest(), LINUX)


def test_annotations_add_to_what_is_known() -> None:
    first = lists.annotated(entry(), {"architecture": "arm64", "variant": "v8", "os": "", "os.features": ["a"]})
    assert first.platform == {"architecture": "arm64", "os": "linux", "os.features": ["a"], "variant": "v8"}
    second = lists.annotated(first, {"os.features": ["b", "a"], "os.version": "7"})
    assert second.platform["os.features"] == ["a", "b"]
    assert second.platform["os.version"] == "7"
    with pytest.raises(Invalid, match="unsupported os/arch combination: linux/z80"):
        lists.annotated(entry(), {"architecture": "z80"})


def test_blobs_are_the_configuration_and_the_layers() -> None:
    assert entry().blobs() == ["sha256:c", "sha256:l"]
