"""Which stages are built for what is wanted, printed."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.build import keys
from boxship.engine.build.dockerfile import DockerfileError, parse
from boxship.engine.build.graph import plan, render
from boxship.engine.build.scope import Scope, platform_args, unused

HERE = ("linux", "amd64", "")


def planned(
    text: str, target: str = "", args: dict[str, str | None] | None = None, contexts: tuple[str, ...] = ()
) -> str:
    dockerfile = parse(dedent(text))
    known = platform_args(HERE, HERE)
    scope = Scope(given=args or {}, predefined=known, args=dict(known))
    for arg in dockerfile.args:
        scope.declare(arg, {})
    return render(plan(dockerfile, scope, target, contexts))


THREE = """\
    ARG BASE=alpine
    FROM $BASE AS base
    RUN a
    FROM base AS build
    COPY . /src
    FROM golang AS tools
    RUN t
    FROM scratch
    COPY --from=build /src /
    COPY --from=busybox /bin/sh /bin/
"""

PLANS = {
    "the last stage and what it needs": (
        (THREE,),
        """\
        2 base: image alpine
          3 RUN
        4 build: stage 0
          5 COPY <main>
        6 stage-3: scratch
          7 COPY <stage 1>
          8 COPY <image busybox>
        skip tools""",
    ),
    "a target leaves out what comes behind": (
        (THREE, "base"),
        """\
        2 base: image alpine
          3 RUN
        skip build
        skip tools
        skip stage-3""",
    ),
    "a target by number": ((THREE, "2"), "2 tools: image golang\n  3 RUN\nskip base\nskip build\nskip stage-3"),
    "a target in other letters": (
        (THREE, "TOOLS"),
        "2 tools: image golang\n  3 RUN\nskip base\nskip build\nskip stage-3",
    ),
    "arguments choose the base": (
        (THREE, "base", {"BASE": "debian"}),
        "2 base: image debian\n  3 RUN\nskip build\nskip tools\nskip stage-3",
    ),
    "named contexts outweigh images": (
        ("FROM a\nCOPY --from=b x y\nCOPY --from=c x y\n", "", None, ("a", "b")),
        "1 stage-0: context a\n  2 COPY <context b>\n  3 COPY <image c>",
    ),
    "mounts are needs too": (
        ("FROM a AS one\nFROM b AS two\nFROM c\nRUN --mount=type=bind,from=one,target=/x --mount=target=/y z\n",),
        "1 one: image a\n2 stage-2: image c\n  3 RUN <stage 0> <main>\nskip two",
    ),
    "by number": (
        ("FROM a\nFROM b\nCOPY --from=0 x y\n",),
        "1 stage-0: image a\n2 stage-1: image b\n  3 COPY <stage 0>",
    ),
    "a later stage of that name is an image": (
        ("FROM a\nCOPY --from=z x y\nFROM b AS z\n", "0"),
        "1 stage-0: image a\n  2 COPY <image z>\nskip z",
    ),
    "platform arguments": (("FROM x-$TARGETARCH\n",), "1 stage-0: image x-amd64"),
}


@pytest.mark.parametrize(("arguments", "wanted"), PLANS.values(), ids=PLANS)
def test_plans(arguments: tuple[object, ...], wanted: str) -> None:
    assert planned(*arguments) == dedent(wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        (THREE, "biuld", r'target stage "biuld" could not be found \(did you mean build\?\)'),
        (THREE, "9", 'target stage "9" could not be found'),
        ("FROM $NOTHING\n", "", r"base name \(\$NOTHING\) should not be blank"),
        ("FROM a AS b\nCOPY --from=b x y\n", "", "cannot take files of itself"),
        ("FROM a\nCOPY --from=3 x y\n", "", "there is no such stage before"),
        ("FROM a\nCOPY --from=$x x y\n", "", "variable expansion is not supported for --from"),
        ("FROM ${a:?which}\n", "", "a: which"),
    ],
)
def test_what_cannot_be_planned(text: str, target: str, said: str) -> None:
    with pytest.raises((DockerfileError, Invalid), match=said):
        planned(text, target)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=7), st.integers(0, 6))
def test_law_a_plan_holds_all_that_it_needs_and_no_more(shape: list[tuple[bool, int]], wanted: int) -> None:
    """shape: for each stage whether it begins with another one or copies of it, and which."""
    text = ""
    for index, (begins, other) in enumerate(shape):
        known = other % index if index else None
        text += f"FROM {f's{known}' if begins and known is not None else 'x'} AS s{index}\n"
        text += f"COPY --from=s{known} a b\n" if not begins and known is not None else ""
    dockerfile = parse(text)
    target = wanted % len(shape)
    made = plan(dockerfile, Scope(given={}, predefined={}), f"s{target}")
    there = {p.stage.index for p in made.stages}
    needed = {target} | {need for p in made.stages for need in p.needs}
    assert there == needed
    assert len(there) + len(made.skipped) == len(shape)
    assert [s.number for p in made.stages for s in p.steps] == sorted({s.number for p in made.stages for s in p.steps})


def test_unused_arguments() -> None:
    given = {"a": "1", "b": None, "HTTP_PROXY": "x", "BUILDKIT_SYNTAX": "y"}
    assert unused(given, {"a"}) == ("b",)


# ---- keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_law_keys_do_not_know_an_order_of_names(inputs: dict[str, object]) -> None:
    backwards = dict(reversed(list(inputs.items())))
    assert keys.key("k", **inputs) == keys.key("k", **backwards)
    assert keys.key("k", **inputs) != keys.key("other", **inputs)


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_law_keys_are_equal_only_for_equal_inputs(one: list[object], other: list[object]) -> None:
    same = keys.key("k", v=one) == keys.key("k", v=other)
    assert same == (repr(one) == repr(other) or _sorted(one) == _sorted(other))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return ("object", [[k, _sorted(value[k])] for k in sorted(value)])
    return ("list", [_sorted(v) for v in value]) if isinstance(value, list) else (type(value), value)


def test_layers_in_another_order_are_other_files() -> None:
    assert keys.files(["a", "b"]) != keys.files(["b", "a"])
