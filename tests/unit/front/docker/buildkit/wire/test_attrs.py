"""What clients ask of the Dockerfile frontend."""

import json

import pytest

from boxship.base.errors import Invalid, PlatformError, Unsupported
from boxship.engine.build.api import CacheRef
from boxship.front.docker.buildkit.wire import attrs
from boxship.model.container import Ulimit

UPLOADS = "http://session/"


def parse(given: dict[str, str], inputs: dict[str, str] | None = None) -> attrs.Asked:
    return attrs.parse(given, inputs or {}, uploads=UPLOADS)


def test_everything_that_can_be_said() -> None:
    asked = parse(
        {
            "target": "app", "platform": "linux/arm64", "image-resolve-mode": "pull", "no-cache": "one,two",
            "build-arg:A": "b", "build-arg:SOURCE_DATE_EPOCH": "7", "label:x": "y", "filename": "F",
            "add-hosts": '"a=1.2.3.4","b=[::1]"', "shm-size": "1024", "ulimit": "nofile=1:2,nproc=3",
            "cgroup-parent": "/g", "force-network-mode": "host", "context:dir": "local:dir",
            "context:up": "input:0-up", "attest:provenance": "mode=max,inline-only", "vcs:source": "here",
            "requestid": "frontend.outline", "frontend.caps": "x",
        },
        {"0-up": "ref:abc"},
    )  # fmt: skip
    spec = asked.spec
    assert (spec.target, spec.platform, spec.dockerfile, spec.pull, spec.separate) == (
        "app", "linux/arm64", "F", True, True,
    )  # fmt: skip
    assert (spec.no_cache, spec.no_cache_stages) == (False, ("one", "two"))
    assert (spec.build_args["A"], spec.epoch, spec.labels) == ("b", 7, {"x": "y"})
    assert spec.contexts == {"dir": "local:dir", "up": "input:0-up"}
    assert spec.host.extra_hosts == ("a:1.2.3.4", "b:::1")
    assert spec.host.ulimits == (Ulimit(name="nofile", soft=1, hard=2), Ulimit(name="nproc", soft=3, hard=3))
    assert (spec.host.shm_size, spec.host.cgroup_parent, spec.network) == (1024, "/g", "host")
    assert spec.attests == {"provenance": {"mode": "max", "inline-only": "true"}}
    assert asked.request == "frontend.outline"


@pytest.mark.parametrize(
    ("given", "context", "separate", "upload"),
    [
        ({}, "", True, ""),
        ({"context": "https://x/a.git"}, "https://x/a.git", False, ""),
        ({"context": "https://x/a.git", "dockerfilekey": "d"}, "https://x/a.git", True, ""),
        ({"context": UPLOADS + "1"}, "", False, UPLOADS + "1"),
    ],
)
def test_where_the_context_is(given: dict[str, str], context: str, separate: bool, upload: str) -> None:
    asked = parse(given)
    assert (asked.spec.context, asked.spec.separate, asked.upload) == (context, separate, upload)


def test_no_cache_alone_means_every_stage() -> None:
    assert parse({"no-cache": ""}).spec.no_cache


def test_an_input_may_be_a_place() -> None:
    assert parse({"context:a": "input:a"}, {"a": "https://x/r.git"}).spec.contexts == {"a": "https://x/r.git"}
    assert parse({}, {"context": "https://x/r.git"}).spec.context == "https://x/r.git"


def test_platforms() -> None:
    one = parse({"platform": "linux/x86_64"}, {}).spec
    assert (one.platform, one.platforms) == ("linux/amd64", ())
    several = parse({"platform": "linux/amd64,linux/arm64/v8,linux/arm64"}, {}).spec
    assert (several.platform, several.platforms) == ("", ("linux/amd64", "linux/arm64"))
    assert parse({"platform": "linux/arm/v7", "multi-platform": "true"}, {}).spec.platforms == ("linux/arm/v7",)


def test_caches_among_the_options() -> None:
    told = json.dumps([{"Type": "registry", "Attrs": {"ref": "r/c:1"}}])
    found = parse({"cache-imports": told, "cache-from": "r/d"}, {}).spec.cache_from
    assert [(each.kind, each.attributes) for each in found] == [
        ("registry", {"ref": "r/c:1"}), ("registry", {"ref": "r/d"}),
    ]  # fmt: skip


REFUSALS: list[tuple[dict[str, str], type[PlatformError], str]] = [
    ({"nonsense": "x"}, Unsupported, "'nonsense'"),
    ({"platform": "linux/amd 64"}, Invalid, "invalid component"),
    ({"force-network-mode": "bridge"}, Invalid, "invalid netmode bridge"),
    ({"add-hosts": "a"}, Invalid, "invalid key-value pair a"),
    ({"ulimit": "x"}, Invalid, "invalid ulimit x"),
    ({"shm-size": "1g"}, Invalid, "shm-size"),
    ({"build-arg:SOURCE_DATE_EPOCH": "now"}, Invalid, "SOURCE_DATE_EPOCH"),
    ({"context:a": "input:none"}, Invalid, "no input 'none'"),
]


@pytest.mark.parametrize(("given", "kind", "text"), REFUSALS)
def test_refusals(given: dict[str, str], kind: type[PlatformError], text: str) -> None:
    with pytest.raises(kind, match=text):
        parse(given)


def test_outputs_are_known_by_their_places() -> None:
    found = attrs.outputs_of([("moby", {"name": "a"}), ("tar", {}), ("local", {"dest": "d"})])
    assert [(output.kind, output.id) for output in found] == [("image", "0"), ("tar", "1"), ("local", "2")]
    assert [output.kind for output in attrs.outputs_of([])] == ["none"]
    with pytest.raises(Unsupported, match="tar=false"):
        attrs.outputs_of([("oci", {"tar": "false"})])


def test_caches() -> None:
    assert attrs.caches_of([("registry", {"ref": "r"})]) == (CacheRef(kind="registry", attributes={"ref": "r"}),)
