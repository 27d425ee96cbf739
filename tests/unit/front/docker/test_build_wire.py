"""The classic builder's query and stream."""

import base64
import json

import pytest

from boxship.base.errors import Invalid, Unsupported
from boxship.engine.build.api import BuildResult, Completed, Planned, Progress, Started, Vertex, Warned, Written
from boxship.engine.build.dockerfile.source import Line
from boxship.engine.build.errors import BuildFailed
from boxship.front.docker.wire.build import Classic, credentials_for, failure, parse_query, parse_registry_config


def asked(**query: str) -> object:
    many = {"t": tuple(filter(None, query.pop("t", "").split())), "extrahosts": ("a:1.2.3.4",)}
    return parse_query(query, many, (1, 41))


def test_the_query() -> None:
    found = asked(
        t="x y:1 x", dockerfile="D", q="1", rm="0", nocache="true", pull="1", target="s", networkmode="host",
        buildargs='{"a":"1","b":null}', labels='{"l":"m"}', memory="5", memswap="-1", cpushares="3", cpusetcpus="0",
        shmsize="7", ulimits='[{"Name":"nofile","Soft":1,"Hard":2}]', cachefrom='["z"]', platform="linux/arm64",
        remote="https://e.org/x.git", buildid="id1", cgroupparent="/p", securityopt='["seccomp=unconfined"]',
    )  # fmt: skip
    spec = found.spec  # type: ignore[attr-defined]
    assert (found.quiet, found.remove, found.build_id) == (True, False, "id1")  # type: ignore[attr-defined]
    assert (spec.tags, spec.dockerfile, spec.target, spec.context) == (
        ("x:latest", "y:1"),
        "D",
        "s",
        "https://e.org/x.git",
    )
    assert (spec.build_args, spec.labels, spec.platform) == ({"a": "1", "b": None}, {"l": "m"}, "linux/arm64")
    assert (spec.no_cache, spec.pull, spec.network, spec.keep_steps) == (True, True, "host", True)
    host = spec.host
    assert (host.memory, host.memory_swap, host.cpu_shares, host.cpuset_cpus, host.shm_size) == (5, -1, 3, "0", 7)
    assert [(u.name, u.soft, u.hard) for u in host.ulimits] == [("nofile", 1, 2)]
    assert (host.extra_hosts, host.cgroup_parent, host.security_opt) == (("a:1.2.3.4",), "/p", ("seccomp=unconfined",))
    assert spec.cache_from[0].attributes == {"ref": "z"}


def test_null_is_nothing() -> None:
    spec = asked(buildargs="null", labels="null", ulimits="null", cachefrom="null").spec  # type: ignore[attr-defined]
    assert (spec.build_args, spec.labels, spec.host.ulimits, spec.cache_from) == ({}, {}, None, ())


def test_the_epoch_is_an_argument() -> None:
    assert asked(buildargs='{"SOURCE_DATE_EPOCH":"12"}').spec.epoch == 12  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ({"version": "3"}, Unsupported, "no builder of version 3"),
        ({"squash": "1"}, Invalid, "experimental"),
        ({"t": "UPPER"}, Invalid, "invalid reference format"),
        ({"memory": "x"}, Invalid, "invalid syntax"),
        ({"buildargs": "[]"}, Invalid, "invalid JSON"),
        ({"isolation": "hyperv"}, Invalid, "Unsupported isolation"),
        ({"buildargs": '{"SOURCE_DATE_EPOCH":"x"}'}, Invalid, "invalid SOURCE_DATE_EPOCH"),
        ({"outputs": '[{"Type":"local"}]'}, Invalid, "outputs"),
    ],
)
def test_what_is_refused(query: dict[str, str], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        asked(**query)


def test_registry_config() -> None:
    given = {"e.org": {"username": "u", "password": "p"}, "https://index.docker.io/v1/": {"username": "hub"}}
    known = parse_registry_config(base64.urlsafe_b64encode(json.dumps(given).encode()).decode())
    assert credentials_for(known, "e.org").username == "u"
    assert credentials_for(known, "docker.io").username == "hub"
    assert credentials_for(known, "other.org").username == ""
    assert parse_registry_config("no base64 !") == {}


# ---- the stream

FROM = Vertex(digest="1", name="FROM", text="FROM a", stage="s", step=1, steps=3)
RUN = Vertex(digest="2", name="RUN", text="RUN x", stage="s", step=2, steps=3, line=2)
ENV = Vertex(digest="3", name="ENV", text="ENV a=b", stage="t", step=3, steps=3, line=3)
ID = "sha256:" + "ab" * 32


def shown(events: list[Progress], *, quiet: bool = False) -> str:
    classic = Classic(quiet=quiet)
    return "".join(line["stream"] for event in events for line in classic.feed(event))


def done(vertex: Vertex, **more: object) -> Completed:
    return Completed(vertex=vertex, time=0, started=0, image=ID, **more)  # type: ignore[arg-type]


def start(vertex: Vertex, container: str = "") -> Started:
    return Started(vertex=vertex, time=0, container=container)


def test_steps_are_shown_in_their_order_whatever_comes_first() -> None:
    events: list[Progress] = [
        Planned(vertexes=(FROM, RUN, ENV)), start(ENV), done(ENV, cached=True), start(FROM), done(FROM, cached=True),
        start(RUN), start(RUN, "cd" * 32), Written(vertex=RUN, stream=1, text=b"out\n", time=0),
        Written(vertex=RUN, stream=2, text=b"err\n", time=0), done(RUN, container="cd" * 32),
    ]  # fmt: skip
    assert shown(events).split("\n") == [
        "Step 1/3 : FROM a", " ---> abababababab", "Step 2/3 : RUN x", " ---> Running in cdcdcdcdcdcd", "out",
        "\x1b[91merr", "\x1b[0m ---> Removed intermediate container cdcdcdcdcdcd", " ---> abababababab",
        "Step 3/3 : ENV a=b", " ---> Using cache", " ---> abababababab", "",
    ]  # fmt: skip
    assert shown(events, quiet=True) == ""


def test_letters_cut_in_two_stay_whole() -> None:
    text = "é".encode()
    events: list[Progress] = [
        Planned(vertexes=(RUN,)), start(RUN), Written(vertex=RUN, stream=1, text=text[:1], time=0),
        Written(vertex=RUN, stream=1, text=text[1:], time=0),
    ]  # fmt: skip
    assert shown(events).endswith("é")


def test_the_end() -> None:
    classic = Classic()
    classic.feed(Warned(rule="UnusedBuildArg", text="typo"))
    lines = classic.ended(BuildResult(image_id=ID), ("x:latest",))
    assert lines[0] == {"aux": {"ID": ID}}
    assert [line["stream"] for line in lines[1:]] == [
        "[Warning] One or more build-args [typo] were not consumed\n",
        "Successfully built abababababab\n",
        "Successfully tagged x:latest\n",
    ]
    assert Classic(quiet=True).ended(BuildResult(image_id=ID), ()) == [{"aux": {"ID": ID}}, {"stream": f"{ID}\n"}]


def test_failures() -> None:
    failed = BuildFailed("/bin/sh -c x", 3, Line("RUN", "x", 2, 2))
    message = "The command '/bin/sh -c x' returned a non-zero code: 3"
    assert failure(failed) == {"errorDetail": {"code": 3, "message": message}, "error": message}
    assert failure(Invalid("no")) == {"errorDetail": {"message": "no"}, "error": "no"}
    classic = Classic()
    for event in (Planned(vertexes=(FROM, RUN)), start(RUN), Written(vertex=RUN, stream=1, text=b"why", time=0)):
        classic.feed(event)
    assert [line.get("stream", "") for line in classic.failed(failed)] == ["Step 2/3 : RUN x", "\n", "why", ""]
