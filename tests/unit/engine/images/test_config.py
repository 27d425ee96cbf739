"""Image configurations: what was read and written again means the same, and the id is the digest of the bytes."""

import json
from typing import Any

import msgspec
import pytest

from boxship.base.errors import Invalid
from boxship.engine.images.config import chain_ids, digest_of, parse, render
from boxship.engine.images.making import CommitWish, ImportWish, committed, imported, merge
from boxship.engine.images.manifest import (
    Descriptor,
    Platform,
    annotated_name,
    choose,
    parse_entries,
    parse_index,
    parse_manifest,
    parse_platform,
)
from boxship.model.container import ContainerSpec, HealthSpec
from boxship.model.image import HistoryEntry, Image, ImageConfig

DIFF = "sha256:" + "1" * 64
FULL = ImageConfig(
    user="u", exposed_ports=("80/tcp",), env=("A=1",), entrypoint=("e",), cmd=("c",), volumes=("/v",),
    working_dir="/w", labels={"l": "1"}, stop_signal="SIGINT",
    healthcheck=HealthSpec(test=("CMD", "x"), interval=1, timeout=2, start_period=3, start_interval=4, retries=5),
    on_build=("RUN x",), shell=("s",), args_escaped=True,
)  # fmt: skip


def test_round_trip() -> None:
    image = Image(
        id="", created=1_700_000_000_123_456_789, config=FULL, architecture="arm", variant="v7", author="me",
        comment="hm", layers=(DIFF,), history=(HistoryEntry(created=5, created_by="x", empty_layer=True),),
    )  # fmt: skip
    raw = render(image)
    again = parse(raw)
    assert again == msgspec.structs.replace(image, id=digest_of(raw), chain=(DIFF,))
    assert render(again) == raw


def test_what_old_tools_wrote() -> None:
    image = parse(b'{"config":{"Cmd":"true","Entrypoint":null},"created":"0001-01-01T00:00:00Z","rootfs":null}')
    assert image.config.cmd == ("true",)
    assert (image.os, image.created, image.layers) == ("linux", 0, ())


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"[]", "invalid JSON"),
        (b'{"config":[]}', "config must be an object"),
        (b'{"config":{"Env":[1]}}', "want a list of texts"),
        (b'{"config":{"User":1}}', "User must be a text"),
        (b'{"rootfs":{"type":"windows"}}', "rootfs of type 'windows'"),
        (b'{"history":[1]}', "history must be a list of objects"),
        (b'{"created":"yesterday"}', "invalid time"),
    ],
)
def test_refusals(raw: bytes, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        parse(raw)


def test_chain_ids() -> None:
    assert chain_ids(()) == ()
    first, second = chain_ids((DIFF, DIFF))
    assert first == DIFF
    assert second == digest_of(f"{DIFF} {DIFF}".encode())


def test_imported() -> None:
    wish = ImportWish(platform=Platform("arm64", "linux", "v8"), changes=("USER x",), message="from afar")
    image = imported(wish, DIFF, 7)
    assert (image.architecture, image.variant, image.comment, image.config.user) == ("arm64", "v8", "from afar", "x")
    assert image.history == (HistoryEntry(created=7, comment="from afar"),)


def test_committed() -> None:
    base = Image(id="sha256:b", created=1, config=ImageConfig(cmd=("sh",), env=("P=1", "Q=1")), layers=(DIFF,))
    spec = ContainerSpec(cmd=("run", "it"), env=("Q=2",), labels={"a": "b"})
    wish = CommitWish(config=ImageConfig(user="boss"), comment="c", author="me", changes=("ENV R=3",))
    image = committed(base, spec, wish, "sha256:new", 9)
    assert image.layers == (DIFF, "sha256:new")
    assert image.parent == "sha256:b"
    assert image.config == ImageConfig(user="boss", cmd=("run", "it"), env=("R=3", "Q=2", "P=1"), labels={"a": "b"})
    assert image.history == (HistoryEntry(created=9, created_by="run it", author="me", comment="c"),)


def test_committed_without_changes_adds_no_layer() -> None:
    base = Image(id="sha256:b", created=1, config=ImageConfig(), layers=(DIFF,))
    empty = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    assert digest_of(bytes(1024)) == empty
    image = committed(base, ContainerSpec(), CommitWish(), empty, 9)
    assert image.layers == (DIFF,)
    assert image.history[-1].empty_layer


def test_an_entry_point_hides_the_command_below() -> None:
    below = ImageConfig(entrypoint=("old",), cmd=("arg",))
    assert merge(ImageConfig(entrypoint=("new",)), below).cmd is None
    assert merge(ImageConfig(cmd=("other",)), below).entrypoint == ("old",)
    assert merge(ImageConfig(), below) == below
    assert merge(FULL, ImageConfig()) == FULL == merge(ImageConfig(), FULL)


def descriptor(**more: Any) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": DIFF, "size": 1, **more}


def test_manifests() -> None:
    raw = json.dumps({"schemaVersion": 2, "config": descriptor(), "layers": [descriptor(), descriptor()]}).encode()
    assert [layer.digest for layer in parse_manifest(raw).layers] == [DIFF, DIFF]
    with pytest.raises(Invalid, match="schema version 1"):
        parse_manifest(b'{"schemaVersion":1}')
    foreign = descriptor(mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=["http://x"])
    with pytest.raises(Invalid, match=f"foreign layers are not supported: {DIFF}"):
        parse_manifest(json.dumps({"schemaVersion": 2, "config": descriptor(), "layers": [foreign]}).encode())
    with pytest.raises(Invalid):
        parse_manifest(b'{"schemaVersion":2}')


def test_index_and_platforms() -> None:
    platforms = [("amd64", ""), ("arm", "v6"), ("arm", "v7"), ("unknown", "")]
    manifests = [
        descriptor(digest=f"sha256:{n}", platform={"architecture": a, "os": "linux", "variant": v})
        for n, (a, v) in enumerate(platforms)
    ]
    index = parse_index(json.dumps({"schemaVersion": 2, "manifests": manifests}).encode())
    chosen = {text: choose(index.manifests, parse_platform(text)) for text in ("linux/arm/v7", "arm", "linux/s390x")}
    assert [c.digest if c else None for c in chosen.values()] == ["sha256:2", "sha256:1", None]


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux//x", "/"])
def test_bad_platforms(text: str) -> None:
    with pytest.raises(Invalid):
        parse_platform(text)


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        (None, None),
        ({"org.opencontainers.image.ref.name": "latest"}, None),
        ({"org.opencontainers.image.ref.name": "app:1"}, "app:1"),
        ({"io.containerd.image.name": "docker.io/library/app:2", "org.opencontainers.image.ref.name": "2"}, "app:2"),
        ({"io.containerd.image.name": "NO:no:no"}, None),
    ],
)
def test_names_in_layouts(annotations: dict[str, str] | None, name: str | None) -> None:
    found = annotated_name(Descriptor(digest=DIFF, annotations=annotations))
    assert (found.familiar if found else None) == name


def test_entries() -> None:
    (entry,) = parse_entries(b'[{"Config":"c","RepoTags":null,"Layers":["l"],"Parent":"x"}]')
    assert (entry.config, entry.repo_tags, entry.layers) == ("c", None, ("l",))
    with pytest.raises(Invalid):
        parse_entries(b'[{"Layers":[]}]')
