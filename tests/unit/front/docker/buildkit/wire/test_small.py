"""Graphs, failures, modes, answers about Dockerfiles."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid, Unsupported
from boxship.engine.build.api import BuildSpec, Checked, Warned
from boxship.engine.build.dockerfile import parse
from boxship.engine.build.dockerfile.source import DockerfileError, Line
from boxship.engine.build.errors import BuildFailed
from boxship.engine.build.graph import Seen, plan
from boxship.engine.build.scope import Scope
from boxship.front.docker.buildkit.pb.ops_pb2 import Definition, FileAction, FileActionCopy, FileOp, Op, SourceOp
from boxship.front.docker.buildkit.wire import described, faults, graph, modes


def definition(*ops: Op) -> Definition:
    made = Definition()
    getattr(made, "def").extend(op.SerializeToString() for op in ops)
    return made


def test_a_result_comes_back_as_itself() -> None:
    assert graph.source_of(graph.definition_of("abc")) == graph.Source("result", "abc")


SOURCES = {
    "git": (
        SourceOp(identifier="git://x/r.git#main:d", attrs={"git.fullurl": "https://x/r.git"}),
        "url", "https://x/r.git#main:d", "",
    ),
    "plain git": (SourceOp(identifier="git://x/r.git"), "url", "https://x/r.git", ""),
    "file": (SourceOp(identifier="https://x/a/F?b", attrs={}), "url", "https://x/a/F?b", "F"),
    "named file": (SourceOp(identifier="https://x/a", attrs={"http.filename": "n"}), "url", "https://x/a", "n"),
    "directory": (SourceOp(identifier="local://ctx"), "local", "ctx", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name: str) -> None:
    op, kind, rest, file = SOURCES[name]
    assert graph.source_of(definition(Op(source=op), Op())) == graph.Source(kind, rest, file)


def test_an_archive_that_is_taken_apart_and_what_is_more_than_a_source() -> None:
    http = Op(source=SourceOp(identifier="https://x/a.tgz"))
    unpack = Op(file=FileOp(actions=[FileAction(copy=FileActionCopy(src="/a", dest="/", attempt_unpack=True))]))
    assert graph.source_of(definition(http, unpack, Op())) == graph.Source("url", "https://x/a.tgz", "")
    copy = Op(file=FileOp(actions=[FileAction(copy=FileActionCopy(src="/a", dest="/"))]))
    for ops in ((http, copy), (http, http), ()):
        with pytest.raises(Unsupported, match="only Dockerfiles"):
            graph.source_of(definition(*ops))
    with pytest.raises(Unsupported, match="docker-image"):
        graph.source_of(definition(Op(source=SourceOp(identifier="docker-image://x"))))


def test_failures_carry_their_place() -> None:
    line = Line("RUN", "x", 2, 3, source=("FROM a", "RUN x \\", " y"))
    found = faults.located(BuildFailed("x y", 7, line), "F", None)
    ((kind, raw),) = faults.details_of(found)
    detail = json.loads(raw)
    assert kind == "github.com/moby/buildkit/errdefs.Source+json"
    assert detail["ranges"] == [{"start": {"line": 2}, "end": {"line": 3}}]
    assert detail["info"]["filename"] == "F"
    shown = "wrong\nDockerfile:1\n" + "-" * 20 + "\n   1 | >>> x\n" + "-" * 20
    assert str(faults.located(DockerfileError(shown, 1), "F", b"x")) == "wrong"
    assert faults.details_of(faults.located(DockerfileError(shown, 1), "F", None)) == ()
    assert faults.details_of(Invalid("x")) == ()
    assert faults.details_of(faults.UnknownRequest("frontend.x"))[0][1] == b'{"name":"frontend.x"}'


KINDS = [stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK]


@given(st.sampled_from(KINDS), st.integers(0, 0o7777))
def test_modes_survive_both_ways(kind: int, bits: int) -> None:
    assert modes.to_linux(modes.to_go(kind | bits)) == kind | bits


TEXT = """ARG V=1
# base what all need
FROM busybox AS base
ARG N
RUN --mount=type=secret,id=tok,required=true --mount=type=ssh x
FROM base AS last
FROM base
"""


def seen(target: str = "") -> Seen:
    dockerfile = parse(TEXT, "Dockerfile")
    scope = Scope(given={"N": "n"}, predefined={})
    for arg in dockerfile.args:
        scope.declare(arg, {})
    return Seen(dockerfile, plan(dockerfile, scope, target), scope)


def test_what_a_dockerfile_takes() -> None:
    found = described.outline(seen("last"), BuildSpec(target="last"))
    assert found == {
        "name": "last",
        "args": [{"name": "V", "value": "1"}, {"name": "N", "value": "n"}],
        "secrets": [{"name": "tok", "required": True}],
        "ssh": [{"name": "default"}],
    }
    text = described.outline_text(found)
    assert "TARGET: last" in text
    assert "BUILD ARG   VALUE   DESCRIPTION" in text
    assert "tok      true" in text


def test_which_targets_it_has() -> None:
    found = described.targets(seen())
    assert found["targets"][0] == {"name": "base", "description": "what all need", "base": "busybox"}
    assert [bool(target.get("default")) for target in found["targets"]] == [False, False, True]
    assert described.targets_text(found).splitlines()[1] == "base      what all need"
    assert "(default)" in described.targets_text(found)


def test_what_is_wrong_with_it() -> None:
    warned = Warned(rule="Rule", text="is bad", url="https://u/", line=2, detail="two")
    found = described.lint(Checked(warnings=(warned,), error="parse error on line 3: x"), "F", b"one\ntwo\nthree\n")
    assert found["buildError"]["location"]["ranges"][0]["start"]["line"] == 3
    text = described.lint_text(found, b"one\ntwo\nthree\n")
    assert "WARNING: Rule - https://u/\nis bad\nF:2\n" in text
    assert "   2 | >>> two" in text
    assert "ERROR: parse error on line 3: x" in text
