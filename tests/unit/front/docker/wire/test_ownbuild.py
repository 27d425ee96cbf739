"""The request of our own command line, and what it is told."""

import base64
import json
from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.engine.build.api import Advanced, Completed, Output, Planned, Started, Vertex, Warned, Written
from boxship.front.docker.wire import ownbuild as wire

V = Vertex(digest="sha256:1", name="[a 1/2] RUN x", inputs=("sha256:0",))


def parse(**asked: Any) -> Any:
    return wire.parse_wish(json.dumps(asked).encode())[0]


def test_a_whole_request() -> None:
    spec = parse(
        Dockerfile="D", Separate=True, BuildArgs={"A": "1", "SOURCE_DATE_EPOCH": "7"}, Tags=["x"], NoCacheFilter=["s"],
        Outputs=[{"Type": "oci", "Id": "0", "Attributes": {"name": "n"}}], Allow=["network.host"],
        CacheTo=[{"Type": "local", "Attributes": {"dest": "d"}}], Attests={"sbom": {}},
        Host={"Memory": 5, "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "ExtraHosts": ["a:1.1.1.1"]},
    )  # fmt: skip
    assert (spec.dockerfile, spec.epoch, spec.tags, spec.no_cache_stages) == ("D", 7, ("x:latest",), ("s",))
    assert spec.outputs == (Output(kind="oci", id="0", attributes={"name": "n"}),)
    assert (spec.host.memory, spec.host.ulimits[0].hard, spec.host.extra_hosts) == (5, 2, ("a:1.1.1.1",))
    assert (spec.cache_to[0].attributes, spec.attests) == ({"dest": "d"}, {"sbom": {}})


def test_without_outputs_an_image_is_kept() -> None:
    assert parse().outputs == (Output(),)


WRONG: dict[str, dict[str, Any]] = {
    "unknown": {"Squash": True},
    "unknown field": {"Host": {"CpuRealtime": 1}},
    "entitlement": {"Allow": ["device"]},
    "SOURCE_DATE_EPOCH": {"BuildArgs": {"SOURCE_DATE_EPOCH": "soon"}},
    "invalid reference": {"Tags": ["A B"]},
}


@pytest.mark.parametrize(("said", "asked"), WRONG.items(), ids=list(WRONG))
def test_nothing_is_ignored(said: str, asked: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=said):
        parse(**asked)


def test_progress_has_buildkits_shape() -> None:
    told = [
        wire.told(each)
        for each in (
            Planned(vertexes=(V,)),
            Started(vertex=V, time=1_000_000_000),
            Written(vertex=V, stream=2, text=b"\xffx", time=2_000_000_000),
            Advanced(vertex=V, id="get", current=1, total=2, time=0, started=0),
            Completed(vertex=V, time=3_000_000_000, started=1_000_000_000, cached=True, error=""),
            Warned(rule="R", text="t", line=3),
        )
    ]
    head = {"digest": "sha256:1", "name": "[a 1/2] RUN x", "inputs": ["sha256:0"]}
    assert told[0] == {"vertexes": [head]}
    assert told[1]["vertexes"][0]["started"] == "1970-01-01T00:00:01Z"
    assert base64.b64decode(told[2]["logs"][0]["data"]) == b"\xffx"
    assert told[3]["statuses"][0]["total"] == 2
    assert told[4]["vertexes"][0]["cached"] is True
    assert told[5]["warnings"][0]["line"] == 3
